//! Events, one per line of JSONL, and their routing to topics. Pure.

pub mod event;
pub mod routing;
