//! Whatever dies, and whenever: processes are killed and stopped, brokers and the store go and come back, while events
//! come in. Afterwards every record that Kafka acknowledged stands in the archive once, and the verifier says so.
//!
//! Runs when `deploy/local/cluster run` started the servers and `KIVEND_TEST_CHAOS` says how many rounds: what a test
//! does again and again it does so often. `KIVEND_TEST_SEED` repeats the choices of an earlier run.

mod brokers;
mod disk;
mod kills;
mod members;
mod poison;
mod process;
mod proxy;
mod servers;
mod shop;
mod store;
mod transactions;
mod zombies;

use crate::fixture::patience::{PATIENCE, until};

/// How many partitions the four topics of a shop have.
const PARTITIONS: usize = 14;
