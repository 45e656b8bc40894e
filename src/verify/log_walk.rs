//! Walks the archive's log: entries 0, 1, 2, … and the checkpoint at each number (FORMAT.md section 3). Takes raw objects,
//! because what stands before an entry decides how it is opened. Keeps one root per entry, and each head once.

use std::collections::BTreeMap;

use crate::log::head::{Head, goes_back};
use crate::log::history::{History, SignedEntry};
use crate::log::note::Invalid;
use crate::log::object_key::{Attempt, Key};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::verify::above::is_entry_out_of_force;
use crate::verify::candidates::{Candidate, Choice, Codes, Found, RawObject, choose};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::log_end::{LogEnd, NewestCheckpoint, Shown, report};

/// The finding codes of entries.
pub const ENTRY_CODES: Codes = Codes {
    passed_over: Code::EntryPassedOver,
    stray: Code::StrayEntry,
    breaks_rule: Code::EntryBreaksRule,
    doubled: Code::EntryDoubled,
    attempt_missing: Code::EntryAttemptMissing,
    unreadable: Code::EntryUnreadable,
    unknown_type: Code::EntryUnreadable,
};

/// The finding codes of checkpoints.
pub const CHECKPOINT_CODES: Codes = Codes {
    passed_over: Code::CheckpointPassedOver,
    stray: Code::StrayCheckpoint,
    breaks_rule: Code::CheckpointBreaksRule,
    doubled: Code::CheckpointBreaksRule, // never: all valid ones have one text
    attempt_missing: Code::CheckpointAttemptMissing,
    unreadable: Code::CheckpointUnreadable,
    unknown_type: Code::CheckpointUnreadable,
};

/// A note of the log and the key that signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The number of the entry or checkpoint.
    pub number: u64,
    /// The key.
    pub key: VerifyingKey,
}

/// What proofs need of a log that was walked from entry 0.
#[derive(Debug, Default)]
pub struct KeptForProofs {
    /// The leaf hashes of the entries.
    pub leaves: Vec<Hash>,
    /// The notes of the changes, each with the number of the entry that carries it.
    pub changes: Vec<(u64, String)>,
}

/// Walks the log.
#[derive(Debug)]
pub struct LogWalk {
    pub(super) history: History,
    /// The number of the first entry of the walk.
    pub(super) first: u64,
    /// The root over the entries up to each, from `first` on.
    pub(super) roots: Vec<Hash>,
    /// The heads of each partition that moved, with the entry.
    pub(super) heads: BTreeMap<TopicPartition, Vec<(u64, Head)>>,
    /// The signers of entries, each time another one signs.
    pub(super) entry_signers: Vec<Signer>,
    /// The signers of changes, by the sequence.
    pub(super) change_signers: Vec<Signer>,
    /// For each key that signed a checkpoint, the newest.
    pub(super) checkpoint_signers: Vec<Signer>,
    pub(super) newest: NewestCheckpoint,
    pub(super) newest_checkpoint: Option<u64>,
    /// The newest number at whose checkpoint an unknown or unreadable note stands.
    pub(super) unknown_checkpoint: Option<u64>,
    pub(super) checkpoint_count: u64,
    pub(super) end: LogEnd,
    /// What proofs need, if it is kept.
    pub(super) kept: Option<KeptForProofs>,
    /// An entry is unknown or unreadable: nothing after it is judged.
    pub(super) stopped: bool,
    pub(super) findings: Findings,
}

impl LogWalk {
    /// A walk before entry 0.
    #[must_use]
    pub fn new(history: History) -> LogWalk {
        LogWalk {
            first: history.next_number(),
            history,
            roots: Vec::new(),
            heads: BTreeMap::new(),
            entry_signers: Vec::new(),
            change_signers: Vec::new(),
            checkpoint_signers: Vec::new(),
            newest: NewestCheckpoint::Junk(Vec::new()),
            newest_checkpoint: None,
            unknown_checkpoint: None,
            checkpoint_count: 0,
            end: LogEnd::default(),
            kept: None,
            stopped: false,
            findings: Findings::default(),
        }
    }

    /// A walk after an entry whose predecessors are not read. `history` has it already.
    #[must_use]
    pub fn after(history: History, base: &SignedEntry) -> LogWalk {
        let mut walk = LogWalk::new(history);
        walk.first = base.entry.number;
        walk.remember(base);
        walk
    }

    /// Keeps what proofs need. Must be called before the first entry.
    #[must_use]
    pub fn keeping_for_proofs(mut self) -> LogWalk {
        self.kept = Some(KeptForProofs::default());
        self
    }

    /// Forgets what stands above the newest entry, because it is listed again: its checkpoint, and all numbers after it.
    pub fn list_again(&mut self) {
        self.end = LogEnd::default();
    }

    /// Adds the objects at the places of entry and checkpoint of the next number. Numbers ascend; those without any object may
    /// be left out.
    pub fn place(&mut self, number: u64, entries: &[RawObject], checkpoints: &[RawObject]) {
        if self.stopped {
            return;
        }
        let next = self.history.next_number();
        if number == next && self.end.is_empty() {
            self.next_entry(number, entries);
        } else if number >= next {
            self.end.entries(&self.history, number, entries);
        }
        if self.newest_entry() == Some(number) && matches!(self.newest, NewestCheckpoint::Junk(_)) {
            self.newest = self.checkpoint(number, checkpoints);
        } else if number >= self.history.next_number() && !self.stopped {
            self.end.checkpoints(&self.history, number, checkpoints);
        }
    }

    fn next_entry(&mut self, number: u64, objects: &[RawObject]) {
        let open = |raw: &RawObject| raw.open(Hash::of, |object| self.history.open_entry(object));
        let mut candidates: Vec<Candidate<SignedEntry>> = objects.iter().map(open).collect();
        if !candidates
            .iter()
            .any(|candidate| matches!(candidate.found, Found::Valid(_)))
        {
            for (candidate, raw) in candidates.iter_mut().zip(objects) {
                self.refuse_out_of_force(candidate, raw, number);
            }
        }
        let mut found = Findings::default();
        match choose(candidates, &ENTRY_CODES, &mut found) {
            Choice::Valid(signed, key) => {
                self.findings.append(found);
                self.take(&signed, &key);
            }
            Choice::Unknown => {
                self.findings.append(found);
                self.stopped = true;
            }
            Choice::Junk(junk) => self.end.next_is_junk(number, junk, found),
        }
    }

    /// Where no entry is valid, one that a known key signed for this place is tampering, although the key is not in force.
    fn refuse_out_of_force(&self, candidate: &mut Candidate<SignedEntry>, raw: &RawObject, number: u64) {
        let Ok(object) = &raw.object else { return };
        if is_entry_out_of_force(&self.history, object, number) {
            let why = format!("a key that is not in force signed entry {number}");
            candidate.found = Found::Invalid(Invalid::Content(why));
        }
    }

    fn take(&mut self, signed: &SignedEntry, key: &str) {
        self.findings.append(std::mem::take(&mut self.end.findings));
        self.settle_checkpoint();
        self.newest = NewestCheckpoint::Junk(Vec::new());
        if let Some(what) = goes_back(self.history.heads(), &signed.entry.heads) {
            self.findings
                .push(Finding::new(Code::EntryHeadsFalse, what).object(key));
        }
        self.history.apply(signed);
        self.remember(signed);
    }

    fn remember(&mut self, signed: &SignedEntry) {
        let number = signed.entry.number;
        self.roots
            .extend(self.history.checkpoint().map(|checkpoint| checkpoint.root));
        if let Some(kept) = &mut self.kept {
            kept.leaves.push(signed.leaf);
            kept.changes
                .extend(signed.entry.change.clone().map(|note| (number, note)));
        }
        for head in &signed.entry.heads {
            let moved = self.heads.entry(head.partition.clone()).or_default();
            if moved.last().is_none_or(|(_, before)| before != head) {
                moved.push((number, head.clone()));
            }
        }
        if let Some(change) = &signed.change {
            self.change_signers.push(Signer {
                number: change.change.sequence(),
                key: change.signer.clone(),
            });
        }
        if self.entry_signers.last().is_none_or(|last| last.key != signed.signer) {
            self.entry_signers.push(Signer {
                number,
                key: signed.signer.clone(),
            });
        }
    }

    fn checkpoint(&mut self, number: u64, objects: &[RawObject]) -> NewestCheckpoint {
        // All valid checkpoints of a number have one text.
        let text = Hash::of(&number.to_be_bytes());
        let open = |raw: &RawObject| raw.open(|_| text, |object| self.history.open_checkpoint(object));
        let mut candidates: Vec<Candidate<VerifyingKey>> = objects.iter().map(open).collect();
        let mut signers = Vec::new();
        for candidate in &mut candidates {
            match &candidate.found {
                Found::Valid(signer) => signers.push(signer.clone()),
                _ => candidate.digest = Hash::ZERO,
            }
        }
        let mut found = Findings::default();
        match choose(candidates, &CHECKPOINT_CODES, &mut found) {
            Choice::Valid(..) => {
                self.findings.append(found);
                self.newest_checkpoint = Some(number);
                self.checkpoint_count += 1;
                for key in signers {
                    self.note_signer(number, key);
                }
                NewestCheckpoint::Valid
            }
            Choice::Unknown => {
                self.findings.append(found);
                self.unknown_checkpoint = Some(number);
                NewestCheckpoint::Unknown
            }
            Choice::Junk(junk) => {
                self.end.findings.append(found);
                NewestCheckpoint::Junk(junk)
            }
        }
    }

    /// A key signed the checkpoint of this number.
    pub fn note_signer(&mut self, number: u64, key: VerifyingKey) {
        match self.checkpoint_signers.iter_mut().find(|signer| signer.key == key) {
            Some(known) => known.number = known.number.max(number),
            None => self.checkpoint_signers.push(Signer { number, key }),
        }
    }

    /// Something says that the checkpoint over the newest entry stood.
    fn settle_checkpoint(&mut self) {
        let Some(number) = self.newest_entry() else { return };
        match std::mem::replace(&mut self.newest, NewestCheckpoint::Unknown) {
            NewestCheckpoint::Valid => self.newest = NewestCheckpoint::Valid,
            NewestCheckpoint::Unknown => {}
            NewestCheckpoint::Junk(junk) if junk.is_empty() => {
                let detail = format!("checkpoint {number} is missing");
                let place = Key::Checkpoint(number, Attempt::PLAIN);
                self.findings
                    .push(Finding::new(Code::CheckpointMissing, detail).object(place));
            }
            NewestCheckpoint::Junk(junk) => report(&mut self.findings, Code::CheckpointAltered, junk),
        }
    }

    /// Something shows that an entry with this number existed.
    pub fn show(&mut self, shown: Shown) {
        self.end.show(shown);
    }

    /// Something shows that the checkpoint over the newest entry stood, if it has this number: junk in its place is tampering.
    pub fn show_checkpoint(&mut self, number: u64) {
        let is_junk = matches!(&self.newest, NewestCheckpoint::Junk(junk) if !junk.is_empty());
        if self.newest_entry() == Some(number) && is_junk {
            self.settle_checkpoint();
        }
    }

    /// Ends the walk, and takes its findings. `named` are the checkpoints that links name, each with the key of one such link.
    pub fn finish(&mut self, named: &BTreeMap<(u64, Hash), String>) -> Findings {
        if self.newest_entry().is_none() && !self.stopped {
            let detail = "entry 0, the beginning of the archive's log, is missing";
            let place = Key::Entry(0, Attempt::PLAIN);
            self.findings
                .push(Finding::new(Code::EntryMissing, detail).object(place));
        }
        self.check_named(named);
        if !self.stopped {
            if self.end.shows_missing(self.history.next_number()) {
                self.settle_checkpoint();
            }
            let newest = std::mem::replace(&mut self.newest, NewestCheckpoint::Unknown);
            let end = std::mem::take(&mut self.end);
            end.judge(self.history.next_number(), newest, &mut self.findings);
        }
        std::mem::take(&mut self.findings)
    }

    fn check_named(&mut self, named: &BTreeMap<(u64, Hash), String>) {
        let first = self.first;
        for ((number, root), link) in named.iter().filter(|((number, _), _)| *number >= first) {
            let (code, detail) = match self.root(*number) {
                Some(known) if known != *root => (
                    Code::LinkCheckpointDiffers,
                    format!("the link names checkpoint {number} with root {root}, but the entries have {known}"),
                ),
                Some(_) if self.newest_entry() == Some(*number) && matches!(self.newest, NewestCheckpoint::Junk(_)) => {
                    self.settle_checkpoint();
                    continue;
                }
                Some(_) => continue,
                None if self.stopped => continue,
                None => {
                    self.show(Shown {
                        number: *number,
                        by: link.clone(),
                    });
                    (
                        Code::LinkCheckpointMissing,
                        format!("the link names checkpoint {number}, which is missing"),
                    )
                }
            };
            self.findings.push(Finding::new(code, detail).object(link));
        }
    }
}
