//! What a user has from elsewhere to judge an archive or a proof by.

use crate::log::checkpoint::Checkpoint;
use crate::log::keyring::Keyring;
use crate::log::signed_note::VerifyingKey;
use crate::log::witness::{Cosignature, Policy};
use crate::verify::trust::Basis;

/// Public keys, the origin of the log, and a policy for witnesses. Nothing at all means trust on first use.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Public keys of the archive.
    pub keys: Vec<VerifyingKey>,
    /// The origin of the archive's log.
    pub origin: Option<String>,
    /// Which cosignatures are enough.
    pub policy: Option<Policy>,
}

impl Given {
    /// These keys and nothing else.
    #[must_use]
    pub fn keys(keys: &[VerifyingKey]) -> Given {
        Given {
            keys: keys.to_vec(),
            ..Given::default()
        }
    }

    /// Why keys count, if no checkpoint was given.
    #[must_use]
    pub fn basis(&self) -> Basis {
        if !self.keys.is_empty() {
            Basis::KeysGiven
        } else if self.policy.is_some() || self.origin.is_some() {
            Basis::CheckpointsGiven
        } else {
            Basis::FirstUse
        }
    }

    /// Whether something given tells that this log is the one that is meant. Anybody can have a log of his own cosigned.
    #[must_use]
    pub fn means(&self, keyring: &Keyring) -> bool {
        let is_own = |key: &VerifyingKey| keyring.term(key).is_some();
        let logs = self.policy.iter().flat_map(Policy::logs);
        self.keys.iter().any(is_own)
            || self.origin.as_deref() == Some(keyring.origin())
            || logs.filter_map(|log| log.key.as_ref()).any(is_own)
    }

    /// Whether witnesses cosigned this tree head as the policy asks; at least one of them.
    #[must_use]
    pub fn is_cosigned(&self, head: &Checkpoint, lines: &[Cosignature]) -> bool {
        self.policy.as_ref().is_some_and(|policy| {
            let verifies = |line: &Cosignature| policy.witnesses().iter().any(|witness| witness.key.verify(head, line));
            lines.iter().any(verifies) && policy.is_met_by(head, lines)
        })
    }
}
