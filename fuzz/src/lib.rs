//! The product's pure layers and the list of its readers, compiled for the fuzzer. The layers name no client and no
//! runtime, so a fuzzer needs none of their dependencies; that this file compiles is one more proof of it.

#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/json/mod.rs"]
pub mod json;
#[path = "../../src/log/mod.rs"]
pub mod log;
#[path = "../../src/record/mod.rs"]
pub mod record;
#[path = "../../src/segment/mod.rs"]
pub mod segment;
#[path = "../../src/verify/mod.rs"]
pub mod verify;

/// What the readers call the product.
pub mod product {
    pub use crate::{json, log, record, segment, verify};
}

#[path = "../../tests/hostile/readers.rs"]
pub mod readers;
