//! The records of a selection, their proof and the folder with both.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kivend::app::prove::{Condition, FolderReport, Selected, Selection, check_folder, prove_selection, write_folder};
use kivend::app::restore::{Axis, Span};
use kivend::log::proof::Proof;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::record::Timestamp;
use kivend::record::topic_pattern::TopicPattern;
use kivend::segment::projection::rules::{ColumnType, Projection, Rule};
use kivend::task::error::AppError;
use kivend::task::progress::Silent;
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::proof::check;
use kivend::verify::retrieval::{Cost, Retrieval};
use kivend::verify::verdict::Verdict;

use super::{expect, public};
use crate::fixture::{Archive, OwnedRecord};

/// Records of a segment: enough that it is longer than what is fetched to see its statistics.
const RECORDS: i64 = 3_000;
const FIRST_MS: i64 = 1_770_000_000_000;

fn everything() -> Selection {
    Selection {
        topics: Vec::new(),
        partition: None,
        span: Span {
            axis: Axis::Record,
            since_ms: None,
            until_ms: None,
        },
        conditions: Vec::new(),
    }
}

pub(super) fn whose(conditions: &[(&str, &str)]) -> Selection {
    let conditions = conditions.iter().map(|(field, value)| Condition {
        field: (*field).to_owned(),
        value: (*value).to_owned(),
    });
    Selection {
        conditions: conditions.collect(),
        ..everything()
    }
}

pub(super) fn select(archive: &Archive, selection: &Selection) -> Result<Selected, AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = Arc::new(archive.store.clone());
    runtime.block_on(prove_selection(store, &Given::default(), selection, &Silent))
}

fn order(offset: i64) -> OwnedRecord {
    let noise = Hash::of(&offset.to_be_bytes());
    let customer = offset % 50;
    let value = format!(
        "{{\"order_id\":{offset},\"customer_id\":\"c-{customer}\",\"note\":\"<script>alert(1)</script>\",\"noise\":\"{noise}\"}}"
    );
    OwnedRecord {
        timestamp: Timestamp::create_ms(FIRST_MS + offset),
        value: Some(value.into_bytes()),
        ..OwnedRecord::event(offset, 0)
    }
}

/// Two partitions of three segments, of which the last is under no checkpoint. Each segment has 3,000 numbers and ms of its own.
pub(super) fn orders() -> Archive {
    let mut archive = Archive::new();
    archive.projection = Projection::new(vec![
        Rule::new("order_number", "/order_id", ColumnType::Int64),
        Rule::new("customer", "/customer_id", ColumnType::String),
    ])
    .unwrap();
    for segment in 0..3 {
        if segment == 2 {
            archive.checkpoint();
        }
        for number in [0, 1] {
            let records: Vec<OwnedRecord> = (segment * RECORDS..(segment + 1) * RECORDS).map(order).collect();
            archive.archive(
                &TopicPartition::new("orders", number),
                &records,
                (segment + 1) * RECORDS,
            );
        }
    }
    archive
}

fn offsets(selected: &Selected) -> Vec<(i32, i64)> {
    let records = selected.records.iter().map(|encoding| {
        let encoded = kivend::record::decode::Encoded::read(encoding).unwrap();
        (encoded.partition.partition, encoded.record().offset)
    });
    records.collect()
}

fn cost(selected: &Selected) -> [u64; 5] {
    let Cost {
        segments,
        skipped_by_time,
        skipped_by_statistics,
        read,
        above_checkpoint,
        ..
    } = selected.retrieval.cost;
    [segments, skipped_by_time, skipped_by_statistics, read, above_checkpoint]
}

#[test]
fn the_records_of_a_customer_are_found_in_every_partition_and_proved_by_one_file() {
    let archive = orders();
    for field in ["customer", "customer_id"] {
        let selected = select(&archive, &whose(&[(field, "c-7")])).unwrap();
        let expected: Vec<(i32, i64)> = (0..2)
            .flat_map(|number| (0..120).map(move |times| (number, 7 + 50 * times)))
            .collect();
        assert_eq!(offsets(&selected), expected);
        assert_eq!(cost(&selected), [4, 0, 0, 4, 2]);
        let report = check(selected.text.as_bytes(), &public(&[7]));
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
        super::expect(
            &check(selected.text.as_bytes(), &public(&[9])),
            Verdict::Unverifiable,
            Code::ProofNotTrusted,
        );
    }
}

#[test]
fn an_event_is_found_by_its_id_and_by_its_number_without_reading_other_segments() {
    let archive = Archive::usual();
    let selected = select(&archive, &whose(&[("event_id", &format!("{:032x}", 42))])).unwrap();
    assert_eq!(selected.records.len(), 1);
    let archive = orders();
    let selected = select(&archive, &whose(&[("order_number", "3050")])).unwrap();
    assert_eq!(offsets(&selected), [(0, 3_050), (1, 3_050)]);
    assert_eq!(cost(&selected), [4, 0, 2, 2, 2]);
    let all = select(&archive, &everything()).unwrap().retrieval.cost;
    let Cost {
        segment_bytes,
        bytes,
        requests,
        ..
    } = selected.retrieval.cost;
    // Of each of the other two segments only the end was fetched.
    assert!(
        segment_bytes < all.segment_bytes && segment_bytes < bytes && requests > 4,
        "{all:?}"
    );
}

#[test]
fn a_time_range_leaves_out_segments_by_their_signed_times() {
    let archive = orders();
    let mut selection = everything();
    selection.span.since_ms = Some(FIRST_MS + RECORDS);
    selection.span.until_ms = Some(FIRST_MS + RECORDS + 3);
    selection.topics = vec![TopicPattern::parse("ord*").unwrap()];
    selection.partition = Some(1);
    let selected = select(&archive, &selection).unwrap();
    assert_eq!(offsets(&selected), [(1, 3_000), (1, 3_001), (1, 3_002)]);
    assert_eq!(cost(&selected), [2, 1, 0, 1, 1]);
    // Neighbours share their path.
    let Proof::Records(proof) = Proof::from_bytes(selected.text.as_bytes()).unwrap() else {
        panic!("another type")
    };
    assert!(proof.partitions[0].links[0].records_path.len() <= 12);
}

#[test]
fn nothing_found_no_such_topic_and_no_checkpoint_are_told() {
    let archive = orders();
    let told = |selection: &Selection| select(&archive, selection).unwrap_err().to_string();
    let nothing = told(&whose(&[("customer_id", "c-77")]));
    assert!(
        nothing.contains("no record was found") && nothing.contains("4 read with 12000 records"),
        "{nothing}"
    );
    // What no checkpoint covers is not found.
    assert!(told(&whose(&[("order_id", "6000")])).contains("2 not yet under a checkpoint"));
    let mut other = everything();
    other.topics = vec![TopicPattern::parse("order").unwrap()];
    assert!(told(&other).contains("did you mean `orders`?"));
    let empty = select(&Archive::new(), &everything()).unwrap_err().to_string();
    assert!(empty.contains("no checkpoint covers records yet"), "{empty}");
}

#[test]
fn a_segment_that_was_changed_is_an_error_and_not_left_out() {
    let archive = orders();
    let key = archive.segment_key("orders", 0, 0);
    let mut bytes = archive.store.bytes(&key).unwrap().to_vec();
    bytes[2000] ^= 1;
    archive.store.tamper(&key, bytes);
    let error = select(&archive, &whose(&[("customer_id", "c-7")]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("does not have the hash in its link"), "{error}");
}

#[test]
fn records_with_keys_that_were_rotated_are_proved_by_the_key_in_force() {
    let archive = Archive::rotated();
    let selected = select(&archive, &everything()).unwrap();
    for keys in [&[][..], &[7], &[7, 8]] {
        let report = check(selected.text.as_bytes(), &public(keys));
        assert_eq!(report.verdict, Verdict::Intact, "{keys:?} {:?}", report.findings);
    }
    expect(
        &check(selected.text.as_bytes(), &public(&[9])),
        Verdict::Unverifiable,
        Code::ProofNotTrusted,
    );
}

/// Records of each kind: no value, an empty one, a newline, bytes that are not UTF-8, no time, one beyond microseconds.
pub(super) fn odd() -> Archive {
    let mut archive = Archive::new();
    let mut records: Vec<OwnedRecord> = (0..8).map(order).collect();
    records[1].value = None;
    records[2].value = Some(Vec::new());
    records[3].value = Some(b"two\nlines\xff".to_vec());
    records[3].key = None;
    records[4].timestamp = Timestamp::Absent;
    records[5].timestamp = Timestamp::LogAppendMs(i64::MAX);
    records[6].headers.clear();
    archive.archive(&TopicPartition::new("orders", 0), &records, 8);
    archive.archive(&TopicPartition::new("refunds", 3), &[order(0)], 1);
    archive.checkpoint();
    archive
}

pub(super) fn folder(archive: &Archive, place: &Path) -> Retrieval {
    std::fs::create_dir(place).unwrap();
    write_folder(place, select(archive, &everything()).unwrap()).unwrap()
}

pub(super) fn checked(place: &Path) -> FolderReport {
    check_folder(place, &public(&[7])).unwrap()
}

#[test]
fn a_folder_of_odd_records_is_intact_and_each_changed_file_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let place = parent.path().join("found");
    let retrieval = folder(&odd(), &place);
    assert_eq!((retrieval.proved.records, retrieval.without_line), (9, 2));
    let report = checked(&place);
    assert_eq!(report.proof.verdict, Verdict::Intact, "{:?}", report.proof.findings);
    assert_eq!(report.files, ["records.jsonl", "records.parquet"]);
    assert_eq!(report.not_checked, ["index.html"]);
    for name in ["records.jsonl", "records.parquet", "records.proof"] {
        let file = place.join(name);
        let honest = std::fs::read(&file).unwrap();
        // Every byte of the lines; of the others every eleventh, besides those at their ends.
        let step = if name == "records.jsonl" { 1 } else { 11 };
        for at in (0..honest.len()).step_by(step).chain([honest.len() - 1]) {
            let mut bytes = honest.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            // A proof whose first line is not one is refused before.
            if name != "records.proof" || at > 8 {
                let report = checked(&place);
                let equal = name == "records.parquet" && report.proof.verdict == Verdict::Intact;
                assert!(equal || report.proof.verdict != Verdict::Intact, "{name} {at}");
            }
        }
        for bytes in [&honest[..honest.len() - 1], &[&honest[..], b"{}\n"].concat(), b""] {
            std::fs::write(&file, bytes).unwrap();
            assert_ne!(checked(&place).proof.verdict, Verdict::Intact, "{name}");
        }
        if name != "records.proof" {
            std::fs::remove_file(&file).unwrap();
            let report = checked(&place).proof;
            assert_eq!(report.findings[0].code, Code::ProofFolderDiffers);
            assert!(report.proved.is_some());
        }
        std::fs::write(&file, honest).unwrap();
    }
    assert_eq!(checked(&place).proof.verdict, Verdict::Intact);
}

#[test]
fn the_files_of_another_selection_are_told_from_the_proved_records() {
    let parent = tempfile::tempdir().unwrap();
    let (place, other) = (parent.path().join("found"), parent.path().join("other"));
    folder(&odd(), &place);
    folder(&orders(), &other);
    for name in ["records.jsonl", "records.parquet"] {
        let honest = std::fs::read(place.join(name)).unwrap();
        std::fs::copy(other.join(name), place.join(name)).unwrap();
        let findings = checked(&place).proof.findings;
        assert_eq!(findings.len(), 1);
        assert!(findings[0].detail.starts_with(name), "{findings:?}");
        std::fs::write(place.join(name), honest).unwrap();
    }
}

#[test]
fn the_page_escapes_what_records_and_conditions_hold() {
    let parent = tempfile::tempdir().unwrap();
    let place = parent.path().join("found");
    std::fs::create_dir(&place).unwrap();
    let hostile = whose(&[("note", "<script>alert(1)</script>")]);
    write_folder(&place, select(&orders(), &hostile).unwrap()).unwrap();
    let page = std::fs::read_to_string(place.join("index.html")).unwrap();
    assert!(!page.contains("<script") && page.contains("note=&lt;script&gt;"));
    for needed in [
        "kivend verify-proof .",
        "verify_proof.py .",
        "That no other records match",
        "2 segments that no checkpoint covered yet",
        "The first 100 records of 12,000",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
}

/// The environment with what the second verifier needs.
fn second_verifier(place: &Path) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = ". tests/independent/environment.sh && exec python tools/verify_proof.py \"$0\" --key \"$1\"";
    let output = Command::new("bash")
        .args(["-euc", script])
        .arg(place)
        .arg(super::key(7).verifying_key().to_string())
        .current_dir(root)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_second_verifier_agrees_about_a_folder_and_each_changed_file() {
    let parent = tempfile::tempdir().unwrap();
    let place = parent.path().join("found");
    folder(&odd(), &place);
    let (code, said) = second_verifier(&place);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("the same records and no others are in records.jsonl and records.parquet"),
        "{said}"
    );
    for (name, from, to) in [
        ("records.jsonl", "\"order_id\":6", "\"order_id\":9"),
        ("records.proof", "\"heads_path\"", "\"heads_paths\""),
    ] {
        let file = place.join(name);
        let honest = std::fs::read(&file).unwrap();
        let at = memchr::memmem::find(&honest, from.as_bytes()).unwrap();
        let changed = [&honest[..at], to.as_bytes(), &honest[at + from.len()..]].concat();
        std::fs::write(&file, changed).unwrap();
        let (code, said) = second_verifier(&place);
        assert_eq!(code, Some(10), "{name} {said}");
        std::fs::write(&file, honest).unwrap();
    }
    let other = parent.path().join("other");
    folder(&orders(), &other);
    std::fs::copy(other.join("records.parquet"), place.join("records.parquet")).unwrap();
    let (code, said) = second_verifier(&place);
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("records.parquet: row 2 is not the record"), "{said}");
}
