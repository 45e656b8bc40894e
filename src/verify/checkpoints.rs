//! Walks the checkpoints: numbers without a gap, each naming the hash of the one before, heights that never go back. Turns
//! their heads into claims about the chains. Keeps one hash per checkpoint, and each head once.

use std::collections::BTreeMap;

use crate::log::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::verify::candidates::{Candidate, Choice, Codes, Found, InvalidNote, choose};
use crate::verify::claims::{Claim, Witness, of_checkpoint};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{ChangeState, Trust};

/// The finding codes of checkpoints.
pub const CHECKPOINT_CODES: Codes = Codes {
    passed_over: Code::CheckpointPassedOver,
    stray: Code::StrayCheckpoint,
    breaks_rule: Code::CheckpointBreaksRule,
    doubled: Code::CheckpointDoubled,
    attempt_missing: Code::CheckpointAttemptMissing,
    unreadable: Code::CheckpointUnreadable,
    unknown_type: Code::CheckpointUnreadable,
};

/// The claims about each partition.
pub type ClaimsByPartition = BTreeMap<TopicPartition, Vec<Claim>>;

/// The result of walking the checkpoints.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// The hash of each valid checkpoint, by number.
    pub hashes: BTreeMap<u64, Hash>,
    /// What the checkpoints claim about the chains.
    pub claims: ClaimsByPartition,
    /// The findings about checkpoints.
    pub findings: Findings,
}

/// Walks the checkpoints, given in ascending order of their numbers.
#[derive(Debug)]
pub struct CheckpointWalk {
    sequence: Sequence,
    archive: String,
    key_changes: BTreeMap<u64, ChangeState>,
    last: Option<SignedCheckpoint>,
    /// Numbers without a valid checkpoint, and the objects found there.
    junk: BTreeMap<u64, Vec<InvalidNote>>,
    unknown: Vec<u64>,
    saved: BTreeMap<u64, Hash>,
    /// The number of the first checkpoint; those before it are not checked.
    first: u64,
    /// Whether the checkpoints were listed before the links. Later ones may name links that the walk of the chain did not see.
    listed_before_links: bool,
}

impl CheckpointWalk {
    /// A walk of this archive before its first checkpoint.
    #[must_use]
    pub fn new(trust: &Trust) -> CheckpointWalk {
        CheckpointWalk {
            sequence: Sequence::default(),
            archive: trust.identity().archive().to_owned(),
            key_changes: trust.changes().clone(),
            last: None,
            junk: BTreeMap::new(),
            unknown: Vec::new(),
            saved: BTreeMap::new(),
            first: 0,
            listed_before_links: true,
        }
    }

    /// Starts the walk at this number; the checkpoints before it are not checked.
    pub fn begin_at(&mut self, number: u64) {
        self.first = number;
    }

    /// Adds a valid checkpoint that was saved elsewhere. Its heads are claims about the chains, whatever the bucket has.
    pub fn saved(&mut self, saved: &SignedCheckpoint) {
        let number = saved.checkpoint.number;
        self.saved.insert(number, saved.hash);
        for (partition, claim) in of_checkpoint(Witness::Saved(number), saved) {
            self.claim(partition, claim);
        }
    }

    /// The checkpoints that follow are newer than the listing of links: they are checked, but make no claims.
    pub fn links_are_listed(&mut self) {
        self.listed_before_links = false;
    }

    /// Adds the objects of the next number.
    pub fn place(&mut self, number: u64, candidates: Vec<Candidate<SignedCheckpoint>>) {
        match choose(candidates, &CHECKPOINT_CODES, &mut self.sequence.findings) {
            Choice::Valid(signed, key) => self.take(signed, &key),
            Choice::Unknown => self.unknown.push(number),
            Choice::Junk(passed) => {
                self.junk.insert(number, passed);
            }
        }
    }

    fn take(&mut self, signed: SignedCheckpoint, key: &str) {
        let number = signed.checkpoint.number;
        self.report_gap(number);
        self.check_key_change(&signed.checkpoint, key);
        if let Some(what) = self.breaks(&signed.checkpoint) {
            self.report(Finding::new(Code::CheckpointBreaksRule, what).object(key));
        }
        self.sequence.hashes.insert(number, signed.hash);
        if self.listed_before_links {
            let moved = |partition: &TopicPartition, claim: &Claim, last: &Option<SignedCheckpoint>| {
                let before = last.as_ref().and_then(|last| last.checkpoint.head(partition));
                before.is_none_or(|head| (head.height, head.link) != (claim.height, claim.link))
            };
            let claims: Vec<_> = of_checkpoint(Witness::Checkpoint(number), &signed)
                .filter(|(partition, claim)| moved(partition, claim, &self.last))
                .map(|(partition, claim)| (partition.clone(), claim))
                .collect();
            for (partition, claim) in claims {
                self.claim(&partition, claim);
            }
        }
        self.last = Some(signed);
    }

    fn claim(&mut self, partition: &TopicPartition, claim: Claim) {
        self.sequence.claims.entry(partition.clone()).or_default().push(claim);
    }

    fn report(&mut self, finding: Finding) {
        self.sequence.findings.push(finding);
    }

    /// Reports the numbers between the last valid checkpoint and this one as missing or altered.
    fn report_gap(&mut self, number: u64) {
        let first = self.last.as_ref().map_or(self.first, |last| last.checkpoint.number + 1);
        let junk: Vec<u64> = self.junk.range(first..number).map(|(number, _)| *number).collect();
        let unknown = self.unknown.iter().filter(|n| (first..number).contains(n)).count();
        if number - first > (junk.len() + unknown) as u64 {
            let detail = format!("checkpoints {first} to {} are missing", number - 1);
            self.report(Finding::new(Code::CheckpointMissing, detail).object(Key::Checkpoint(first, Attempt::PLAIN)));
        }
        for number in junk {
            self.report_junk(number, Code::CheckpointAltered);
        }
    }

    fn report_junk(&mut self, number: u64, code: Code) {
        for InvalidNote { key, why } in self.junk.remove(&number).unwrap_or_default() {
            self.report(Finding::new(code, why).object(key));
        }
    }

    /// The key change that a checkpoint names must exist. A checkpoint newer than the listing may name a change that is newer
    /// too.
    fn check_key_change(&mut self, checkpoint: &Checkpoint, key: &str) {
        let number = checkpoint.key_change_number;
        let (code, detail) = match self.key_changes.get(&number) {
            Some(ChangeState::Valid(hash)) if *hash == checkpoint.key_change => return,
            Some(ChangeState::Valid(_)) => (Code::CheckpointBreaksRule, "but with another hash"),
            Some(ChangeState::Junk) => (Code::KeyChangeInvalid, "but the object there is not valid"),
            Some(ChangeState::Unknown) => return,
            None if self.listed_before_links => (Code::KeyChangeMissing, "which is missing"),
            None => return,
        };
        let detail = format!("the checkpoint names key change {number}, {detail}");
        self.report(Finding::new(code, detail).object(key));
    }

    fn breaks(&self, checkpoint: &Checkpoint) -> Option<String> {
        if checkpoint.archive != self.archive {
            return Some(format!("it is of another archive: archive={}", checkpoint.archive));
        }
        let Some(SignedCheckpoint { checkpoint: last, hash }) = &self.last else {
            return None;
        };
        // After a gap the hash of the checkpoint before is not known.
        if checkpoint.number == last.number + 1 && checkpoint.previous != *hash {
            return Some("it does not name the hash of the checkpoint before it".into());
        }
        if checkpoint.key_change_number < last.key_change_number {
            return Some("it names an older key change than the checkpoint before it".into());
        }
        goes_back(last, checkpoint)
    }

    /// The number of the last valid checkpoint so far.
    #[must_use]
    pub fn newest_number(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.checkpoint.number)
    }

    /// Whether objects with this number were added.
    #[must_use]
    pub fn has_seen(&self, number: u64) -> bool {
        self.sequence.hashes.contains_key(&number) || self.junk.contains_key(&number) || self.unknown.contains(&number)
    }

    /// Takes the claims about the chains so far.
    pub fn take_claims(&mut self) -> ClaimsByPartition {
        std::mem::take(&mut self.sequence.claims)
    }

    /// Ends the walk. `named` are the checkpoints that links name, each with the key of one such link.
    #[must_use]
    pub fn finish(mut self, named: &BTreeMap<(u64, Hash), String>) -> Sequence {
        if self.last.is_none() {
            self.report(Finding::new(Code::CheckpointMissing, "there is no valid checkpoint"));
        }
        self.check_saved();
        self.check_named(named);
        self.judge_rest();
        self.sequence
    }

    fn check_saved(&mut self) {
        for (number, hash) in self.saved.clone().split_off(&self.first) {
            let key = Key::Checkpoint(number, Attempt::PLAIN);
            match self.sequence.hashes.get(&number) {
                Some(stored) if *stored == hash => {}
                Some(_) => {
                    let detail = "the bucket has another checkpoint with this number than the saved one";
                    self.report(Finding::new(Code::SavedCheckpointDiffers, detail).object(key));
                }
                None if self.unknown.contains(&number) => {}
                None => {
                    self.report_junk(number, Code::CheckpointAltered);
                    let detail = "the bucket has no valid checkpoint with the number of the saved one";
                    self.report(Finding::new(Code::SavedCheckpointMissing, detail).object(key));
                }
            }
        }
    }

    fn check_named(&mut self, named: &BTreeMap<(u64, Hash), String>) {
        let first = self.first;
        for ((number, hash), link) in named.iter().filter(|((number, _), _)| *number >= first) {
            // A saved checkpoint may stand in for one that the bucket has lost; the loss has a finding of its own.
            let known = self.sequence.hashes.get(number).or_else(|| self.saved.get(number));
            match known {
                Some(known) if known == hash => {}
                Some(_) => {
                    let detail = format!("the link names checkpoint {number} with another hash");
                    self.report(Finding::new(Code::LinkCheckpointDiffers, detail).object(link));
                }
                None if self.unknown.contains(number) => {}
                None => {
                    self.report_junk(*number, Code::CheckpointAltered);
                    let detail = format!("the link names checkpoint {number}, which is missing");
                    self.report(Finding::new(Code::LinkCheckpointMissing, detail).object(link));
                }
            }
        }
    }

    /// Invalid objects at the next number were ignored by writers; no writer creates any beyond it.
    fn judge_rest(&mut self) {
        let next = self.newest_number().map_or(self.first, |number| number + 1);
        for number in self.junk.keys().copied().collect::<Vec<_>>() {
            let code = if number == next {
                Code::CheckpointPassedOver
            } else {
                Code::StrayCheckpoint
            };
            self.report_junk(number, code);
        }
    }
}

/// The rule that a later checkpoint breaks if it leaves out a partition, or a head goes back or changes at its height.
pub(super) fn goes_back(last: &Checkpoint, checkpoint: &Checkpoint) -> Option<String> {
    // Both lists are sorted by partition, so one pass is enough.
    let mut heads = checkpoint.heads.iter().peekable();
    for before in &last.heads {
        while heads.next_if(|head| head.partition < before.partition).is_some() {}
        match heads.next_if(|head| head.partition == before.partition) {
            None => {
                return Some(format!(
                    "it leaves out a partition that the checkpoint before it has: partition={}",
                    before.partition
                ));
            }
            Some(head) if head.height < before.height || (head.height == before.height && head != before) => {
                return Some(format!(
                    "the head of a partition went back or changed: partition={} height={}",
                    head.partition, head.height
                ));
            }
            Some(_) => {}
        }
    }
    None
}

/// Opens one object at a checkpoint's key.
#[must_use]
pub fn candidate(
    trust: &Trust,
    number: u64,
    attempt: Attempt,
    object: Result<&[u8], String>,
) -> Candidate<SignedCheckpoint> {
    let found = match object {
        Err(why) => Found::Unreadable(why),
        Ok(bytes) => trust
            .open_checkpoint(bytes, number)
            .map_or_else(Found::Invalid, Found::Valid),
    };
    Candidate {
        attempt,
        key: Key::Checkpoint(number, attempt).to_string(),
        found,
    }
}
