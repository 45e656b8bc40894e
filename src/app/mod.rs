//! What the program can do, one module for each capability. Settings and inputs come in, a report goes out: these functions
//! print nothing and read no arguments.

pub mod audit;
pub mod checkpoint;
pub mod config_check;
pub mod consume;
pub mod demo;
pub mod doctor;
pub mod drill;
pub mod export;
pub mod files;
pub mod generate;
pub mod iceberg;
pub mod ingest;
pub mod keys;
pub mod nearby;
pub mod prove;
pub mod restore;
pub mod retention;
pub mod similar;
pub mod topics;
pub mod verify;
