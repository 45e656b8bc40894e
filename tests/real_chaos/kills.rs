//! An archiver that is killed at any moment loses nothing and archives nothing twice.

use std::time::Duration;

use super::servers::Whole;
use super::shop::Chaos;

#[test]
fn an_archiver_killed_again_and_again_while_events_come_in_archives_each_record_once() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let mut records = 0;
    for round in 0..chaos.rounds {
        let archiver = chaos.archiver("killed");
        let feed = chaos.feed(3_000);
        // The kill comes at a random moment between joining the group and having archived everything.
        let pause_ms = chaos.dice.below(10_000) as u64;
        eprintln!("round {round}: killed after {pause_ms} ms");
        std::thread::sleep(Duration::from_millis(pause_ms));
        archiver.kill();
        records += feed.all_acked();
    }
    assert_eq!(chaos.reckon(), records);
    eprintln!("{records} records acknowledged, and archived once each");
}
