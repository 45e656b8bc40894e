//! What stands above the newest valid entry of the log, and what it says: evidence that entries are missing, tampering, or
//! junk that was passed over. Nothing there is part of the log.

use std::collections::BTreeMap;

use crate::log::history::History;
use crate::log::object_key::{Attempt, Key};
pub use crate::verify::above::Shown;
use crate::verify::above::judge_above;
use crate::verify::candidates::{InvalidNote, RawObject};
use crate::verify::findings::{Code, Finding, Findings};

/// What stands at the place of the checkpoint over the newest entry.
#[derive(Debug)]
pub(super) enum NewestCheckpoint {
    /// A valid checkpoint.
    Valid,
    /// An object that could not be read or understood.
    Unknown,
    /// Objects, or none. They are judged once it is known whether a checkpoint stood there.
    Junk(Vec<InvalidNote>),
}

/// What stands above the newest entry.
#[derive(Debug, Default)]
pub(super) struct LogEnd {
    /// Junk at the places of entries. Has the number of the next entry if that has none that is valid.
    entries: BTreeMap<u64, Vec<InvalidNote>>,
    checkpoints: BTreeMap<u64, Vec<InvalidNote>>,
    /// The highest number that something shows to have existed.
    shown: Option<Shown>,
    /// Findings that hold as long as no valid entry takes the next place.
    pub(super) findings: Findings,
}

impl LogEnd {
    /// Whether the next entry may still come.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The objects at the next number are no valid entry.
    pub(super) fn next_is_junk(&mut self, number: u64, junk: Vec<InvalidNote>, findings: Findings) {
        self.entries.insert(number, junk);
        self.findings.append(findings);
    }

    /// Adds the objects at the place of an entry above the next one.
    pub(super) fn entries(&mut self, history: &History, number: u64, objects: &[RawObject]) {
        self.entries.entry(history.next_number()).or_default();
        for raw in objects {
            let judged = judge_above(history, &Key::Entry(number, raw.attempt), &raw.object);
            if let Some(junk) = self.take(raw, judged, Code::StrayEntry) {
                self.entries.entry(number).or_default().push(junk);
            }
        }
    }

    /// Adds the objects at the place of a checkpoint whose entry is not there.
    pub(super) fn checkpoints(&mut self, history: &History, number: u64, objects: &[RawObject]) {
        for raw in objects {
            let judged = judge_above(history, &Key::Checkpoint(number, raw.attempt), &raw.object);
            if let Some(junk) = self.take(raw, judged, Code::StrayCheckpoint) {
                self.checkpoints.entry(number).or_default().push(junk);
            }
        }
    }

    fn take(&mut self, raw: &RawObject, judged: Result<Shown, Box<Finding>>, stray: Code) -> Option<InvalidNote> {
        match judged {
            Ok(shown) => self.show(shown),
            Err(finding) if finding.code == stray => {
                return Some(InvalidNote {
                    key: raw.key.clone(),
                    why: finding.detail,
                });
            }
            Err(finding) => self.findings.push(finding.object(&raw.key)),
        }
        None
    }

    /// Something shows that an entry with this number existed.
    pub(super) fn show(&mut self, shown: Shown) {
        if self.shown.as_ref().is_none_or(|known| known.number < shown.number) {
            self.shown = Some(shown);
        }
    }

    /// Whether something shows that the entry with this number existed.
    pub(super) fn shows_missing(&self, next: u64) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.number >= next)
    }

    /// Judges all of it. Junk at the next number was passed over by writers; no writer creates any beyond it; and where
    /// something shows that a valid note stood there, it took its place.
    pub(super) fn judge(mut self, next: u64, newest: NewestCheckpoint, findings: &mut Findings) {
        findings.append(std::mem::take(&mut self.findings));
        let shown = self.shown.take().filter(|shown| shown.number >= next);
        let until = shown.as_ref().map_or(next, |shown| shown.number.saturating_add(1));
        let has_junk = |(_, junk): &(&u64, &Vec<InvalidNote>)| !junk.is_empty();
        let altered = self.entries.range(next..until).filter(has_junk).count() as u64;
        if let Some(Shown { number, by }) = shown
            && until - next > altered
        {
            let detail =
                format!("entries {next} to {number} are missing or cannot be judged; {by} shows that they existed");
            let place = Key::Entry(next, Attempt::PLAIN);
            findings.push(Finding::new(Code::EntryMissing, detail).object(place));
        }
        let place = |number: u64, next: u64, codes: [Code; 3]| match number {
            _ if number < until => codes[0],
            _ if number == next => codes[1],
            _ => codes[2],
        };
        for (number, junk) in self.entries {
            let codes = [Code::EntryAltered, Code::EntryPassedOver, Code::StrayEntry];
            report(findings, place(number, next, codes), junk);
        }
        let next_checkpoint = match newest {
            NewestCheckpoint::Junk(junk) => {
                report(findings, Code::CheckpointPassedOver, junk);
                next.saturating_sub(1)
            }
            _ => next,
        };
        for (number, junk) in self.checkpoints {
            let codes = [
                Code::CheckpointAltered,
                Code::CheckpointPassedOver,
                Code::StrayCheckpoint,
            ];
            report(findings, place(number, next_checkpoint, codes), junk);
        }
    }
}

pub(super) fn report(findings: &mut Findings, code: Code, junk: Vec<InvalidNote>) {
    for InvalidNote { key, why } in junk {
        findings.push(Finding::new(code, why).object(key));
    }
}
