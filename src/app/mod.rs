//! What the program can do, one module a capability: the only place that joins input and output to the pure core.
//! Never prints, and never reads arguments: settings and inputs come in, a report goes out.

pub mod archiver;
pub mod checkpoint;
pub mod checkpoint_copies;
pub mod checkpoint_now;
pub mod consume;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod export;
mod fetch;
pub mod files;
mod folders;
pub mod generate;
pub mod head;
pub mod ingest;
pub mod init;
pub mod key_book;
pub mod key_file;
pub mod process;
pub mod progress;
pub mod prove;
mod reading;
pub mod rotate;
pub mod second_place;
pub mod stop;
pub mod topics;
pub mod verify;
