//! Every reader of stored bytes, as a function that takes any bytes; shared with the fuzz targets. None may panic, loop
//! without an end, or allocate more than the limits in [`super`].

use bytes::Bytes;

use crate::product::log::checkpoint::Checkpoint;
use crate::product::log::commit_metadata::CommitMetadata;
use crate::product::log::history::History;
use crate::product::log::identity::{FirstKeys, Identity};
use crate::product::log::keyring::Keyring;
use crate::product::log::link;
use crate::product::log::object_key::{Key, Place};
use crate::product::log::proof::Proof;
use crate::product::log::proposal::Proposal;
use crate::product::log::signed_note::{Note, SigningKey, VerifyingKey};
use crate::product::log::signer::Signer as _;
use crate::product::log::witness::{Cosignature, CosignedNote, Policy, WitnessKey, classify};
use crate::product::record::hash::Hash;
use crate::product::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::product::record::utc::UtcSeconds;
use crate::product::segment::check::examine;
use crate::product::segment::decode::Segment;
use crate::product::segment::projection::rules::Projection;
use crate::product::verify::given::Given;

/// A reader and its name.
pub type Reader = (&'static str, fn(&[u8]));

/// The readers of text: links, entries, changes, checkpoints, the identity, proofs, commit metadata,
/// footers, and what witnesses send.
pub const TEXTS: [Reader; 11] = [
    ("note", read_note),
    ("link", read_link),
    ("entry", read_entry),
    ("change", read_change),
    ("checkpoint", read_checkpoint),
    ("identity", read_identity),
    ("proof", read_proof),
    ("commit", read_commit),
    ("projection", read_projection),
    ("object_key", read_object_key),
    ("witness", read_witness),
];

/// The reader of Parquet.
pub const SEGMENT: Reader = ("segment", read_segment);

/// The name and the seed of the key of tests/vectors, so that inputs from there have a valid signature. Other inputs
/// are signed with it, so that the reader behind the signature check is reached.
const KEY: (&str, [u8; 32]) = ("kivend/0000000000000000", [7; 32]);

fn key() -> Option<SigningKey> {
    SigningKey::from_seed(KEY.0, &KEY.1).ok()
}

/// The note as it is, and its text with a valid signature.
fn signed(bytes: &[u8], read: impl Fn(&[u8], &Keyring)) {
    let Some(key) = key() else { return };
    let keyring = Keyring::new(KEY.0, vec![key.verifying_key().clone()], vec![]);
    read(bytes, &keyring);
    let text = bytes
        .split(|byte| *byte == 0)
        .next()
        .and_then(|text| std::str::from_utf8(text).ok());
    let text = text.and_then(|text| text.split("\n\n").next()).unwrap_or_default();
    if let Ok(note) = key.sign(format!("{}\n", text.trim_end_matches('\n'))) {
        read(&note.to_bytes(), &keyring);
    }
}

fn read_note(bytes: &[u8]) {
    let _read_or_not = Note::parse(bytes).map(|note| note.to_bytes());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = (text.parse::<VerifyingKey>(), text.parse::<SigningKey>());
    }
}

fn read_link(bytes: &[u8]) {
    let place = Place {
        partition: TopicPartition::new("payments", 1),
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
    };
    signed(bytes, |bytes, keyring| {
        let _read_or_not = link::open(bytes, keyring, "", &place);
    });
}

fn read_entry(bytes: &[u8]) {
    let Some(history) = history() else { return };
    signed(bytes, |bytes, _| {
        let _read_or_not = history.open_entry(bytes);
        let _read_or_not = history.open_named(bytes, 3);
    });
}

fn read_change(bytes: &[u8]) {
    let Some(history) = history() else { return };
    signed(bytes, |bytes, _| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _read_or_not = history.before_change().open(text, &[]);
        }
        let _read_or_not = Proposal::from_bytes(bytes).map(|proposal| proposal.to_bytes());
    });
}

/// The log of an archive with the key, before entry 0.
fn history() -> Option<History> {
    let key = key()?;
    let keys = FirstKeys {
        signing: key.verifying_key(),
        change: &[],
    };
    let identity = Identity::new("kivend", [0; 16], UtcSeconds::from_unix(0), &keys).ok()?;
    History::new(&identity, Hash::ZERO).ok()
}

fn read_checkpoint(bytes: &[u8]) {
    signed(bytes, |bytes, keyring| {
        let _read_or_not = keyring.open(bytes);
        let _read_or_not = CosignedNote::parse(bytes).map(|note| note.to_bytes());
    });
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = text.parse::<Checkpoint>().map(|checkpoint| checkpoint.to_string());
    }
}

fn read_identity(bytes: &[u8]) {
    let _read_or_not = Identity::from_bytes(bytes).map(|identity| identity.keys());
}

fn read_proof(bytes: &[u8]) {
    let _read_or_not = Proof::from_bytes(bytes);
    let _checked_or_not = crate::product::verify::proof::check(bytes, &Given::default());
}

fn read_commit(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = text.parse::<CommitMetadata>();
    }
}

fn read_projection(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = Projection::from_text(text);
    }
}

fn read_object_key(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = text.parse::<Key>();
    }
}

/// Answers of witnesses, cosigned checkpoints, and what a user writes about witnesses.
fn read_witness(bytes: &[u8]) {
    let _read_or_not = (Cosignature::from_object(bytes), Policy::parse(bytes));
    let _classified = [200, 409].map(|status| classify(status, Some("text/x.tlog.size"), bytes));
    let _put_together_or_not = CosignedNote::parse(bytes).map(|note| note.to_bytes());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_not = (text.parse::<WitnessKey>(), text.parse::<Checkpoint>().ok());
    }
}

fn read_segment(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if Segment::open(bytes.clone()).is_ok() {
        let _examined_or_not = examine(bytes, &TopicPartition::new("payments", 0), &mut |_, _| {});
    }
}
