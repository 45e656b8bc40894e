//! Verification in shards: merged shards find what a whole run finds, and an incomplete set of shards is never intact.

use kivend::app::verify::Request;
use kivend::log::object_key::Attempt;
use kivend::verify::findings::Code;
use kivend::verify::merge::{Unmergeable, merge};
use kivend::verify::report::Report;
use kivend::verify::shard::Shard;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::Archive;

/// The reports of `count` shards, serialised and parsed as through files.
fn shards(archive: &Archive, count: u64) -> Vec<(String, Report)> {
    let report = |index| {
        let request = Request {
            shard: Some(Shard { index, count }),
            ..archive.request()
        };
        let report = archive.verify(Some(archive.broker.clone()), request);
        let stored = serde_json::to_string(&report).unwrap();
        (format!("{index}.json"), serde_json::from_str(&stored).unwrap())
    };
    (1..=count).map(report).collect()
}

fn whole(archive: &Archive) -> Report {
    archive.verify(Some(archive.broker.clone()), archive.request())
}

/// The codes of a report's findings.
fn grave(report: &Report) -> Vec<Code> {
    let mut codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn all_shards_together_say_what_a_whole_run_says() {
    let archive = Archive::usual();
    let whole = whole(&archive);
    for count in [1, 2, 3, 8] {
        let merged = merge(shards(&archive, count)).unwrap();
        expect_intact(&merged, &[]);
        assert_eq!(merged.scope.records, whole.scope.records);
        assert_eq!(merged.scope.records_compared, whole.scope.records_compared);
        assert_eq!(merged.anchored, whole.anchored);
        assert!(merged.scope.whole);
    }
    // The report of a single shard says that it covers a part.
    let (_, alone) = shards(&archive, 2).remove(0);
    assert!(alone.summary.contains("only shard 1/2"), "{}", alone.summary);
    assert!(!alone.scope.whole);
}

#[test]
fn what_a_whole_run_catches_the_shards_catch_together() {
    type Attack = fn(&mut Archive);
    let attacks: [(&str, Attack); 8] = [
        ("a stray object", |archive| archive.store.plant("stray", "x")),
        ("a link gone", |archive| {
            archive.store.vanish(&archive.link_key("payments", 0, 2));
        }),
        ("the newest link cut", |archive| {
            archive.store.vanish(&archive.link_key("user-events", 1, 3));
        }),
        ("a whole partition gone", |archive| {
            for key in archive.store.keys().iter().filter(|key| key.contains("user-events")) {
                archive.store.vanish(key);
            }
        }),
        ("a checkpoint altered", |archive| {
            archive.seal("payments", 0, 3);
            archive.tamper("checkpoints/0000000001.note", |bytes| bytes[30] ^= 1);
        }),
        ("the checkpoint that links name gone", |archive| {
            archive.seal("payments", 0, 3);
            archive.store.vanish("checkpoints/0000000001.note");
        }),
        ("a second version", |archive| {
            archive.store.plant(&archive.link_key("payments", 0, 1), "x");
        }),
        ("a planted segment", |archive| {
            let place = archive.chains[&kivend::record::position::TopicPartition::new("payments", 0)][1]
                .link
                .place();
            archive.store.plant(&place.segment(Attempt(1)).to_string(), "x");
        }),
    ];
    for (name, attack) in attacks {
        let mut archive = Archive::usual();
        attack(&mut archive);
        let whole = whole(&archive);
        assert_ne!(whole.verdict, Verdict::Intact, "{name}");
        let merged = merge(shards(&archive, 3)).unwrap();
        assert_eq!(merged.verdict, whole.verdict, "{name}");
        assert_eq!(grave(&merged), grave(&whole), "{name}");
    }
}

#[test]
fn an_incomplete_set_of_shards_is_never_intact() {
    let archive = Archive::usual();
    let all = shards(&archive, 3);
    let mut missing = all.clone();
    missing.remove(1);
    expect(&merge(missing).unwrap(), Verdict::Incomplete, Code::ShardMissing);
    let mut doubled = all.clone();
    doubled[1] = doubled[0].clone();
    expect(&merge(doubled).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
    let mut other_deal = all.clone();
    other_deal[0] = shards(&archive, 2).remove(0);
    expect(&merge(other_deal).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
    let mut no_shard = all.clone();
    no_shard[2].1 = whole(&archive);
    expect(&merge(no_shard).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
    let mut other_archive = all.clone();
    other_archive[2].1.archive.sha256 = Some("0".repeat(64));
    expect(&merge(other_archive).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
    let mut other_scope = all.clone();
    other_scope[2].1.scope.against.pop();
    expect(&merge(other_scope).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
    let mut other_trust = all.clone();
    other_trust[2].1.trust.keys.clear();
    expect(&merge(other_trust).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
}

#[test]
fn shards_that_saw_different_archives_are_detected() {
    let mut archive = Archive::usual();
    let mut reports = shards(&archive, 2);
    // Checkpoints were added between the shards: the sequence is the same, only longer.
    archive.seal("payments", 0, 3);
    archive.checkpoint();
    archive.commit();
    reports[1] = shards(&archive, 2).remove(1);
    assert_eq!(merge(reports.clone()).unwrap().verdict, Verdict::Intact);
    // The second shard saw another history.
    reports[0].1.checkpoints.newest_root = Some("0".repeat(64));
    expect(
        &merge(reports.clone()).unwrap(),
        Verdict::Tampered,
        Code::ShardsDisagree,
    );
    reports[0].1.checkpoints.newest = None;
    expect(&merge(reports).unwrap(), Verdict::Incomplete, Code::ShardsDiffer);
}

#[test]
fn a_report_that_somebody_edited_is_refused() {
    let archive = Archive::usual();
    archive.store.plant("stray", "x");
    let mut reports = shards(&archive, 2);
    reports[0].1.verdict = Verdict::Intact;
    assert!(matches!(merge(reports.clone()), Err(Unmergeable::Altered(file)) if file == "1.json"));
    reports[0].1.finding_counts.clear();
    assert!(matches!(merge(reports), Err(Unmergeable::Altered(_))));
    assert!(matches!(merge(Vec::new()), Err(Unmergeable::Nothing)));
}
