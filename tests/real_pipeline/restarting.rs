//! An archiver that is killed resumes at once when it starts again, long before its session in the group has expired; one that is
//! stopped hands its partitions over at once.

use std::collections::BTreeSet;
use std::time::Duration;

use kivend::clock::Clock;

use super::shop::Shop;
use crate::fixture::patience::{until, until_within};
use crate::real_chaos::process::Archiver;

/// Partitions of the four topics of a shop in all.
const PARTITIONS: usize = 14;
/// Far below the session timeout, which is 45 s here. Measured: benches/NOTES.md.
const AT_ONCE: Duration = Duration::from_secs(15);

fn start(shop: &Shop, name: &str) -> Archiver {
    let mut command = shop.archiver(&["--set", "archive.seal_max_idle=500ms"]);
    command
        .env("KIVEND_LOG", "warn,kivend=debug,aws=error")
        .env("KIVEND_TELEMETRY__LISTEN", "127.0.0.1:0");
    Archiver::start(command, shop.folder().join(format!("{name}.log")))
}

fn until_shared(one: &Archiver, other: &Archiver) {
    until("two archivers share the partitions", || {
        let (one, other) = (one.holds(), other.holds());
        let all: BTreeSet<&String> = one.union(&other).collect();
        all.len() == PARTITIONS && !one.is_empty() && !other.is_empty() && one.is_disjoint(&other)
    });
}

#[test]
fn an_archiver_that_is_killed_has_its_partitions_again_within_seconds_and_two_on_one_host_share_them() {
    let Some(shop) = Shop::with_properties(&[]) else { return };
    shop.json(&["init"]);
    let killed = start(&shop, "killed");
    killed.until_ready();
    let staying = start(&shop, "staying");
    until_shared(&killed, &staying);
    let (had, kept) = (killed.holds(), staying.holds());

    killed.kill();
    let since = Clock::start();
    shop.ingest_generated(2_000, 1);
    let sent_s = since.elapsed_s();
    let since = Clock::start();
    let again = start(&shop, "again");
    let mut reasons = BTreeSet::new();
    until_within(AT_ONCE, "the restarted archiver has what it had", || {
        let (is_ready, reason) = again.readiness();
        if !is_ready {
            reasons.insert(reason);
        }
        again.holds() == had
    });
    assert!(
        reasons.iter().any(|reason| reason.starts_with("starting: ")),
        "{reasons:?}"
    );
    let resumed_s = since.elapsed_s();
    until_within(AT_ONCE, "it is ready", || again.readiness().0);
    assert_eq!(staying.holds(), kept, "a partition moved");
    eprintln!("resumed {resumed_s:.2} s after the start (sending took {sent_s:.2} s)");
    until_within(AT_ONCE, "both seal", || {
        again.said("segment_sealed") > 0 && staying.said("segment_sealed") > 0
    });

    again.terminate();
    until_within(AT_ONCE, "the other has all partitions", || {
        staying.holds().len() == PARTITIONS
    });
    staying.terminate();
    shop.verify_intact(2_000);
}
