//! Walks the key changes: numbers without a gap, each naming the hash of the one before and a checkpoint. Must run first,
//! because everything else is checked with the keys that it yields.

use std::collections::BTreeMap;

use crate::log::checkpoint::SignedCheckpoint;
use crate::log::key_change::SignedKeyChange;
use crate::log::object_key::{Attempt, Key};
use crate::verify::candidates::{Candidate, Choice, Codes, InvalidNote, choose};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{ChangeState, Trust};

/// The finding codes of key changes.
pub const KEY_CHANGE_CODES: Codes = Codes {
    passed_over: Code::KeyPassedOver,
    stray: Code::KeyChangeInvalid,
    breaks_rule: Code::KeyChangeInvalid,
    doubled: Code::CheckpointDoubled,
    attempt_missing: Code::CheckpointAttemptMissing,
    unreadable: Code::KeyUnreadable,
    unknown_type: Code::KeyUnreadable,
};

/// Walks the key changes, given in ascending order of their numbers.
#[derive(Debug)]
pub struct KeyWalk {
    trust: Trust,
    newest: u64,
    junk: BTreeMap<u64, Vec<InvalidNote>>,
    findings: Findings,
}

impl KeyWalk {
    /// A walk before the first key change.
    #[must_use]
    pub fn new(trust: Trust) -> KeyWalk {
        KeyWalk {
            trust,
            newest: 0,
            junk: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    /// The keys after the changes so far, to open the next one with.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether the walk must be repeated with the given keys only, because the keys of `archive.json` turned out not to count.
    #[must_use]
    pub fn must_be_repeated(&self) -> bool {
        !self.trust.archive_keys_count() && !self.findings.has(Code::KeyUnreadable)
    }

    /// Adds the objects of the next number, and returns the key change among them. Its checkpoint must be fetched for `take`.
    pub fn place(&mut self, number: u64, candidates: Vec<Candidate<SignedKeyChange>>) -> Option<SignedKeyChange> {
        match choose(candidates, &KEY_CHANGE_CODES, &mut self.findings) {
            Choice::Valid(signed, _) => Some(signed),
            Choice::Unknown => {
                self.trust.note(number, ChangeState::Unknown);
                None
            }
            Choice::Junk(passed) => {
                self.trust.note(number, ChangeState::Junk);
                self.junk.insert(number, passed);
                None
            }
        }
    }

    /// Applies a key change. `checkpoint` is the one that it names: `None` if there is no valid one, an error if it could not be
    /// read.
    pub fn take(&mut self, signed: &SignedKeyChange, checkpoint: Result<Option<&SignedCheckpoint>, &String>) {
        let number = signed.change.number;
        let key = Key::KeyChange(number, Attempt::PLAIN);
        self.report_gap(number);
        self.newest = number;
        if let Some(broken) = self.trust.refuses(signed) {
            self.findings
                .push(Finding::new(Code::KeyChangeInvalid, broken).object(key));
            return;
        }
        let named = &signed.change.checkpoint;
        match checkpoint {
            Err(why) => {
                let detail = format!(
                    "checkpoint {}, which the key change names, could not be read: {why}",
                    named.number
                );
                self.findings
                    .push(Finding::new(Code::CheckpointUnreadable, detail).object(key));
            }
            Ok(None) => {
                let detail = format!("checkpoint {}, which the key change names, is missing", named.number);
                self.findings
                    .push(Finding::new(Code::KeyCheckpointMissing, detail).object(key));
            }
            Ok(Some(checkpoint)) if checkpoint.hash != named.sha256 => {
                let detail = format!("the key change names checkpoint {} with another hash", named.number);
                self.findings
                    .push(Finding::new(Code::KeyChangeInvalid, detail).object(key));
            }
            Ok(Some(_)) => {}
        }
        self.trust.apply(signed, checkpoint.ok().flatten());
    }

    fn report_gap(&mut self, number: u64) {
        let missing = self.newest + 1..number;
        let junk: Vec<u64> = self.junk.range(missing.clone()).map(|(number, _)| *number).collect();
        if missing.end - missing.start > junk.len() as u64 {
            let detail = format!("key changes before number {number} are missing");
            self.findings.push(Finding::new(Code::KeyChangeMissing, detail));
        }
        for number in junk {
            self.report_junk(number, Code::KeyChangeInvalid);
        }
    }

    fn report_junk(&mut self, number: u64, code: Code) {
        for InvalidNote { key, why } in self.junk.remove(&number).unwrap_or_default() {
            self.findings.push(Finding::new(code, why).object(key));
        }
    }

    /// Ends the walk. Invalid objects at the next number were ignored by writers; no writer creates any beyond it. Returns no
    /// keys if a key change could not be read, because notes by the keys that it adds would look like forgeries.
    #[must_use]
    pub fn finish(mut self) -> (Option<Trust>, Findings) {
        for number in self.junk.keys().copied().collect::<Vec<_>>() {
            let code = if number == self.newest + 1 {
                Code::KeyPassedOver
            } else {
                Code::KeyChangeInvalid
            };
            self.report_junk(number, code);
        }
        if self.findings.has(Code::KeyUnreadable) {
            return (None, self.findings);
        }
        if let Err(finding) = self.trust.finish() {
            self.findings.push(finding);
        }
        (Some(self.trust), self.findings)
    }
}
