//! The store that dies, stalls, refuses or is full: the archiver waits where waiting helps, stops where it does not, and
//! commits nothing meanwhile.

use super::servers::Mine;
use super::shop::Chaos;
use super::until;

/// While the store is gone events come in, and nothing of them may be committed.
fn commits_rest(chaos: &Chaos) {
    // A commit may have been on its way when the store went.
    let mut before = chaos.committed();
    until("commits rest", || {
        let earlier = std::mem::replace(&mut before, chaos.committed());
        earlier == before
    });
    let records = chaos.records_in_kafka();
    until("events come in", || chaos.records_in_kafka() >= records + 2_000);
    assert_eq!(chaos.committed(), before, "committed without a store");
}

#[test]
fn a_store_that_dies_in_the_middle_of_uploads_is_waited_for_and_nothing_is_committed_meanwhile() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        let mut archiver = chaos.archiver(&format!("archiver-{round}"));
        let feed = chaos.feed(20_000, 1_000);
        archiver.until_ready();
        archiver.until_said(" linked ", 1 + chaos.dice.below(40));
        mine.kill(&["minio"]);
        let reason = archiver.until_unready();
        assert!(reason.contains("the store cannot be reached"), "{reason}");
        commits_rest(&chaos);
        mine.start(&["minio"]);
        archiver.until_ready();
        archiver.until_said(" linked ", archiver.said(" linked ") + 10);
        records += feed.all_acked();
        archiver.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}
