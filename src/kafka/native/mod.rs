//! The C calls that rust-rdkafka lacks, or that it cannot make without undefined behaviour: an end of partition with its
//! topic, header names that are not UTF-8, fetching without a group, error codes that the bindings do not list.

pub(super) mod client;
pub(super) mod code;
pub(super) mod controller;
pub(super) mod delivery;
pub(super) mod event;
pub(super) mod fetching;
pub(super) mod inbox;
pub(super) mod listed;
pub(super) mod log_end;
pub(super) mod member_id;
pub(super) mod memory;
pub(super) mod message;
pub(super) mod produce;
pub(super) mod queue;
pub(super) mod topic;
pub(super) mod topic_id;
