//! What witnesses say about the log (FORMAT.md section 3.4): which of those that the verifier knows cosigned, the newest size
//! that each saw, and the newest checkpoint that was cosigned as the policy asks.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::log::checkpoint::Checkpoint;
use crate::log::witness::{Cosignature, Policy};
use crate::record::hash::Hash;
use crate::verify::findings::{Code, Finding, Findings};

/// The newest cosignature of one witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessSeen {
    /// The witness's key, in text form.
    pub witness: String,
    /// The size of the newest checkpoint that it cosigned; `None` if there is none.
    pub size: Option<u64>,
    /// When it says that it cosigned that.
    pub at: Option<String>,
}

/// A stored cosignature line, with the key of its object.
#[derive(Debug, Clone)]
pub struct StoredLine {
    /// The object key.
    pub key: String,
    /// The hash in the object key.
    pub named: Hash,
    /// The object's bytes.
    pub object: Bytes,
}

/// Collects cosignatures of checkpoints, the newest checkpoint first.
#[derive(Debug)]
pub struct Cosigned<'p> {
    policy: &'p Policy,
    seen: Vec<WitnessSeen>,
    proved: Option<u64>,
    findings: Findings,
}

impl<'p> Cosigned<'p> {
    /// Nothing is cosigned yet.
    #[must_use]
    pub fn new(policy: &'p Policy) -> Cosigned<'p> {
        let none = |witness: &crate::log::witness::PolicyWitness| WitnessSeen {
            witness: witness.key.to_string(),
            size: None,
            at: None,
        };
        Cosigned {
            policy,
            seen: policy.witnesses().iter().map(none).collect(),
            proved: None,
            findings: Findings::default(),
        }
    }

    /// Adds the stored lines of one checkpoint.
    pub fn stored(&mut self, head: &Checkpoint, stored: &[StoredLine]) {
        let mut lines = Vec::new();
        for StoredLine { key, named, object } in stored {
            match Cosignature::from_object(object) {
                Some(line) if Hash::of(object) == *named => lines.push((line, key.as_str())),
                Some(_) => self.note(key, "its name is not the hash of the object"),
                None => self.note(key, "it is not a cosignature line"),
            }
        }
        let verified: Vec<Cosignature> = lines
            .into_iter()
            .filter_map(|(line, key)| self.verifies(head, &line, key).then_some(line))
            .collect();
        self.add(head, &verified);
    }

    /// Adds lines of a saved checkpoint.
    pub fn saved(&mut self, head: &Checkpoint, lines: &[Cosignature]) {
        self.add(head, lines);
    }

    fn verifies(&mut self, head: &Checkpoint, line: &Cosignature, key: &str) -> bool {
        let mut named = self
            .policy
            .witnesses()
            .iter()
            .filter(|known| known.key.is_named_by(line))
            .peekable();
        if named.peek().is_none() {
            return false;
        }
        let verifies = named.any(|known| known.key.verify(head, line));
        if !verifies {
            self.note(key, "its signature does not verify over the checkpoint");
        }
        verifies
    }

    fn add(&mut self, head: &Checkpoint, lines: &[Cosignature]) {
        for (witness, seen) in self.policy.witnesses().iter().zip(&mut self.seen) {
            let newest = lines
                .iter()
                .filter(|line| witness.key.verify(head, line))
                .max_by_key(|line| line.timestamp());
            if let Some(line) = newest.filter(|_| seen.size < Some(head.size)) {
                seen.size = Some(head.size);
                seen.at = Some(line.time().to_string());
            }
        }
        if self.policy.is_met_by(head, lines) {
            self.proved = self.proved.max(head.size.checked_sub(1));
        }
    }

    fn note(&mut self, key: &str, why: &str) {
        self.findings
            .push(Finding::new(Code::CosignatureInvalid, why).object(key));
    }

    /// Whether older checkpoints cannot add anything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.proved.is_some() && self.seen.iter().all(|seen| seen.size.is_some())
    }

    /// The number of the newest entry that is proved, and what each witness saw.
    #[must_use]
    pub fn finish(mut self) -> (Option<u64>, Vec<WitnessSeen>, Findings) {
        if self.proved.is_none() {
            let detail = "no checkpoint of this archive that was read is cosigned as the policy asks";
            self.findings.push(Finding::new(Code::PolicyNotMet, detail));
        }
        (self.proved, self.seen, self.findings)
    }
}
