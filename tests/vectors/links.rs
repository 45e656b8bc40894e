//! Links, chains and commit metadata are taken or refused as the vectors say.

use kivend::log::commit_metadata::CommitMetadata;
use kivend::log::identity::genesis;
use kivend::log::link::{self, SignedLink};
use kivend::log::note::Invalid;
use kivend::log::object_key::Place;
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use serde_json::Value;

use super::{Disagreements, bytes, class, described, integer, keyring, list, object, text, vectors};

/// Chains that break a rule over more than two links, which the walk of a chain checks (tests/verify/epochs.rs).
const NEED_THE_WHOLE_CHAIN: [&str; 2] = [
    "a leader epoch that falls after an unknown one",
    "cut back: below the newest link that ends there",
];

fn opened(file: &Value, object: &[u8], (epoch, first_offset): (u32, i64)) -> Result<SignedLink, Invalid> {
    let partition = i32::try_from(integer(file, "partition")).unwrap();
    let place = Place {
        partition: TopicPartition::new(text(file, "topic"), partition),
        epoch: Epoch(epoch),
        first_offset: FirstOffset(first_offset),
    };
    let keyring = keyring(&[text(file, "signer"), text(file, "also_known")]);
    let archive = bytes(file, "archive_base64").unwrap();
    let identity = kivend::log::identity::Identity::from_bytes(&archive).unwrap();
    link::open(object, &keyring, identity.id(), &place)
}

fn place_of(case: &Value) -> (u32, i64) {
    (
        u32::try_from(integer(case, "epoch")).unwrap(),
        integer(case, "first_offset"),
    )
}

#[test]
fn links_are_taken_or_refused_as_the_format_says() {
    let file = vectors("links");
    let mut disagreements = Disagreements::default();
    for case in list(&file, "valid") {
        match opened(&file, &object(case), place_of(case)) {
            Ok(signed) => disagreements.unless(signed.hash.to_string() == text(case, "sha256"), &case["name"]),
            Err(invalid) => disagreements.unless(false, format!("valid, but refused: {}: {invalid}", case["name"])),
        }
    }
    for case in list(&file, "judged") {
        let outcome = opened(&file, &object(case), place_of(case));
        let difference = format!("should be {}: {}: {}", case["class"], case["why"], described(&outcome));
        disagreements.unless(class(&outcome) == text(case, "class"), difference);
    }
    disagreements.none();
}

#[test]
fn links_continue_a_chain_or_break_it_as_the_format_says() {
    let file = vectors("links");
    let identity = Hash::of(&bytes(&file, "chain_archive_base64").unwrap());
    let partition = TopicPartition::new(
        text(&file, "topic"),
        i32::try_from(integer(&file, "partition")).unwrap(),
    );
    let genesis = genesis(&identity, &partition);
    assert_eq!(genesis.to_string(), text(&file, "genesis"));
    let mut disagreements = Disagreements::default();
    for case in list(&file, "chains") {
        let mut before: Option<SignedLink> = None;
        let links = list(case, "links_base64");
        for (index, link) in links.iter().enumerate() {
            let object = bytes(&serde_json::json!({ "link": link }), "link").unwrap();
            let outcome = where_it_says(&file, &object)
                .map_err(|invalid| invalid.to_string())
                .and_then(|signed| {
                    let continues = signed.link.continues(before.as_ref(), &genesis);
                    continues.map_err(|broken| broken.to_string()).map(|()| signed)
                });
            let expected = index + 1 < links.len() || case["continues"].as_bool().unwrap();
            let difference = format!("{} link {index}: expected={expected} got={outcome:?}", case["name"]);
            let needs_more = NEED_THE_WHOLE_CHAIN.contains(&text(case, "name"));
            disagreements.unless(outcome.is_ok() == expected || needs_more, difference);
            before = outcome.ok();
        }
    }
    disagreements.none();
}

/// Opens a link at the place that it names.
fn where_it_says(file: &Value, object: &[u8]) -> Result<SignedLink, Invalid> {
    let note = String::from_utf8(object.to_vec()).unwrap();
    let content: Value = serde_json::from_str(note.split_once('\n').unwrap().0).unwrap();
    opened(file, object, place_of(&content))
}

#[test]
fn commit_metadata_is_written_and_read_as_the_format_says() {
    let file = &vectors("links")["commit_metadata"];
    let mut disagreements = Disagreements::default();
    for case in list(file, "valid") {
        let read: CommitMetadata = text(case, "text").parse().unwrap();
        assert_eq!(read.to_string(), text(case, "text"));
        assert_eq!(read.link.to_string(), text(case, "link"));
        assert_eq!(read.first_offset, FirstOffset(integer(case, "first_offset")));
    }
    for case in list(file, "invalid") {
        disagreements.unless(
            case.as_str().unwrap().parse::<CommitMetadata>().is_err(),
            format!("commit metadata {case}"),
        );
    }
    disagreements.none();
}
