//! Breaks each rule of a link once.

use super::*;

fn key() -> SigningKey {
    SigningKey::from_seed("kivend", &[7; 32]).unwrap()
}

fn keyring() -> Keyring {
    Keyring::new(vec![key().verifying_key().clone()])
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
        absent: vec![(2510, 2513)],
        lost: None,
        min_timestamp_ms: Some(1_763_559_062_594),
        max_timestamp_ms: Some(1_763_559_999_000),
        records_root: Hash::of(b"root"),
        segment: Some(SegmentRef {
            key: "data/topic=payments/partition=1/0000-00000000000000002500.parquet".into(),
            bytes: 81234,
            sha256: Hash::of(b"segment"),
        }),
        rejected: vec![],
        checkpoint: CheckpointRef {
            number: 7,
            sha256: Hash::of(b"checkpoint"),
        },
        sealed_at: "2026-02-03T10:15:00Z".parse().unwrap(),
        seal_reason: SealReason::Age,
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
        "{{\"type\":\"kivend.link/v1\",\"archive_id\":\"{}\",\"cluster_id\":\"cluster\",\"topic\":\"payments\",\"topic_id\":null,\"partition\":1,\"epoch\":0,\"height\":17,\"first_offset\":2500,\"next_offset\":2650,\"record_count\":147,\"absent\":[[2510,2513]],\"lost\":null,\"min_timestamp_ms\":1763559062594,\"max_timestamp_ms\":1763559999000,\"records_root\":\"{}\",\"segment\":{{\"key\":\"data/topic=payments/partition=1/0000-00000000000000002500.parquet\",\"bytes\":81234,\"sha256\":\"{}\"}},\"rejected\":[],\"checkpoint\":{{\"number\":7,\"sha256\":\"{}\"}},\"sealed_at\":\"2026-02-03T10:15:00Z\",\"seal_reason\":\"age\",\"sealed_by\":\"kivend-archiver 0.1.0\",\"previous\":\"{}\"}}\n",
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
            hash: sealed.hash
        }
    );

    let elsewhere = Place {
        first_offset: FirstOffset(0),
        ..example().place()
    };
    assert!(matches!(
        open(&sealed.object, &keyring(), &"ab".repeat(16), &elsewhere),
        Err(Invalid::Content(_))
    ));
    assert!(matches!(
        open(&sealed.object, &keyring(), &"cd".repeat(16), &example().place()),
        Err(Invalid::Content(_))
    ));
    let other_keys = Keyring::new(vec![
        SigningKey::from_seed("other", &[8; 32])
            .unwrap()
            .verifying_key()
            .clone(),
    ]);
    let unknown = open(&sealed.object, &other_keys, &"ab".repeat(16), &example().place());
    assert!(matches!(unknown, Err(Invalid::UnknownKey { .. })));
}

#[test]
fn a_newer_version_is_distinguished_from_invalid_content() {
    let newer = canonical::to_text(&example()).unwrap().replacen("/v1", "/v2", 1);
    let sealed = note::seal(newer, &key()).unwrap();
    let opened = open(&sealed.object, &keyring(), &"ab".repeat(16), &example().place());
    assert_eq!(opened, Err(Invalid::UnknownType("kivend.link/v2".into())));
    let nonsense = note::seal("nonsense\n".into(), &key()).unwrap();
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
        sha256: Hash::ZERO,
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
        |l| l.epoch = Epoch(1),
        |l| l.epoch = Epoch(2),
    ] {
        let mut link = example();
        change(&mut link);
        assert!(link.continues(Some(&before), &genesis).is_err(), "{link:?}");
    }
    let next_epoch = Link {
        epoch: Epoch(1),
        first_offset: FirstOffset(0),
        cluster_id: "another".into(),
        ..example()
    };
    next_epoch.continues(Some(&before), &genesis).unwrap();
}
