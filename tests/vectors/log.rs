//! The log: entries, leaves, roots, keys and their terms, and objects that each break one rule.

use kivend::log::checkpoint::Checkpoint;
use kivend::log::history::History;
use kivend::log::identity::Identity;
use kivend::log::keyring::{Coverage, Role};
use kivend::log::witness::{Cosignature, WitnessKey};
use kivend::record::hash::Hash;
use kivend::record::position::{Height, TopicPartition};
use serde_json::Value;

use super::{Disagreements, bytes, class, described, integer, list, object, text, vectors};

fn begin(log: &Value) -> History {
    let archive = bytes(log, "archive_base64").unwrap();
    History::new(&Identity::from_bytes(&archive).unwrap(), Hash::of(&archive)).unwrap()
}

/// The log with its first `count` entries.
fn with_entries(log: &Value, count: u64) -> History {
    let mut history = begin(log);
    for entry in list(log, "entries").iter().take(usize::try_from(count).unwrap()) {
        let signed = history.open_entry(&object(entry)).unwrap();
        history.apply(&signed);
    }
    history
}

fn log_named<'f>(file: &'f Value, name: &str) -> &'f Value {
    list(file, "logs").iter().find(|log| text(log, "name") == name).unwrap()
}

fn strings(value: &Value, field: &str) -> Vec<String> {
    list(value, field)
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn entries_have_the_leaves_roots_and_keys_of_the_format() {
    let file = vectors("entries");
    for log in list(&file, "logs") {
        let mut history = begin(log);
        for case in list(log, "entries") {
            let name = format!("{} entry {}", log["name"], case["number"]);
            let signed = history
                .open_entry(&object(case))
                .unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
            assert_eq!(
                signed.entry.leaf().unwrap().to_text().unwrap(),
                text(case, "leaf"),
                "{name}"
            );
            assert_eq!(signed.leaf.to_string(), text(case, "leaf_hash"), "{name}");
            let peaks: Vec<String> = signed.entry.tree.iter().map(ToString::to_string).collect();
            assert_eq!(peaks, strings(case, "peaks_before"), "{name}");
            assert_eq!(
                signed.entry.checkpoint().unwrap().root.to_string(),
                text(case, "root"),
                "{name}"
            );
            history.apply(&signed);
            assert_eq!(
                history.checkpoint().unwrap().root.to_string(),
                text(case, "root"),
                "{name}"
            );
            assert_eq!(
                history.checkpoint_text().unwrap().to_string(),
                text(case, "checkpoint_text"),
                "{name}"
            );
            for checkpoint in list(case, "checkpoints") {
                let signer = history.open_checkpoint(&object(checkpoint)).unwrap();
                assert_eq!(signer.to_string(), text(checkpoint, "signer"), "{name}");
            }
            check_after(&history, &case["after"], &name);
        }
        for case in list(log, "links_count") {
            let partition =
                TopicPartition::new(text(case, "topic"), i32::try_from(integer(case, "partition")).unwrap());
            let term = history.keyring().term(&text(case, "key").parse().unwrap()).unwrap();
            let counts = match term.covers_link(&partition, Height(integer(case, "height").unsigned_abs())) {
                Coverage::Inside => Some(true),
                Coverage::Outside => Some(false),
                Coverage::Undecided(_) => None,
            };
            assert_eq!(counts, case["counts"].as_bool(), "{} {case}", log["name"]);
        }
    }
}

fn check_after(history: &History, after: &Value, name: &str) {
    let in_force = |role| -> Vec<String> { history.keyring().in_force(role).map(ToString::to_string).collect() };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    assert_eq!(
        sorted(in_force(Role::Signing)),
        sorted(strings(after, "keys")),
        "{name}"
    );
    assert_eq!(
        sorted(in_force(Role::Change)),
        sorted(strings(after, "change_keys")),
        "{name}"
    );
    let changes = &after["changes"];
    assert_eq!(
        history.changes().sequence,
        integer(changes, "sequence").unsigned_abs(),
        "{name}"
    );
    assert_eq!(history.changes().sha256.to_string(), text(changes, "sha256"), "{name}");
    assert_eq!(
        history.changes().entry,
        integer(changes, "entry").unsigned_abs(),
        "{name}"
    );
    let below: Vec<Value> = history
        .removed()
        .iter()
        .map(|(of, height)| serde_json::json!([&*of.topic, of.partition, height.0]))
        .collect();
    assert_eq!(&Value::Array(below), &after["below"], "{name}");
    for term in list(after, "terms") {
        let found = history.keyring().term(&text(term, "key").parse().unwrap()).unwrap();
        assert_eq!(
            found.added.as_ref().map(|added| added.entry),
            term["added_by"].as_u64(),
            "{name}"
        );
        assert_eq!(
            found.retired.as_ref().map(|retired| retired.entry),
            term["retired_by"].as_u64(),
            "{name}"
        );
    }
}

#[test]
fn objects_in_the_log_are_taken_or_refused_as_the_format_says() {
    let file = vectors("entries");
    let mut disagreements = Disagreements::default();
    for case in list(&file, "judged_entries") {
        let history = with_entries(
            log_named(&file, text(case, "log")),
            integer(case, "number").unsigned_abs(),
        );
        let outcome = history.open_entry(&object(case));
        let difference = format!("should be {}: {}: {}", case["class"], case["why"], described(&outcome));
        disagreements.unless(class(&outcome) == text(case, "class"), difference);
    }
    for case in list(&file, "judged_checkpoints") {
        let log = log_named(&file, text(case, "log"));
        let history = with_entries(log, list(log, "entries").len() as u64);
        let number = integer(case, "number").unsigned_abs();
        let named = with_entries(log, number + 1).checkpoint().unwrap();
        let outcome = history.open_checkpoint_of(&object(case), named);
        let difference = format!("should be {}: {}: {}", case["class"], case["why"], described(&outcome));
        disagreements.unless(class(&outcome) == text(case, "class"), difference);
    }
    disagreements.none();
}

#[test]
fn cosignatures_prove_what_the_format_says() {
    let file = vectors("cosignatures");
    let mut disagreements = Disagreements::default();
    let head = text(&file, "checkpoint_text").parse::<Checkpoint>().unwrap();
    let keys: Vec<WitnessKey> = list(&file, "witnesses")
        .iter()
        .map(|witness| text(witness, "vkey").parse().unwrap())
        .collect();
    for case in list(&file, "valid") {
        let line = Cosignature::from_object(&object(case)).unwrap();
        let witness = keys.iter().find(|key| key.verify(&head, &line));
        disagreements.unless(witness.is_some(), format!("valid, but proves nothing: {case}"));
        assert_eq!(line.timestamp(), case["time"].as_u64().unwrap());
        assert_eq!(Hash::of(&object(case)).to_string(), text(case, "sha256"));
    }
    for case in list(&file, "prove_nothing") {
        let line = Cosignature::from_object(&object(case));
        let proves = line.is_some_and(|line| keys.iter().any(|key| key.verify(&head, &line)));
        disagreements.unless(!proves, &case["why"]);
    }
    for case in list(&file, "invalid_vkeys") {
        disagreements.unless(text(case, "vkey").parse::<WitnessKey>().is_err(), &case["why"]);
    }
    disagreements.none();
}
