//! Breaks each rule of a link once.

use proptest::prelude::*;

use super::*;
use crate::log::rejected::RejectReason;
use crate::log::signed_note::SigningKey;

fn key() -> SigningKey {
    SigningKey::from_seed("kivend", &[7; 32]).unwrap()
}

fn keyring() -> Keyring {
    Keyring::new("kivend", vec![key().verifying_key().clone()], vec![])
}

/// The example of FORMAT.md.
pub fn example() -> Link {
    Link {
        r#type: LinkType::V1,
        archive_id: "ab".repeat(16),
        cluster_id: "cluster".into(),
        topic: "payments".into(),
        topic_id: None,
        partition: 1,
        epoch: Epoch(0),
        height: Height(17),
        first_offset: FirstOffset(2500),
        next_offset: NextOffset(2650),
        record_count: 147,
        encoding: 1,
        leader_epoch: Some(3),
        absent: vec![(2510, 2513)],
        lost: None,
        min_timestamp_ms: Some(1_763_559_062_594),
        max_timestamp_ms: Some(1_763_559_999_000),
        records_root: Hash::of(b"root"),
        segment: Some(SegmentRef {
            key: "data/payments/1/0000-00000000000000002500.parquet".into(),
            bytes: 81234,
            sha256: Hash::of(b"segment"),
        }),
        rejected: vec![],
        checkpoint: CheckpointRef {
            number: 7,
            root: Hash::of(b"checkpoint"),
        },
        sealed_at: "2026-02-03T10:15:00Z".parse().unwrap(),
        seal_reason: SealReason::Age,
        next_epoch_at: None,
        sealed_by: "kivend-archiver 0.1.0".into(),
        previous: Hash::of(b"before"),
    }
}

fn broken(change: impl FnOnce(&mut Link)) -> String {
    let mut link = example();
    change(&mut link);
    link.check().expect_err("the broken rule was not found").to_string()
}

#[test]
fn the_text_follows_the_format() {
    let text = canonical::to_text(&example()).unwrap();
    let expected = format!(
        "{{\"type\":\"kivend.link/v1\",\"archive_id\":\"{}\",\"cluster_id\":\"cluster\",\"topic\":\"payments\",\"topic_id\":null,\"partition\":1,\"epoch\":0,\"height\":17,\"first_offset\":2500,\"next_offset\":2650,\"record_count\":147,\"encoding\":1,\"leader_epoch\":3,\"absent\":[[2510,2513]],\"lost\":null,\"min_timestamp_ms\":1763559062594,\"max_timestamp_ms\":1763559999000,\"records_root\":\"{}\",\"segment\":{{\"key\":\"data/payments/1/0000-00000000000000002500.parquet\",\"bytes\":81234,\"sha256\":\"{}\"}},\"rejected\":[],\"checkpoint\":{{\"number\":7,\"root\":\"{}\"}},\"sealed_at\":\"2026-02-03T10:15:00Z\",\"seal_reason\":\"age\",\"next_epoch_at\":null,\"sealed_by\":\"kivend-archiver 0.1.0\",\"previous\":\"{}\"}}\n",
        "ab".repeat(16),
        Hash::of(b"root"),
        Hash::of(b"segment"),
        Hash::of(b"checkpoint"),
        Hash::of(b"before"),
    );
    assert_eq!(text, expected);
}

#[test]
fn a_sealed_link_opens_at_its_place_only() {
    let sealed = example().seal(&key()).unwrap();
    let opened = open(&sealed.object, &keyring(), &"ab".repeat(16), &example().place()).unwrap();
    assert_eq!(
        opened,
        SignedLink {
            link: example(),
            hash: sealed.hash,
            signer: key().verifying_key().id(),
        }
    );

    let elsewhere = Place {
        first_offset: FirstOffset(0),
        ..example().place()
    };
    assert!(matches!(
        open(&sealed.object, &keyring(), &"ab".repeat(16), &elsewhere),
        Err(Invalid::Replay(_))
    ));
    assert!(matches!(
        open(&sealed.object, &keyring(), &"cd".repeat(16), &example().place()),
        Err(Invalid::Replay(_))
    ));
    let other = SigningKey::from_seed("other", &[8; 32]).unwrap();
    let other_keys = Keyring::new("other", vec![other.verifying_key().clone()], vec![]);
    let unknown = open(&sealed.object, &other_keys, &"ab".repeat(16), &example().place());
    assert!(matches!(unknown, Err(Invalid::UnknownKey { .. })));
}

#[test]
fn a_newer_version_is_distinguished_from_invalid_content() {
    let newer = canonical::to_text(&example()).unwrap().replacen("/v1", "/v2", 1);
    let sealed = seal(newer, &key()).unwrap();
    let opened = open(&sealed.object, &keyring(), &"ab".repeat(16), &example().place());
    assert_eq!(
        opened,
        Err(Invalid::UnknownType {
            kind: "kivend.link/v2".into(),
            signer: key().verifying_key().id(),
        })
    );
    let nonsense = seal("nonsense\n".into(), &key()).unwrap();
    assert!(matches!(
        open(&nonsense.object, &keyring(), &"ab".repeat(16), &example().place()),
        Err(Invalid::Content(_))
    ));
}

#[test]
fn every_rule_of_a_single_link_is_checked() {
    example().check().unwrap();
    for (change, message) in [
        (
            Box::new(|l: &mut Link| l.archive_id = "x".into()) as Box<dyn FnOnce(&mut Link)>,
            "archive_id",
        ),
        (Box::new(|l| l.next_offset = NextOffset(2500)), "range is empty"),
        (Box::new(|l| l.next_offset = NextOffset(2499)), "range is negative"),
        (Box::new(|l| l.encoding = 0), "encoding"),
        (Box::new(|l| l.encoding = u64::MAX), "beyond i64"),
        (Box::new(|l| l.leader_epoch = Some(-1)), "leader_epoch"),
        (Box::new(|l| l.next_epoch_at = Some(0)), "next_epoch_at"),
        (Box::new(|l| l.seal_reason = SealReason::Recreated), "close"),
        (Box::new(|l| l.record_count = 148), "record_count"),
        (Box::new(|l| l.absent = vec![(2510, 2511), (2511, 2513)]), "absent"),
        (Box::new(|l| l.absent = vec![(2512, 2513), (2509, 2511)]), "absent"),
        (Box::new(|l| l.absent = vec![(2648, 2651)]), "absent"),
        (Box::new(|l| l.max_timestamp_ms = None), "timestamp"),
        (Box::new(|l| l.max_timestamp_ms = Some(0)), "timestamp"),
        (Box::new(|l| l.segment = None), "a link with records has no segment"),
        (Box::new(|l| l.seal_reason = SealReason::Lost), "lost disagree"),
        (Box::new(|l| l.partition = 2), "another place"),
        (
            Box::new(|l| l.segment.as_mut().unwrap().key = l.place().segment(Attempt(1)).to_string()),
            "have a gap",
        ),
    ] {
        let rule = broken(change);
        assert!(rule.contains(message), "{rule} does not contain {message}");
    }
}

#[test]
fn a_range_may_begin_with_absent_offsets() {
    let mut link = example();
    link.absent = vec![(2500, 2503)];
    link.check().unwrap();
}

#[test]
fn a_lost_range_has_no_records() {
    let mut link = example();
    link.lost = Some(Lost {
        first_offset: FirstOffset(2500),
        next_offset: NextOffset(2650),
        log_start_offset: 2650,
        observed_at: link.sealed_at,
        reason: LossReason::Retention,
    });
    (link.seal_reason, link.record_count, link.absent) = (SealReason::Lost, 0, vec![]);
    link.leader_epoch = None;
    (link.segment, link.records_root) = (None, Hash::of(b""));
    (link.min_timestamp_ms, link.max_timestamp_ms) = (None, None);
    link.check().unwrap();
    link.lost.as_mut().unwrap().log_start_offset = 2700;
    assert!(link.check().is_err());
}

#[test]
fn the_attempts_of_all_segments_have_no_gap() {
    let mut link = example();
    let reject = |attempt: u32| Rejected {
        key: example().place().segment(Attempt(attempt)).to_string(),
        bytes: 3,
        sha256: Some(Hash::ZERO),
        reason: RejectReason::Unreadable,
    };
    link.segment.as_mut().unwrap().key = link.place().segment(Attempt(1)).to_string();
    // '-' sorts before '.', so -r2 sorts before the plain key.
    link.rejected = vec![reject(2), reject(0)];
    link.check().unwrap();
    link.rejected.reverse();
    assert!(link.check().is_err());
    link.rejected = vec![reject(0), reject(0)];
    assert!(link.check().is_err());
}

#[test]
fn every_rule_between_two_links_is_checked() {
    let before = SignedLink {
        hash: Hash::of(b"before"),
        signer: key().verifying_key().id(),
        link: Link {
            height: Height(16),
            next_offset: NextOffset(2500),
            ..example()
        },
    };
    let genesis = Hash::of(b"genesis");
    example().continues(Some(&before), &genesis).unwrap();
    assert!(example().continues(None, &genesis).is_err());
    for change in [
        (|l: &mut Link| l.height = Height(18)) as fn(&mut Link),
        |l| l.previous = Hash::ZERO,
        |l| l.archive_id = "cd".repeat(16),
        |l| l.topic = "orders".into(),
        |l| l.checkpoint.number = 6,
        |l| l.first_offset = FirstOffset(2501),
        |l| l.cluster_id = "another".into(),
        |l| l.leader_epoch = Some(2),
        |l| l.epoch = Epoch(1),
        |l| l.epoch = Epoch(2),
    ] {
        let mut link = example();
        change(&mut link);
        assert!(link.continues(Some(&before), &genesis).is_err(), "{link:?}");
    }
}

/// A link that ends the epoch of the example before its place.
fn closing(reason: SealReason, next_epoch_at: i64) -> Link {
    Link {
        next_offset: NextOffset(2500),
        record_count: 0,
        leader_epoch: None,
        absent: vec![],
        min_timestamp_ms: None,
        max_timestamp_ms: None,
        records_root: Hash::of(b""),
        segment: None,
        seal_reason: reason,
        next_epoch_at: Some(next_epoch_at),
        ..example()
    }
}

#[test]
fn every_rule_of_a_closing_link_is_checked() {
    closing(SealReason::Recreated, 0).check().unwrap();
    closing(SealReason::Diverged, 0).check().unwrap();
    closing(SealReason::Diverged, 2499).check().unwrap();
    for (reason, begins) in [
        (SealReason::Recreated, 1),
        (SealReason::Diverged, -1),
        (SealReason::Diverged, 2500),
        (SealReason::Age, 0),
    ] {
        assert!(closing(reason, begins).check().is_err(), "{reason:?} {begins}");
    }
    for change in [
        (|l: &mut Link| l.next_epoch_at = None) as fn(&mut Link),
        |l| l.next_offset = NextOffset(2501),
        |l| l.height = Height(0),
        |l| l.epoch = Epoch::MAX,
        |l| l.leader_epoch = Some(1),
        |l| l.record_count = 1,
        |l| {
            l.rejected = vec![Rejected {
                key: l.place().segment(Attempt::PLAIN).to_string(),
                bytes: 3,
                sha256: Some(Hash::ZERO),
                reason: RejectReason::Unreadable,
            }];
        },
    ] {
        let mut link = closing(SealReason::Recreated, 0);
        change(&mut link);
        assert!(link.check().is_err(), "{link:?}");
    }
}

/// The link after `before` at `place`, over `offsets`; a closing link without `offsets`.
fn following(before: &SignedLink, reason: SealReason, offsets: i64) -> Link {
    let place = before.link.next_place();
    Link {
        epoch: place.epoch,
        first_offset: place.first_offset,
        next_offset: NextOffset(place.first_offset.0 + offsets),
        height: before.link.height.next(),
        previous: before.hash,
        seal_reason: reason,
        topic_id: None,
        ..example()
    }
}

fn head(link: Link) -> SignedLink {
    SignedLink {
        hash: Hash::of(canonical::to_text(&link).unwrap().as_bytes()),
        signer: key().verifying_key().id(),
        link,
    }
}

#[test]
fn an_epoch_keeps_cluster_and_topic_unless_the_topic_was_created_again() {
    let id = |letter: &str| Some(letter.repeat(22));
    let with_id = |reason, begins| {
        head(Link {
            topic_id: id("A"),
            ..closing(reason, begins)
        })
    };
    let (recreated, diverged) = (with_id(SealReason::Recreated, 0), with_id(SealReason::Diverged, 9));
    let genesis = Hash::ZERO;
    for (before, topic_id, cluster_id, holds) in [
        (&recreated, id("B"), "another", true),
        (&recreated, None, "cluster", true),
        (&recreated, id("A"), "cluster", false),
        (&diverged, id("A"), "cluster", true),
        (&diverged, id("B"), "cluster", false),
        (&diverged, None, "cluster", false),
        (&diverged, id("A"), "another", false),
    ] {
        let link = Link {
            topic_id,
            cluster_id: cluster_id.into(),
            ..following(before, SealReason::Age, 10)
        };
        assert_eq!(link.continues(Some(before), &genesis).is_ok(), holds, "{link:?}");
    }
}

#[test]
fn a_leader_epoch_is_known_at_the_end_only_where_a_record_ends_the_range() {
    assert_eq!(example().leader_epoch_at_end(), Some(3));
    let mut link = example();
    link.absent = vec![(2640, 2650)];
    assert_eq!(link.leader_epoch_at_end(), None);
    assert_eq!(closing(SealReason::Recreated, 0).leader_epoch_at_end(), None);
}

proptest! {
    /// Whoever writes the next link, of either kind, writes it at the one place that the link before names.
    #[test]
    fn a_chain_with_closing_links_has_one_place_for_its_next_link(steps in prop::collection::vec((0..6, 1..50i64), 1..40)) {
        let mut before = head(Link {
            height: Height(0),
            first_offset: FirstOffset(0),
            topic_id: None,
            ..example()
        });
        for (kind, size) in steps {
            let at = before.link.next_place().first_offset.0;
            let link = match kind {
                0 => Link {
                    next_epoch_at: Some(0),
                    ..following(&before, SealReason::Recreated, 0)
                },
                1 if at > 0 => Link {
                    next_epoch_at: Some(size % at),
                    ..following(&before, SealReason::Diverged, 0)
                },
                _ => following(&before, SealReason::Age, size),
            };
            prop_assert!(link.continues(Some(&before), &Hash::ZERO).is_ok());
            for (epoch, offset) in [(1, 0), (0, 1), (1, -1)] {
                let elsewhere = Link {
                    epoch: Epoch(link.epoch.0 + epoch),
                    first_offset: FirstOffset(link.first_offset.0 + offset),
                    ..link.clone()
                };
                prop_assert!(elsewhere.continues(Some(&before), &Hash::ZERO).is_err());
            }
            let next = link.next_place();
            prop_assert_eq!(next.epoch.0, link.epoch.0 + u32::from(link.is_closing()));
            before = head(link);
        }
    }
}
