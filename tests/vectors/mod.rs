//! The crate implements `docs/FORMAT.md`. The vectors were made from that text by `tools/make_vectors.py`, which shares
//! no code with the crate; where the two disagree, the text decides.

mod drills;
mod links;
mod log;
mod projection;
mod proofs;
mod reports;

use std::fmt::Debug;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kivend::log::{
    identity::{Identity, genesis},
    keyring::Keyring,
    note::Invalid,
    signed_note::{SigningKey, VerifyingKey},
    signer::Signer as _,
};
use kivend::record::{
    hash::Hash,
    merkle::{
        Tree, leaf_hash,
        several::{several_path, several_root},
    },
    position::TopicPartition,
    record::{Header, LeafHasher, Record, Timestamp},
};
use serde_json::Value;

/// Reads a file of vectors.
fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

/// Public keys, of witnesses or signers, in a list of texts.
fn parsed<K: FromStr<Err: Debug>>(value: &Value, field: &str) -> Vec<K> {
    let keys = list(value, field).iter();
    keys.map(|key| key.as_str().unwrap().parse().unwrap()).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn integer(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap()
}

/// A field in base64; null becomes `None`.
fn bytes(value: &Value, field: &str) -> Option<Vec<u8>> {
    value[field].as_str().map(|coded| STANDARD.decode(coded).unwrap())
}

fn object(value: &Value) -> Vec<u8> {
    bytes(value, "object_base64").unwrap()
}

/// A keyring with these signing keys in force.
fn keyring(keys: &[&str]) -> Keyring {
    let keys: Vec<VerifyingKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
    let origin = keys[0].name().to_owned();
    Keyring::new(&origin, keys, vec![])
}

/// Cases with another result than the vectors say; all are reported together.
#[derive(Default)]
struct Disagreements(Vec<String>);

impl Disagreements {
    fn unless(&mut self, holds: bool, what: impl std::fmt::Display) {
        if !holds {
            self.0.push(what.to_string());
        }
    }

    fn none(self) {
        assert!(
            self.0.is_empty(),
            "the crate and the vectors disagree:\n{}",
            self.0.join("\n")
        );
    }
}

/// The class of section 1.2, where every known key is in force.
fn class<T>(outcome: &Result<T, Invalid>) -> &'static str {
    match outcome {
        Ok(_) => "valid",
        Err(Invalid::Content(_)) => "broken",
        Err(Invalid::Replay(_)) => "replay",
        Err(Invalid::UnknownType { .. }) => "unknown",
        Err(_) => "junk",
    }
}

fn described<T>(outcome: &Result<T, Invalid>) -> String {
    match outcome {
        Ok(_) => "taken as valid".into(),
        Err(invalid) => format!("{invalid:?}"),
    }
}

#[test]
fn records_have_the_encoding_the_leaf_and_the_root_of_the_format() {
    let file = vectors("records");
    let partition = TopicPartition::new(
        text(&file, "topic"),
        i32::try_from(integer(&file, "partition")).unwrap(),
    );
    let mut hasher = LeafHasher::new(&partition);
    let mut tree = Tree::default();
    for case in list(&file, "cases") {
        let held: Vec<_> = list(case, "headers")
            .iter()
            .map(|header| (bytes(header, "name_base64").unwrap(), bytes(header, "value_base64")))
            .collect();
        let headers: Vec<_> = held
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_deref(),
            })
            .collect();
        let ms = integer(case, "delivered_timestamp_ms");
        let timestamp = match integer(case, "delivered_timestamp_type") {
            0 => Timestamp::create_ms(ms),
            _ => Timestamp::log_append_ms(ms),
        };
        let (key, value) = (bytes(case, "key_base64"), bytes(case, "value_base64"));
        let record = Record {
            offset: integer(case, "offset"),
            timestamp,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        let hex: String = hasher
            .encoding(&record)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, text(case, "encoding_hex"), "{}", case["name"]);
        let leaf = hasher.leaf(&record);
        assert_eq!(leaf.to_string(), text(case, "leaf"), "{}", case["name"]);
        tree.push(leaf);
    }
    assert_eq!(tree.root().to_string(), text(&file, "records_root"));
}

#[test]
fn trees_of_0_to_10_leaves_have_the_root_of_rfc_9162() {
    for case in list(&vectors("merkle"), "cases") {
        let mut tree = Tree::default();
        for index in 0..integer(case, "leaf_count") {
            tree.push(leaf_hash(format!("leaf {index}").as_bytes()));
        }
        assert_eq!(
            tree.root().to_string(),
            text(case, "root"),
            "{} leaves",
            case["leaf_count"]
        );
    }
}

#[test]
fn joint_paths_are_those_of_the_format() {
    for case in list(&vectors("merkle"), "cases") {
        let count = usize::try_from(integer(case, "leaf_count")).unwrap();
        let leaves: Vec<Hash> = (0..count)
            .map(|index| leaf_hash(format!("leaf {index}").as_bytes()))
            .collect();
        for joint in list(case, "joint") {
            let of: Vec<usize> = list(joint, "of")
                .iter()
                .map(|index| usize::try_from(index.as_u64().unwrap()).unwrap())
                .collect();
            let steps: Vec<Hash> = list(joint, "path")
                .iter()
                .map(|step| step.as_str().unwrap().parse().unwrap())
                .collect();
            assert_eq!(several_path(&leaves, &of), steps, "{count} {of:?}");
            let chosen: Vec<(u64, Hash)> = of.iter().map(|index| (*index as u64, leaves[*index])).collect();
            let root = several_root(&chosen, count as u64, &steps).unwrap();
            assert_eq!(root.to_string(), text(case, "root"), "{count} {of:?}");
        }
    }
}

#[test]
fn keys_and_notes_are_written_and_read_as_the_format_says() {
    let file = vectors("notes");
    let keyring = keyring(&[text(&list(&file, "keys")[0], "public")]);
    let mut disagreements = Disagreements::default();
    for case in list(&file, "keys") {
        let seed: Hash = text(case, "seed_hex").parse().unwrap();
        let key = SigningKey::from_seed(text(case, "name"), &seed.0).unwrap();
        assert_eq!(key.verifying_key().to_string(), text(case, "public"));
        assert_eq!(key.verifying_key().id().to_string(), text(case, "id"));
        assert_eq!(key.to_secret_text(), text(case, "private"));
        let read: SigningKey = text(case, "private").parse().unwrap();
        assert_eq!(read.verifying_key().to_string(), text(case, "public"));
    }
    for case in list(&file, "invalid_public_keys") {
        disagreements.unless(text(case, "public").parse::<VerifyingKey>().is_err(), &case["why"]);
    }
    let signing: SigningKey = text(&list(&file, "keys")[0], "private").parse().unwrap();
    for case in list(&file, "valid") {
        let opened = keyring.open(&object(case)).unwrap();
        assert_eq!(opened.text, text(case, "text"));
        assert_eq!(opened.hash.to_string(), text(case, "sha256"));
        assert_eq!(
            signing.sign(text(case, "text").into()).unwrap().to_bytes(),
            object(case)
        );
    }
    for case in list(&file, "invalid") {
        disagreements.unless(keyring.open(&object(case)).is_err(), &case["why"]);
    }
    for case in list(&file, "small_order") {
        disagreements.unless(text(case, "public").parse::<VerifyingKey>().is_err(), &case["why"]);
    }
    disagreements.none();
}

#[test]
fn the_identity_and_every_genesis_are_those_of_the_format() {
    let file = vectors("archive");
    let mut disagreements = Disagreements::default();
    let identity = Identity::from_bytes(&object(&file)).unwrap();
    assert_eq!(identity.to_bytes().unwrap(), object(&file));
    assert_eq!(
        (identity.archive(), identity.id()),
        (text(&file, "archive"), text(&file, "id"))
    );
    let hash = Hash::of(&object(&file));
    assert_eq!(hash.to_string(), text(&file, "sha256"));
    for case in list(&file, "genesis") {
        let partition = TopicPartition::new(text(case, "topic"), i32::try_from(integer(case, "partition")).unwrap());
        assert_eq!(
            genesis(&hash, &partition).to_string(),
            text(case, "sha256"),
            "{partition}"
        );
    }
    for case in list(&file, "invalid") {
        disagreements.unless(Identity::from_bytes(&object(case)).is_err(), &case["why"]);
    }
    disagreements.none();
}
