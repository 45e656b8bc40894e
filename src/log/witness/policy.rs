//! Which cosignatures are enough: known logs, known witnesses, and the quorum (C2SP tlog-policy).

use crate::log::checkpoint::Checkpoint;
use crate::log::signed_note::VerifyingKey;
use crate::log::witness::cosignature::Cosignature;
use crate::log::witness::key::WitnessKey;

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A quorum that the witnesses cannot reach.
    #[error("the quorum of {quorum} is larger than the number of witnesses, {witnesses}")]
    Quorum {
        /// The quorum.
        quorum: usize,
        /// The number of witnesses.
        witnesses: usize,
    },
    /// Two witnesses with one public key would count twice.
    #[error("two witnesses have the same public key: {0}")]
    Duplicate(String),
    /// A line of a policy file breaks a rule.
    #[error("line {line} of the policy: {reason}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A policy file has no line that defines the quorum.
    #[error("the policy has no line `quorum NAME`")]
    NoQuorum,
    /// The file is larger than [`POLICY_MAX_BYTES`](crate::log::witness::POLICY_MAX_BYTES).
    #[error("the policy is larger than {0} bytes")]
    TooLarge(usize),
}

/// The logs and witnesses that somebody trusts, and how many of the witnesses must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) logs: Vec<PolicyLog>,
    pub(super) witnesses: Vec<PolicyWitness>,
    pub(super) quorum: Quorum,
}

/// A known log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// The name of its key, which is the log's origin.
    pub origin: String,
    /// Its key as written.
    pub vkey: String,
    /// Its key, if it has the signature type of an archive's keys (Ed25519, 0x01).
    pub key: Option<VerifyingKey>,
    /// Its URL, if the policy has one.
    pub url: Option<String>,
}

/// A known witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name in the policy; may differ from the name of its key.
    pub name: String,
    /// Its public key.
    pub key: WitnessKey,
    /// Its URL, if the policy has one.
    pub url: Option<String>,
}

/// A rule over the witnesses of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quorum {
    /// No cosignature is needed.
    None,
    /// The witness with this index must have cosigned.
    Witness(usize),
    /// At least `threshold` of the members must hold.
    Group {
        /// At least 1, and at most the number of members.
        threshold: usize,
        /// The members; each witness is in at most one group.
        members: Vec<Quorum>,
    },
}

impl Policy {
    /// The policy that `quorum` of these witnesses must have cosigned. 0 asks for none.
    ///
    /// # Errors
    /// [`PolicyError`] if the quorum cannot be reached, or two witnesses have the same public key.
    pub fn of_keys(keys: Vec<WitnessKey>, quorum: usize) -> Result<Policy, PolicyError> {
        let same = |(at, key): (usize, &WitnessKey)| {
            keys[..at]
                .iter()
                .any(|other| other.has_key_of(key))
                .then(|| key.to_string())
        };
        if let Some(key) = keys.iter().enumerate().find_map(same) {
            return Err(PolicyError::Duplicate(key));
        }
        if quorum > keys.len() {
            let witnesses = keys.len();
            return Err(PolicyError::Quorum { quorum, witnesses });
        }
        let quorum = match quorum {
            0 => Quorum::None,
            threshold => Quorum::Group {
                threshold,
                members: (0..keys.len()).map(Quorum::Witness).collect(),
            },
        };
        let witness = |key: WitnessKey| PolicyWitness {
            name: key.name().to_owned(),
            key,
            url: None,
        };
        Ok(Policy {
            logs: Vec::new(),
            witnesses: keys.into_iter().map(witness).collect(),
            quorum,
        })
    }

    /// The logs; may be empty.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, no two with the same public key; may be empty where the quorum is none.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether the quorum holds if exactly those witnesses cosigned for which `has_cosigned` is true.
    pub fn is_met(&self, has_cosigned: impl Fn(&PolicyWitness) -> bool) -> bool {
        let cosigned: Vec<bool> = self.witnesses.iter().map(has_cosigned).collect();
        holds(&self.quorum, &cosigned)
    }

    /// The cosignatures of `head` by witnesses of this policy that verify, each with its witness. Other lines are left
    /// out: they prove nothing.
    #[must_use]
    pub fn verified<'a>(
        &'a self,
        head: &Checkpoint,
        lines: &'a [Cosignature],
    ) -> Vec<(&'a PolicyWitness, &'a Cosignature)> {
        let by_witness = |line| self.witnesses.iter().find(|witness| witness.key.verify(head, line));
        lines
            .iter()
            .filter_map(|line| Some((by_witness(line)?, line)))
            .collect()
    }

    /// Whether the quorum holds for `head` with those of `lines` that verify.
    #[must_use]
    pub fn is_met_by(&self, head: &Checkpoint, lines: &[Cosignature]) -> bool {
        self.is_met(|witness| lines.iter().any(|line| witness.key.verify(head, line)))
    }
}

fn holds(quorum: &Quorum, cosigned: &[bool]) -> bool {
    match quorum {
        Quorum::None => true,
        Quorum::Witness(index) => cosigned.get(*index).copied().unwrap_or(false),
        Quorum::Group { threshold, members } => {
            members.iter().filter(|member| holds(member, cosigned)).count() >= *threshold
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
