//! Shared and exclusive use of the servers: a test that stops servers has them alone, and starts them again.

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::fixture::servers::{chaos_rounds, variable};

/// Locked for writing by a test that stops servers, for reading by one that needs all of them.
static WHOLE: RwLock<()> = RwLock::new(());

/// No test stops a server while this exists.
pub struct Whole(#[expect(dead_code, reason = "held, not used")] RwLockReadGuard<'static, ()>);

impl Whole {
    /// `None` where the test is skipped.
    pub fn share() -> Option<Whole> {
        chaos_rounds()?;
        Some(Whole(WHOLE.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// No other chaos test uses the servers while this exists. Dropping it starts all of them again.
pub struct Mine(#[expect(dead_code, reason = "held, not used")] RwLockWriteGuard<'static, ()>);

impl Mine {
    /// `None` where the test is skipped.
    pub fn take() -> Option<Mine> {
        chaos_rounds()?;
        Some(Mine(WHOLE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Sends SIGKILL to these servers: `1`, `2`, `3` or `minio`.
    pub fn kill(&self, servers: &[&str]) {
        run(cluster("kill", servers));
    }

    /// Starts the store with other credentials than the archiver's.
    pub fn start_store_of_a_stranger(&self) {
        let mut start = cluster("start", &["minio"]);
        start.env("CLUSTER_SECRET_KEY", "withdrawn-for-a-while");
        run(start);
    }

    /// Starts these servers and waits until they are ready.
    pub fn start(&self, servers: &[&str]) {
        run(cluster("start", servers));
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        let started = cluster("start", &["1", "2", "3", "minio"]).status();
        assert!(
            std::thread::panicking() || started.is_ok_and(|status| status.success()),
            "the servers cannot be started again"
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
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
}
