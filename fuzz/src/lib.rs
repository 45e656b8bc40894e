//! The pure layers of kivend and the list of its readers, compiled for the fuzzer. The layers depend on no client and
//! no async runtime, so this crate compiles without them.

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

/// The crate under the name that tests/hostile/readers.rs uses.
pub mod product {
    pub use crate::{json, log, record, segment, verify};
}

#[path = "../../tests/hostile/readers.rs"]
pub mod readers;
