//! The main job on real servers, as a user does it: create topics, ingest, archive, verify. Runs when
//! `deploy/local/cluster run` started the servers; every test has topics, a group and a bucket prefix of its own.

mod backlog;
mod beside;
mod exactly_once;
mod replaced;
mod rotation;
pub mod shop;
mod walk_through;
