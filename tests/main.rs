//! The integration tests, in one binary so that they link once. Modules named `real_*` need the servers that
//! `deploy/local/cluster run` starts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test that unwraps fails the test"
)]
use kivend as product;

mod architecture;
mod attacks;
mod audit;
mod change_keys;
mod checkpoint_mirrors;
mod checkpoints;
mod cloud;
mod command_line;
mod commands;
mod cut_bucket;
mod documents;
mod embedded;
mod export;
mod extra_links;
mod fixture;
mod hostile;
mod ingest;
mod interop;
mod log_events;
mod monitoring;
mod partial;
mod planted;
mod projection;
mod proofs;
mod real_attacks;
mod real_chaos;
mod real_kafka;
mod real_monitoring;
mod real_pipeline;
#[cfg(feature = "pkcs11")]
mod real_pkcs11;
mod real_places;
mod real_policies;
mod real_tls;
mod real_witness;
mod requests;
mod retention;
mod rotation;

mod segments;
mod settings;
mod simulation;
mod skipping;
mod starting;
mod store_contract;
mod supervision;
mod vectors;
mod verify;
