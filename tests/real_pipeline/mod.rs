//! The whole pipeline on real servers, as a user runs it: create topics, ingest, archive, verify. Every test has
//! topics, a group and a bucket prefix of its own.

mod any_topic;
mod backlog;
mod beside;
mod daemon;
mod drills;
mod exactly_once;
mod large;
mod misfits;
mod odd_files;
mod rejected_lines;
mod replaced;
mod restarting;
mod restored_groups;
mod restores;
mod rotation;
pub mod shop;
mod topic_limits;
mod walk_through;
