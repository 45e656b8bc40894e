//! An archiver that is killed at any moment loses nothing and archives nothing twice.

use std::time::Duration;

use kivend::clock::random_bytes;

use super::shop::Shop;

/// How often an archiver is killed; `KIVEND_TEST_KILLS` asks for more.
const KILLS: u32 = 5;

#[test]
fn an_archiver_killed_again_and_again_while_events_come_in_archives_each_record_once() {
    let Some(shop) = Shop::open() else { return };
    shop.json(&["init"]);
    let kills = std::env::var("KIVEND_TEST_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(KILLS);
    for round in 0..kills {
        let mut archiver = shop.start_archiver();
        shop.ingest_generated(10_000, 100 + round);
        // The moment is what is tested: anywhere between joining the group and having archived everything.
        let pause_ms = u64::from(u16::from_be_bytes(random_bytes().unwrap())) % 3_000;
        eprintln!("round {round}: killed after {pause_ms} ms");
        std::thread::sleep(Duration::from_millis(pause_ms));
        archiver.kill().unwrap();
        archiver.wait().unwrap();
    }
    shop.verify_intact(u64::from(kills) * 10_000);
}
