//! The servers, shared or alone: who breaks them has them alone, and leaves them running.

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::fixture::servers::{chaos_rounds, variable};

/// Held for writing by a test that breaks servers, for reading by one that needs them whole.
static WHOLE: RwLock<()> = RwLock::new(());

/// Nobody breaks a server while this lives.
pub struct Whole(#[expect(dead_code, reason = "held, not used")] RwLockReadGuard<'static, ()>);

impl Whole {
    /// `None` where nobody asked for chaos.
    pub fn share() -> Option<Whole> {
        chaos_rounds()?;
        Some(Whole(WHOLE.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// No other test of these uses the servers while this lives; afterwards all of them run again.
pub struct Mine(#[expect(dead_code, reason = "held, not used")] RwLockWriteGuard<'static, ()>);

impl Mine {
    /// `None` where nobody asked for chaos.
    pub fn take() -> Option<Mine> {
        chaos_rounds()?;
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

fn cluster(verb: &str, servers: &[&str]) -> Command {
    let script = variable("KIVEND_TEST_CLUSTER");
    let mut command = Command::new(script);
    command.arg(verb).args(servers);
    command
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}
