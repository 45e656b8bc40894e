//! What the program can do, one module a capability: the only place that joins input and output to the pure core.
//! Never prints, and never reads arguments: settings and inputs come in, a report goes out.

pub mod checkpoint;
pub mod consume;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod files;
pub mod generate;
pub mod ingest;
pub mod keys;
pub mod prove;
pub mod topics;
pub mod verify;
