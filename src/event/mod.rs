//! One line of JSONL as an event, and the topic that it is routed to. Pure.

pub mod event;
pub mod routing;
