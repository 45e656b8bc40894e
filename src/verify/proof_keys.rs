//! The keys of an archive as a proof file gives them: `archive.json`, the changes, and what names `archive.json`; and the notes
//! of the log that are checked with them.

use crate::json::canonical;
use crate::json::document::Document;
use crate::log::change::{Change, Unread};
use crate::log::checkpoint::{Checkpoint, Form};
use crate::log::entry::Leaf;
use crate::log::head::Head;
use crate::log::history::{Draft, History};
use crate::log::identity::Identity;
use crate::log::keyring::{Keyring, Role};
use crate::log::note::is_typed_json;
use crate::log::proof::First;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::log::witness::{Cosignature, CosignedNote};
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::position::{Epoch, NextOffset};
use crate::verify::findings::Code;
use crate::verify::given::Given;
use crate::verify::proof_step::{Checked, invalid, require, wrong};
use crate::verify::trust::{ArchiveIdentity, descendants};

/// The types that version 1 has.
const KNOWN_TYPES: [&str; 5] = [
    "kivend.archive/v1",
    "kivend.change/v1",
    "kivend.entry/v1",
    "kivend.leaf/v1",
    "kivend.link/v1",
];

/// A checkpoint in a proof, with the keys of the archive that signed it.
pub(super) struct OpenedCheckpoint {
    pub(super) checkpoint: Checkpoint,
    signers: Vec<VerifyingKey>,
    cosignatures: Vec<Cosignature>,
}

/// The keys after the changes of a proof.
pub(super) struct ProofKeys {
    archive: ArchiveIdentity,
    history: History,
    /// The hash of `archive.json`, and of each change.
    hashes: Vec<Hash>,
    /// The keys whose notes name `archive.json`: the signer of the first change, and signers of checkpoint 0.
    naming: Vec<VerifyingKey>,
}

impl ProofKeys {
    pub(super) fn open(archive: &str, changes: &[String], first: Option<&First>) -> Checked<ProofKeys> {
        known_type(archive, "archive.json")?;
        let (archive, history) = ArchiveIdentity::open(archive.as_bytes())?;
        let mut keys = ProofKeys {
            hashes: vec![archive.hash],
            archive,
            history,
            naming: Vec::new(),
        };
        for note in changes {
            keys.take(note)?;
        }
        if let Some(first) = first {
            keys.take_first(first)?;
        }
        Ok(keys)
    }

    /// Applies the next change. A proof does not say which entry carries it, and has no heads.
    fn take(&mut self, note: &str) -> Checked<()> {
        let what = format!("change {}", self.hashes.len());
        if let Ok(note) = Note::parse(note.as_bytes()) {
            known_type(note.text(), &what)?;
        }
        let refused = |unread: Unread| match unread {
            Unread::Unknown(_) => wrong(Code::ProofUnknownType, format!("{what}: {unread}")),
            Unread::Invalid(broken) => wrong(Code::ProofNoteInvalid, format!("{what}: {broken}")),
        };
        let heads = heads_for(note, self.archive.identity.id());
        let signed = self.history.before_change().open(note, &heads).map_err(refused)?;
        let mut entry = self.history.draft(Draft {
            at: signed.change.at(),
            heads,
            groups: None,
            change: Some(note.to_owned()),
        });
        entry.number = self.hashes.len() as u64;
        self.history.skip_to_change(&entry, None).map_err(invalid(&what))?;
        if self.naming.is_empty() {
            self.naming.push(signed.signer.clone());
        }
        self.hashes.push(signed.hash);
        Ok(())
    }

    fn take_first(&mut self, first: &First) -> Checked<()> {
        let leaf = self.leaf(&first.leaf)?;
        let opened = self.checkpoint("checkpoint 0", &first.checkpoint)?;
        require(
            (leaf.number, opened.checkpoint.size) == (0, 1),
            Code::ProofContradicts,
            "`first` is not leaf 0 and the checkpoint over it",
        )?;
        require(
            opened.checkpoint.root == leaf_hash(first.leaf.as_bytes()),
            Code::ProofPathDiffers,
            "the root of checkpoint 0 is not the hash of leaf 0",
        )?;
        let is_first_change_key = |key: &VerifyingKey| {
            let term = self.keyring().term(key);
            term.is_some_and(|term| term.role == Role::Change && term.added.is_none())
        };
        let signers: Vec<VerifyingKey> = opened.signers.into_iter().filter(is_first_change_key).collect();
        require(
            !signers.is_empty(),
            Code::ProofNoteInvalid,
            "no change key of archive.json signed checkpoint 0",
        )?;
        self.naming.extend(signers);
        Ok(())
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.archive.identity
    }

    pub(super) fn keyring(&self) -> &Keyring {
        self.history.keyring()
    }

    /// Opens a leaf, whose archive and newest change must be those of the proof.
    pub(super) fn leaf(&self, text: &str) -> Checked<Leaf> {
        known_type(text, "the leaf")?;
        let leaf: Leaf =
            canonical::from_text(text).map_err(|error| wrong(Code::ProofMalformed, format!("the leaf: {error}")))?;
        require(
            leaf.archive_id == self.identity().id() && leaf.archive_sha256 == self.archive.hash,
            Code::ProofContradicts,
            "the leaf is of another archive, or of another archive.json",
        )?;
        let numbers = [leaf.number, leaf.heads.count, leaf.changes.sequence, leaf.changes.entry];
        require(
            numbers.into_iter().all(|number| number <= i64::MAX as u64),
            Code::ProofMalformed,
            "the leaf has a number that is out of range",
        )?;
        let sequence = usize::try_from(leaf.changes.sequence).unwrap_or(usize::MAX);
        require(
            self.hashes.get(sequence) == Some(&leaf.changes.sha256),
            Code::ProofContradicts,
            "the change that the leaf names is not in the proof, or has another hash",
        )?;
        Ok(leaf)
    }

    /// Opens a checkpoint that keys of this archive signed, retired or not. A line by one of them must verify.
    pub(super) fn checkpoint(&self, what: &str, note: &str) -> Checked<OpenedCheckpoint> {
        let refuse = |why: &str| wrong(Code::ProofNoteInvalid, format!("{what}: {why}"));
        let cosigned = CosignedNote::parse(note.as_bytes()).map_err(|error| refuse(&error.to_string()))?;
        let (note, text) = (&cosigned.checkpoint, cosigned.checkpoint.text());
        let mut signers = Vec::new();
        for line in note.signatures() {
            let mut named = self
                .keyring()
                .keys()
                .filter(|key| key.name() == line.name && key.id() == line.key_id)
                .peekable();
            if named.peek().is_none() {
                continue;
            }
            match named.find(|key| key.signed(text, line)) {
                Some(signer) => signers.push(signer.clone()),
                None => return Err(refuse("a signature does not verify")),
            }
        }
        if signers.is_empty() {
            return Err(refuse("no key of the archive signed it"));
        }
        let form = Form::of(text).filter(|_| !is_typed_json(text));
        let origin = self.identity().origin();
        if form.is_some_and(|form| form.origin == origin && form.further_lines > 0) {
            let detail = format!("{what} has further lines, perhaps of a newer version");
            return Err(wrong(Code::ProofUnknownType, detail));
        }
        let checkpoint: Checkpoint = text.parse().map_err(|_| refuse("the text is not a checkpoint"))?;
        require(
            checkpoint.origin == origin,
            Code::ProofContradicts,
            "a checkpoint is of another origin",
        )?;
        Ok(OpenedCheckpoint {
            checkpoint,
            signers,
            cosignatures: cosigned.cosignatures,
        })
    }

    /// Checks that a key in force after the changes of the proof signed the checkpoint.
    pub(super) fn require_in_force(&self, opened: &OpenedCheckpoint) -> Checked<()> {
        require(
            self.in_force(opened).next().is_some(),
            Code::ProofNoteInvalid,
            "no key that is in force after the changes of the proof signed the checkpoint",
        )
    }

    fn in_force<'o>(&'o self, opened: &'o OpenedCheckpoint) -> impl Iterator<Item = &'o VerifyingKey> {
        let is_in_force = |key: &&VerifyingKey| self.keyring().term(key).is_some_and(|term| term.retired.is_none());
        opened.signers.iter().filter(is_in_force)
    }

    /// Checks that what was given proves the checkpoint (rule 5). Returns the keys that count.
    pub(super) fn require_trust(&self, opened: &OpenedCheckpoint, given: &Given) -> Checked<Vec<VerifyingKey>> {
        let keyring = self.keyring();
        if given.keys.is_empty() && given.policy.is_none() && given.origin.is_none() {
            return Ok(keyring.keys().cloned().collect());
        }
        let naming = |key: &VerifyingKey| self.naming.contains(key) || opened.signers.contains(key);
        let counting = descendants(keyring, &given.keys, naming);
        let by_key = self.in_force(opened).any(|key| counting.contains(key));
        let by_witnesses = given.means(keyring) && given.is_cosigned(&opened.checkpoint, &opened.cosignatures);
        require(
            by_key || by_witnesses,
            Code::ProofNotTrusted,
            "nothing that was given proves the checkpoint",
        )?;
        Ok(counting)
    }
}

/// The heads that make a retention change valid by itself: those that it names.
fn heads_for(note: &str, archive_id: &str) -> Vec<Head> {
    let Ok(note) = Note::parse(note.as_bytes()) else {
        return Vec::new();
    };
    match Change::from_text(note.text(), archive_id) {
        Ok(Change::Retention(change)) => change
            .below
            .iter()
            .map(|below| Head {
                partition: below.partition(),
                epoch: Epoch(0),
                height: below.2,
                next_offset: NextOffset(0),
                link: Hash::ZERO,
                log_root: Hash::ZERO,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Refuses a note of a type that version 1 does not define as unknown.
pub(super) fn known_type(text: &str, what: &str) -> Checked<()> {
    let document = Document::canonical_object(text);
    match document.as_ref().and_then(Document::leading_type) {
        Some(kind) if !KNOWN_TYPES.contains(&kind) => {
            let unknown = format!("{what} has an unknown type, perhaps of a newer version of kivend: {kind}");
            Err(wrong(Code::ProofUnknownType, unknown))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_another_version_is_unknown_and_other_texts_are_judged_later() {
        assert!(known_type("{\"type\":\"kivend.link/v1\"}\n", "x").is_ok());
        assert!(known_type("no json", "x").is_ok());
        let unknown = known_type("{\"type\":\"kivend.link/v2\"}\n", "x").unwrap_err();
        assert_eq!(unknown.code, Code::ProofUnknownType);
    }
}
