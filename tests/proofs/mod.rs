//! A proof file is enough to check a record, and false statements cannot be proved. Proofs are made from an archive in
//! memory by the code that the command uses, and checked without the archive.

mod changed;
pub mod continued;
mod folders;
mod lying_statistics;
mod refused;
mod selection;

use std::process::Command;
use std::sync::Arc;

use kivend::app::prove::{Made, Wanted, prove};
use kivend::log::checkpoint::Checkpoint;
use kivend::log::object_key::Key;
use kivend::log::witness::Policy;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::task::error::AppError;
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::proof::check;
use kivend::verify::proof_report::{ProofReport, Proved, ProvedRecord};
use kivend::verify::verdict::Verdict;

pub use crate::fixture::key;
use crate::fixture::{Archive, TestWitness};

pub fn made(archive: &Archive, wanted: &Wanted) -> Result<Made, AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(prove(Arc::new(archive.store.clone()), &Given::default(), wanted))
}

pub fn record(topic: &str, number: i32, offset: i64) -> Wanted {
    Wanted::Offset {
        partition: TopicPartition::new(topic, number),
        offset,
        epoch: None,
    }
}

fn public(seeds: &[u8]) -> Given {
    let keys: Vec<_> = seeds.iter().map(|seed| key(*seed).verifying_key().clone()).collect();
    Given::keys(&keys)
}

#[track_caller]
pub fn expect(report: &ProofReport, verdict: Verdict, code: Code) {
    let codes: Vec<_> = report.findings.iter().map(|f| (f.code, &f.detail)).collect();
    assert_eq!(report.verdict, verdict, "{codes:?}");
    assert_eq!(codes.first().map(|(code, _)| *code), Some(code), "{codes:?}");
    assert_eq!(report.proved, None);
}

fn proved(report: &ProofReport) -> &ProvedRecord {
    match &report.proved {
        Some(Proved::Record(record)) => record,
        other => panic!("{other:?} {:?}", report.findings),
    }
}

#[test]
fn every_record_can_be_proved_with_and_without_the_public_key() {
    let archive = Archive::usual();
    for (topic, number, count) in [("payments", 0, 100), ("user-events", 1, 160)] {
        for offset in (0..count).step_by(7).chain([count - 1]) {
            let made = made(&archive, &record(topic, number, offset)).unwrap();
            let report = check(made.text.as_bytes(), &public(&[7]));
            assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
            let shown = proved(&report);
            assert_eq!(
                (shown.topic.as_str(), shown.partition, shown.offset),
                (topic, number, offset)
            );
            let owner = archive.records(topic, number, usize::try_from(shown.link_height).unwrap());
            let original = owner.iter().find(|record| record.offset == offset).unwrap();
            let value = original
                .value
                .as_ref()
                .map(|value| String::from_utf8(value.clone()).unwrap());
            assert_eq!(shown.value, value);
            assert_eq!(shown.checkpoint.number, 1);
        }
    }
}

#[test]
fn an_event_is_found_by_its_id() {
    let archive = Archive::usual();
    let wanted = |id: &str| Wanted::EventId(id.to_owned());
    let id = format!("{:032x}", 42);
    let made_of_id = made(&archive, &wanted(&id)).unwrap();
    assert!(proved(&made_of_id.report).value.as_ref().unwrap().contains(&id));
    let error = made(&archive, &wanted("nobody")).unwrap_err().to_string();
    assert!(error.contains("no archived event has this id"), "{error}");
}

#[test]
fn a_proof_names_the_first_entry_that_covers_it() {
    let mut archive = Archive::usual();
    for _ in 0..5 {
        archive.seal("payments", 0, 3);
        archive.checkpoint();
    }
    for (offset, number) in [(0, 1), (99, 1), (100, 2), (103, 3), (114, 6)] {
        let made = made(&archive, &record("payments", 0, offset)).unwrap();
        assert_eq!(proved(&made.report).checkpoint.number, number, "{offset}");
    }
}

/// Stores a cosignature of this checkpoint by the witness.
fn cosign(archive: &Archive, number: u64, witness: &TestWitness) {
    let head = Checkpoint::of(archive.identity.origin(), archive.checkpoint_named(number));
    let line = witness.cosign(&head, 1_770_113_800).to_object();
    let key = Key::Cosignature(number, Hash::of(&line)).to_string();
    archive.store.plant(&key, line);
}

#[test]
fn without_a_policy_a_proof_has_the_oldest_checkpoint_with_the_most_cosignatures() {
    let archive = continued::grown();
    let [one, other] = [("a.example", 1), ("b.example", 2)].map(|(name, seed)| TestWitness::new(name, seed));
    let numbers = || {
        let made = made(&archive, &record("payments", 0, 0)).unwrap();
        let asked = |witnesses: &[&TestWitness]| {
            let keys: Vec<_> = witnesses.iter().map(|witness| witness.key()).collect();
            let policy = (!keys.is_empty()).then(|| Policy::of_keys(keys, witnesses.len()).unwrap());
            let given = Given {
                policy,
                origin: Some(archive.identity.origin().to_owned()),
                ..Given::default()
            };
            check(made.text.as_bytes(), &given).verdict == Verdict::Intact
        };
        (
            proved(&made.report).checkpoint.number,
            asked(&[&one]),
            asked(&[&one, &other]),
        )
    };
    assert_eq!(numbers(), (1, false, false));
    cosign(&archive, 3, &one);
    cosign(&archive, 4, &one);
    assert_eq!(numbers(), (3, true, false));
    cosign(&archive, 4, &other);
    cosign(&archive, 5, &other);
    assert_eq!(numbers(), (4, true, true));
    // What is no cosignature counts for nothing.
    for junk in [&b"junk\n"[..], b"more\n", b"much more\n"] {
        archive
            .store
            .plant(&Key::Cosignature(2, Hash::of(junk)).to_string(), junk.to_vec());
    }
    assert_eq!(numbers(), (4, true, true));
}

#[test]
fn after_a_rotation_a_record_is_proved_by_the_key_that_signed_over_it_or_by_none() {
    let archive = Archive::rotated();
    for offset in [0, 99, 100, 105] {
        let made = made(&archive, &record("payments", 0, offset)).unwrap();
        for keys in [&[][..], &[7], &[7, 8]] {
            let report = check(made.text.as_bytes(), &public(keys));
            assert_eq!(
                report.verdict,
                Verdict::Intact,
                "{offset} {keys:?} {:?}",
                report.findings
            );
        }
        expect(
            &check(made.text.as_bytes(), &public(&[9])),
            Verdict::Unverifiable,
            Code::ProofNotTrusted,
        );
    }
}

#[test]
fn a_proof_verifies_on_a_machine_without_network() {
    let made = made(&Archive::usual(), &record("payments", 0, 42)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.proof"), &made.text).unwrap();
    let program = env!("CARGO_BIN_EXE_kivend");
    let without_network = |program: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--net", program])
            .current_dir(folder.path());
        command
    };
    // Where a process may not leave the network namespace, the file is checked with a network.
    let permitted = without_network("true")
        .output()
        .is_ok_and(|output| output.status.success());
    let mut command = if permitted {
        without_network(program)
    } else {
        Command::new(program)
    };
    let output = command
        .current_dir(folder.path())
        .env_remove("KIVEND_CONFIG")
        .args(["verify-proof", "a.proof", "--format", "json", "--key"])
        .arg(key(7).verifying_key().to_string())
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(
        (report["verdict"].as_str(), report["proved"]["offset"].as_i64()),
        (Some("intact"), Some(42))
    );
}
