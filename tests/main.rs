//! One integration binary: each module is one promise of the product. Modules that need the real servers run when
//! `deploy/local/cluster run` started them, and are named `real_*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test that unwraps fails the test"
)]
use kivend as product;

mod architecture;
mod attacks;
mod checkpoints;
mod command_line;
mod embedded;
mod export;
mod fixture;
mod hostile;
mod ingest;
mod projection;
mod proofs;
mod real_attacks;
mod real_chaos;
mod real_kafka;
mod real_pipeline;
mod real_places;
mod real_policies;
mod real_tls;
mod rotation;
mod second_places;
mod segments;
mod simulation;
mod starting;
mod store_contract;
mod supervision;
mod vectors;
mod verify;
