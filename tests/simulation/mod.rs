//! The simulation: whatever fails at whatever time, every record that Kafka acknowledged is in the archive exactly
//! once, in order and in a chain that verifies, or the chain itself records which range is missing and why. The real
//! driver, state machine, requests, encoder and verifier run over a Kafka and a bucket in memory, under virtual time.
//! All faults are drawn from one seed.
//!
//! A failure prints its seed. `KIVEND_SIM_SEED=<seed> cargo test --release simulation` repeats it, and
//! `KIVEND_SIM_RUNS=<n>` sets the number of runs. Seeds that failed once are in seeds.txt and always run.

mod archiver;
mod content;
mod counts;
pub mod dice;
mod faults;
mod junk;
mod kafka;
mod large;
mod memory;
mod network;
mod oracle;
pub mod setup;
mod signed;
mod table;
mod thief;
mod time;
mod witness;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use counts::Counts;
use dice::Dice;
use tokio::runtime::{Builder, Runtime};
use world::Play;

/// The default number of runs: many in a release build, as in CI, and few in a debug build.
const RUNS: u64 = if cfg!(debug_assertions) { 100 } else { 4000 };

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn run(seed: u64, play: Play, runtime: &Runtime) -> Result<Counts, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| world::run(seed, play, runtime)));
    outcome
        .unwrap_or_else(|_| Err("panicked".to_owned()))
        .map_err(|why| format!("KIVEND_SIM_SEED={seed}: {play:?}: {why}"))
}

/// Runs all seeds on all processors. Fails with the messages of up to 20 failed runs.
fn run_all(seeds: &[u64], play: Play) -> Counts {
    let next = AtomicU64::new(0);
    let work = || {
        let runtime = runtime();
        let (mut counts, mut failures) = (Counts::default(), Vec::new());
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            match run(*seed, play, &runtime) {
                Ok(done) => counts += done,
                Err(why) => failures.push(why),
            }
        }
        (counts, failures)
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (done, failed) = worker.join().unwrap();
            counts += done;
            failures.extend(failed);
        }
    });
    assert!(
        failures.is_empty(),
        "{} of {} runs failed:\n{}",
        failures.len(),
        seeds.len(),
        failures[..failures.len().min(20)].join("\n")
    );
    counts
}

#[test]
fn seeds_that_failed_once_pass() {
    let seeds: Vec<u64> = include_str!("seeds.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    run_all(&seeds, Play::WithoutLog);
    run_all(&seeds, Play::Whole);
}

#[test]
fn nothing_is_lost_and_nothing_is_archived_twice_whatever_fails() {
    let asked = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = asked("KIVEND_SIM_SEED") {
        println!("{:?}", run_all(&[seed], Play::Whole));
        return;
    }
    let mut dice = Dice::new(asked("KIVEND_SIM_FROM").unwrap_or(1));
    let seeds: Vec<u64> = (0..asked("KIVEND_SIM_RUNS").unwrap_or(RUNS))
        .map(|_| dice.roll())
        .collect();
    let counts = run_all(&seeds, Play::Whole);
    println!("{counts:?}");
    assert!(
        counts.have_all_happened() || seeds.len() < 1000,
        "something never happened: {counts:?}"
    );
}
