//! Whatever dies, and whenever: processes are killed and stopped, brokers and the store go and come back, while events
//! come in. Afterwards every record that Kafka acknowledged stands in the archive once, and the verifier says so.
//!
//! Runs when `deploy/local/cluster run` started the servers and `KIVEND_TEST_CHAOS` says how many rounds: what a test
//! does again and again it does so often. `KIVEND_TEST_SEED` repeats the choices of an earlier run.

mod brokers;
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

use std::time::Duration;

use kivend::clock::Clock;

/// How long anything may take that must happen: many session timeouts, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(180);

/// How many partitions the four topics of a shop have.
const PARTITIONS: usize = 14;

/// Waits until something holds, and says what it waited for in vain.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = Clock::start();
    while !holds() {
        assert!(waiting.elapsed_s() < PATIENCE.as_secs_f64(), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
