//! The sequence of key changes: numbers without a gap, each chained to the one before and naming a checkpoint. Walked
//! before anything else, since it says which keys the rest needs.

use std::collections::BTreeMap;

use crate::log::checkpoint::SignedCheckpoint;
use crate::log::key_change::SignedKeyChange;
use crate::log::object_key::{Attempt, Key};
use crate::verify::candidates::{Candidate, Choice, Codes, Passed, choose};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{Standing, Trust};

/// The codes of key changes.
pub const KEY_CHANGE_CODES: Codes = Codes {
    passed_over: Code::KeyPassedOver,
    stray: Code::KeyChangeInvalid,
    breaks_rule: Code::KeyChangeInvalid,
    doubled: Code::CheckpointDoubled,
    attempt_missing: Code::CheckpointAttemptMissing,
    unreadable: Code::KeyUnreadable,
    unknown_type: Code::KeyUnreadable,
};

/// A walk along the key changes, fed in the order of their numbers.
#[derive(Debug)]
pub struct KeyWalk {
    trust: Trust,
    newest: u64,
    junk: BTreeMap<u64, Vec<Passed>>,
    findings: Findings,
}

impl KeyWalk {
    /// A walk that has seen nothing.
    #[must_use]
    pub fn new(trust: Trust) -> KeyWalk {
        KeyWalk {
            trust,
            newest: 0,
            junk: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    /// The keys as far as they are known: for opening what is fed next.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether the keys must be walked once more, with nothing but those brought: what they vouch for is known only now.
    #[must_use]
    pub fn counted_too_much(&self) -> bool {
        !self.trust.vouches_for_the_archive() && !self.findings.has(Code::KeyUnreadable)
    }

    /// Chooses among the objects of the next number that has any: the change whose checkpoint is to be fetched.
    pub fn place(&mut self, number: u64, candidates: Vec<Candidate<SignedKeyChange>>) -> Option<SignedKeyChange> {
        match choose(candidates, &KEY_CHANGE_CODES, &mut self.findings) {
            Choice::Valid(signed, _) => Some(signed),
            Choice::Unknown => {
                self.trust.note(number, Standing::Unknown);
                None
            }
            Choice::Junk(passed) => {
                self.trust.note(number, Standing::Junk);
                self.junk.insert(number, passed);
                None
            }
        }
    }

    /// Takes the chosen change, with the checkpoint of the number that it names, where a valid one is
    /// there, or why that could not be read.
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
                let detail = format!("checkpoint {}, which it names, could not be read: {why}", named.number);
                self.findings
                    .push(Finding::new(Code::CheckpointUnreadable, detail).object(key));
            }
            Ok(None) => {
                let detail = format!("checkpoint {} is not there", named.number);
                self.findings
                    .push(Finding::new(Code::KeyCheckpointMissing, detail).object(key));
            }
            Ok(Some(checkpoint)) if checkpoint.hash != named.sha256 => {
                let detail = format!("it names checkpoint {} with another hash", named.number);
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
            let detail = format!("key changes are missing below number {number}");
            self.findings.push(Finding::new(Code::KeyChangeMissing, detail));
        }
        for number in junk {
            self.report_junk(number, Code::KeyChangeInvalid);
        }
    }

    fn report_junk(&mut self, number: u64, code: Code) {
        for Passed { key, why } in self.junk.remove(&number).unwrap_or_default() {
            self.findings.push(Finding::new(code, why).object(key));
        }
    }

    /// Ends the walk: junk at the next number was passed over, junk beyond it is where nobody would have put anything.
    /// No trust where a change could not be read: what the keys that it names signed would be called a stranger's.
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
        if let Err(finding) = self.trust.settle() {
            self.findings.push(finding);
        }
        (Some(self.trust), self.findings)
    }
}
