//! What the keys, checkpoints and witnesses that a verifier was given prove (FORMAT.md section 5): which keys descend from
//! them, up to which entry the log is proved, and up to which heights the chains are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::log::history::History;
use crate::log::identity::{Identity, IdentityError, genesis};
use crate::log::keyring::{Coverage, Keyring, Role, Term};
use crate::log::link::{Link, SignedLink};
use crate::log::note::{Expected, Invalid, TypeFound, check_type};
use crate::log::object_key::{Attempt, IDENTITY, Place};
use crate::log::signed_note::{KeyId, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::position::{Height, TopicPartition};
use crate::verify::chain::OpenedLink;
use crate::verify::findings::{Code, Finding};
use crate::verify::log_walk::LogWalk;

/// Why the keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Public keys were given to the verifier.
    #[serde(rename = "keys_brought")]
    KeysGiven,
    /// Only saved checkpoints or witnesses were given: the keys in force after what they prove count for what is above.
    CheckpointsGiven,
    /// Nothing was given, so the keys are those of `archive.json` (trust on first use).
    FirstUse,
}

/// The identity of an archive, as `archive.json` has it.
#[derive(Debug, Clone)]
pub struct ArchiveIdentity {
    /// The content.
    pub identity: Identity,
    /// The SHA-256 of `archive.json`.
    pub hash: Hash,
}

impl ArchiveIdentity {
    /// Reads `archive.json`, and begins the log that it identifies.
    ///
    /// # Errors
    /// A finding if the bytes are not the identity of an archive.
    pub fn open(archive_json: &[u8]) -> Result<(ArchiveIdentity, History), Box<Finding>> {
        let malformed = |error: IdentityError| {
            let code = match error {
                IdentityError::Version(_) => Code::IdentityUnreadable,
                _ => Code::IdentityMalformed,
            };
            Box::new(Finding::new(code, error.to_string()).object(IDENTITY))
        };
        let identity = Identity::from_bytes(archive_json).map_err(malformed)?;
        let hash = Hash::of(archive_json);
        let history = History::new(&identity, hash).map_err(malformed)?;
        Ok((ArchiveIdentity { identity, hash }, history))
    }
}

/// What a verifier was given from elsewhere, as far as the log bears it out.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Public keys.
    pub keys: Vec<VerifyingKey>,
    /// Whether checkpoints or witnesses were given.
    pub has_checkpoints: bool,
    /// The number of the newest entry that a saved checkpoint proves, or one that witnesses cosigned as the policy asks.
    pub proved: Option<u64>,
}

/// Up to where the log is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proved {
    Everything,
    /// The number of proved entries, and the heights of the last one's heads.
    Below(u64, BTreeMap<TopicPartition, Height>),
}

/// The keys of an archive with their terms, and what of it is proved.
#[derive(Debug, Clone)]
pub struct Trust {
    of: ArchiveIdentity,
    keyring: Keyring,
    basis: Basis,
    given: Vec<VerifyingKey>,
    /// The keys whose signatures prove something.
    counting: Vec<VerifyingKey>,
    proved: Proved,
}

impl Trust {
    /// Judges what was brought by the log as far as it was walked.
    #[must_use]
    pub fn new(of: ArchiveIdentity, walk: &LogWalk, brought: &Brought) -> Trust {
        let keyring = walk.history().keyring().clone();
        let basis = match (brought.keys.is_empty(), brought.has_checkpoints) {
            (false, _) => Basis::KeysGiven,
            (true, true) => Basis::CheckpointsGiven,
            (true, false) => Basis::FirstUse,
        };
        let mut trust = Trust {
            of,
            basis,
            given: brought.keys.clone(),
            counting: Vec::new(),
            proved: Proved::Everything,
            keyring,
        };
        if basis == Basis::FirstUse {
            trust.counting = trust.keyring.keys().cloned().collect();
            return trust;
        }
        trust.counting = match basis {
            Basis::KeysGiven => descendants(&trust.keyring, &brought.keys, |key| walk.names_archive(key)),
            _ => trust.after_proved(brought.proved),
        };
        let signed = walk.checkpoint_signers().iter();
        let by_keys = signed.filter(|signer| trust.counting.contains(&signer.key));
        let newest = by_keys.map(|signer| signer.number).max().max(brought.proved);
        let heights = newest.into_iter().flat_map(|number| walk.heads_at(number));
        let heights = heights.map(|head| (head.partition.clone(), head.height)).collect();
        trust.proved = Proved::Below(newest.map_or(0, |number| number + 1), heights);
        trust
    }

    /// The keys in force after the proved entries, and those that descend from them (rule 6).
    fn after_proved(&self, proved: Option<u64>) -> Vec<VerifyingKey> {
        let Some(number) = proved else { return Vec::new() };
        let in_force = self.keyring.terms().iter();
        let in_force = in_force.filter(|term| term.is_in_force_before(number.saturating_add(1)));
        let keys = in_force.map(|term| term.key.clone()).collect();
        with_descendants(&self.keyring, keys)
    }

    /// The identity in `archive.json`.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.of.identity
    }

    /// The SHA-256 of `archive.json`.
    #[must_use]
    pub fn identity_hash(&self) -> Hash {
        self.of.hash
    }

    /// Why the keys count.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// All keys of the archive, retired ones included.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The keys whose signatures prove something.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.counting.iter()
    }

    /// Whether signatures of this key prove something.
    #[must_use]
    pub fn counts(&self, key: &VerifyingKey) -> bool {
        self.counting.contains(key)
    }

    /// Whether one of the given keys is a key of this archive.
    #[must_use]
    pub fn has_given_key(&self) -> bool {
        self.keyring.keys().any(|key| self.given.contains(key))
    }

    /// The number of entries that are proved; `None` if all are.
    #[must_use]
    pub fn proved_size(&self) -> Option<u64> {
        match &self.proved {
            Proved::Everything => None,
            Proved::Below(size, _) => Some(*size),
        }
    }

    /// Whether a link by this key is proved, by a checkpoint over it or by the key.
    #[must_use]
    pub fn proves_link(&self, partition: &TopicPartition, height: Height, key: &VerifyingKey) -> bool {
        let below = match &self.proved {
            Proved::Everything => true,
            Proved::Below(_, heights) => heights.get(partition).is_some_and(|proved| height <= *proved),
        };
        below || self.counts(key)
    }

    /// Reports entries that nothing proves (rule 4), and given keys that prove nothing (rule 5). `links_count` tells whether
    /// one of the keys signed a link.
    #[must_use]
    pub fn findings(&self, walk: &LogWalk, links_count: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.basis == Basis::KeysGiven && !walk.is_stopped() && !links_count && !self.has_signed(walk) {
            let detail = if self.has_given_key() {
                "archive.json or a change names a given key, but none of the given keys signed anything"
            } else {
                "neither archive.json nor a change names one of the given keys"
            };
            findings.push(Finding::new(Code::KeyNotOfArchive, detail).object(IDENTITY));
        }
        let Some(size) = self.proved_size() else {
            return findings;
        };
        let end = walk.history().next_number();
        let signers = walk.entry_signers();
        let ends = signers.iter().skip(1).map(|signer| signer.number).chain([end]);
        for (signer, until) in signers.iter().zip(ends) {
            let from = signer.number.max(size);
            if from < until && !self.counts(&signer.key) {
                let detail = format!("entries {from} to {}, signed by {}", until - 1, signer.key);
                findings.push(Finding::new(Code::EntryNotProved, detail));
            }
        }
        findings
    }

    /// Whether a key that counts signed an entry, a checkpoint or a change.
    fn has_signed(&self, walk: &LogWalk) -> bool {
        let notes = walk.entry_signers().iter().chain(walk.checkpoint_signers());
        notes
            .chain(walk.change_signers())
            .any(|signer| self.counts(&signer.key))
    }

    /// The genesis hash: `previous` of the first link of this partition (FORMAT.md section 6).
    #[must_use]
    pub fn genesis(&self, partition: &TopicPartition) -> Hash {
        genesis(&self.of.hash, partition)
    }

    /// Opens the object at a link's key, up to step 8 of FORMAT.md section 1.2. Whether its key is in force follows from its
    /// height, which the walk of the chain knows.
    ///
    /// # Errors
    /// [`Invalid`] if it is not a valid link of that place.
    pub fn open_link(&self, object: &[u8], place: &Place) -> Result<OpenedLink, Invalid> {
        let opened = self.keyring.open(object)?;
        let id = self.of.identity.id();
        if let TypeFound::Unknown(kind) = check_type(&opened.text, Expected::Link(place), id)? {
            return Err(opened.unknown_type(kind));
        }
        let link: Link = canonical::from_text(&opened.text).map_err(|error| Invalid::Content(error.to_string()))?;
        link.check().map_err(|broken| Invalid::Content(broken.to_string()))?;
        if link.archive_id != id || link.place() != *place {
            return Err(Invalid::Replay(link.place().link(Attempt::PLAIN).to_string()));
        }
        Ok(OpenedLink {
            signed: SignedLink {
                link,
                hash: opened.hash,
                signer: opened.term.key.id(),
            },
            leaf: leaf_hash(object),
            key: opened.term.key.clone(),
        })
    }

    /// Whether a link by this key counts at this height.
    #[must_use]
    pub fn covers_link(&self, key: &VerifyingKey, partition: &TopicPartition, height: Height) -> Coverage {
        let term = self.keyring.term(key);
        term.map_or(Coverage::Outside, |term| term.covers_link(partition, height))
    }

    /// Whether a note of unknown type by a key with this id could count at this height.
    #[must_use]
    pub fn may_cover_unknown(&self, id: KeyId, partition: &TopicPartition, height: Height) -> bool {
        let mut named = self.keyring.terms().iter().filter(|term| term.key.id() == id);
        named.any(|term| term.covers_link(partition, height) != Coverage::Outside)
    }
}

/// The given keys that are of this archive, and those that descend from them (FORMAT.md section 5, rule 1). `naming` tells
/// whether a checkpoint or a change that a key signed names `archive.json`.
pub(super) fn descendants(
    keyring: &Keyring,
    given: &[VerifyingKey],
    naming: impl Fn(&VerifyingKey) -> bool,
) -> Vec<VerifyingKey> {
    let terms = keyring.terms();
    let own = terms.iter().filter(|term| given.contains(&term.key));
    let names = |term: &&Term| term.role == Role::Change && term.added.is_none() && naming(&term.key);
    let keys = if own.clone().any(|term| names(&term)) {
        let counts = terms
            .iter()
            .filter(|term| term.added.is_none() || given.contains(&term.key));
        counts.map(|term| term.key.clone()).collect()
    } else {
        own.map(|term| term.key.clone()).collect()
    };
    with_descendants(keyring, keys)
}

/// Terms are in the order of their changes, so one pass finds all descendants.
fn with_descendants(keyring: &Keyring, mut keys: Vec<VerifyingKey>) -> Vec<VerifyingKey> {
    for term in keyring.terms() {
        let descends = term.added.as_ref().is_some_and(|added| keys.contains(&added.by));
        if descends && !keys.contains(&term.key) {
            keys.push(term.key.clone());
        }
    }
    keys
}
