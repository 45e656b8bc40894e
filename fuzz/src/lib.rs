//! The product's pure layers and the list of its readers, compiled for the fuzzer. The layers name no client and no
//! runtime, so a fuzzer needs none of their dependencies; that this file compiles is one more proof of it.

#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/segment/mod.rs"]
pub mod segment;
#[path = "../../src/verify/mod.rs"]
pub mod verify;

/// What the readers call the product.
pub mod product {
    pub use crate::{model, segment, verify};
}

#[path = "../../tests/hostile/readers.rs"]
pub mod readers;
