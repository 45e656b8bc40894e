//! Which keys count for which note. Never fetches one: the archive's own and those that were brought come in as values.

use serde::Serialize;

use crate::model::hash::Hash;
use crate::model::merkle::leaf_hash;
use crate::model::note::VerifyingKey;
use crate::segment::checkpoint::{self, SignedCheckpoint};
use crate::segment::identity::{Identity, genesis};
use crate::segment::key::Place;
use crate::segment::link;
use crate::segment::note::{Invalid, Keyring};
use crate::verify::chain::OpenedLink;
use crate::verify::findings::{Code, Finding, Findings};

/// Why the keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Whoever verifies brought them.
    KeysBrought,
    /// They were taken from `archive.json`: whoever could write that could write everything.
    FirstUse,
}

/// The archive as far as notes are concerned: who it is, and which keys speak for it.
#[derive(Debug, Clone)]
pub struct Trust {
    identity: Identity,
    identity_hash: Hash,
    keyring: Keyring,
    basis: Basis,
}

impl Trust {
    /// Trusts the keys that were brought, or, where none was, those of the archive itself.
    ///
    /// # Errors
    /// The finding that says why there is no archive to verify.
    pub fn new(archive_json: &[u8], brought: &[VerifyingKey], findings: &mut Findings) -> Result<Trust, Finding> {
        let malformed = |error: crate::segment::identity::IdentityError| {
            Finding::new(Code::IdentityMalformed, error.to_string()).object(crate::segment::key::IDENTITY)
        };
        let identity = Identity::from_bytes(archive_json).map_err(malformed)?;
        let own = identity.keys().map_err(malformed)?;
        let basis = if brought.is_empty() {
            Basis::FirstUse
        } else {
            Basis::KeysBrought
        };
        let in_force: Vec<VerifyingKey> = match basis {
            Basis::FirstUse => own,
            Basis::KeysBrought => own.into_iter().filter(|key| brought.contains(key)).collect(),
        };
        if in_force.is_empty() {
            let detail = "archive.json names none of the keys that were brought";
            findings.push(Finding::new(Code::KeyNotOfArchive, detail).object(crate::segment::key::IDENTITY));
        }
        Ok(Trust {
            identity_hash: Hash::of(archive_json),
            identity,
            keyring: Keyring::new(in_force),
            basis,
        })
    }

    /// Who the archive is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The hash of `archive.json`.
    #[must_use]
    pub fn identity_hash(&self) -> Hash {
        self.identity_hash
    }

    /// Why the keys are believed.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The keys that count.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        self.keyring.keys()
    }

    /// `previous` of the first link of this partition.
    #[must_use]
    pub fn genesis(&self, partition: &crate::model::position::TopicPartition) -> Hash {
        genesis(&self.identity_hash, partition)
    }

    /// Opens the object at a link's key.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid link of that place.
    pub fn open_link(&self, object: &[u8], place: &Place) -> Result<OpenedLink, Invalid> {
        let signed = link::open(object, &self.keyring, self.identity.id(), place)?;
        Ok(OpenedLink {
            signed,
            leaf: leaf_hash(object),
        })
    }

    /// Opens the object at a checkpoint's key.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid checkpoint of that number.
    pub fn open_checkpoint(&self, object: &[u8], number: u64) -> Result<SignedCheckpoint, Invalid> {
        checkpoint::open(object, &self.keyring, self.identity.id(), number)
    }
}
