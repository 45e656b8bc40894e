//! Failures while events arrive: processes are killed and stopped, brokers and the store fail and return. Afterwards
//! every record that Kafka acknowledged is in the archive once, and the verifier confirms it.
//!
//! Needs the servers of `deploy/local/cluster run`. `KIVEND_TEST_CHAOS` is the number of rounds of the tests that
//! repeat a failure; without it they are skipped. `KIVEND_TEST_SEED` repeats the random choices of an earlier run.

mod brokers;
mod disk;
mod elections;
mod kills;
mod members;
mod poison;
pub mod process;
mod proxy;
mod servers;
mod shop;
mod store;
mod transactions;
mod zombies;

use crate::fixture::patience::{PATIENCE, until};

/// Partitions of the four topics of a shop in all.
const PARTITIONS: usize = 14;
