//! The servers, shared or alone: who breaks them has them alone, and leaves them running.

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Held for writing by a test that breaks servers, for reading by one that needs them whole.
static WHOLE: RwLock<()> = RwLock::new(());

/// Nobody breaks a server while this lives.
pub struct Whole(#[expect(dead_code, reason = "held, not used")] RwLockReadGuard<'static, ()>);

impl Whole {
    /// `None` where nobody asked for chaos.
    pub fn share() -> Option<Whole> {
        rounds()?;
        Some(Whole(WHOLE.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// No other test of these uses the servers while this lives; afterwards all of them run again.
pub struct Mine(#[expect(dead_code, reason = "held, not used")] RwLockWriteGuard<'static, ()>);

impl Mine {
    /// `None` where nobody asked for chaos.
    pub fn take() -> Option<Mine> {
        rounds()?;
        Some(Mine(WHOLE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    /// SIGKILL, as in a crash: `1`, `2`, `3` or `minio`.
    pub fn kill(&self, servers: &[&str]) {
        run(cluster("kill", servers));
    }

    /// The store, with another password than everybody has.
    pub fn start_store_of_a_stranger(&self) {
        let mut start = cluster("start", &["minio"]);
        start.env("CLUSTER_SECRET_KEY", "withdrawn-for-a-while");
        run(start);
    }

    /// Returns when they are ready.
    pub fn start(&self, servers: &[&str]) {
        run(cluster("start", servers));
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        let started = cluster("start", &["1", "2", "3", "minio"]).status();
        assert!(
            std::thread::panicking() || started.is_ok_and(|status| status.success()),
            "the servers do not run again"
        );
    }
}

/// How often a test does what it does again and again; `None` where nobody asked for chaos, or no servers run.
pub fn rounds() -> Option<u32> {
    std::env::var_os("KIVEND_TEST_CLUSTER")?;
    let rounds = std::env::var("KIVEND_TEST_CHAOS").ok()?;
    Some(rounds.parse().expect("KIVEND_TEST_CHAOS is a number of rounds"))
}

fn cluster(verb: &str, servers: &[&str]) -> Command {
    let script = std::env::var_os("KIVEND_TEST_CLUSTER").expect("deploy/local/cluster run sets it");
    let mut command = Command::new(script);
    command.arg(verb).args(servers);
    command
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}
