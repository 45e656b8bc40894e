//! The sequence of checkpoints: numbers without a gap, each chained to the one before, heights that never go back. What
//! they say of partitions becomes claims for the chains. Keeps a hash a checkpoint and its distinct heads.

use std::collections::BTreeMap;

use crate::log::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::verify::candidates::{Candidate, Choice, Codes, Found, Passed, choose};
use crate::verify::claims::{Claim, Witness, of_checkpoint};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{Standing, Trust};

/// The codes of checkpoints.
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

/// What the sequence came to.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// The hash of each valid checkpoint, by number.
    pub hashes: BTreeMap<u64, Hash>,
    /// What they claim of chains.
    pub claims: ClaimsByPartition,
    /// What was found.
    pub findings: Findings,
}

/// A walk along the checkpoints, fed in the order of their numbers.
#[derive(Debug)]
pub struct CheckpointWalk {
    sequence: Sequence,
    archive: String,
    key_changes: BTreeMap<u64, Standing>,
    last: Option<SignedCheckpoint>,
    /// Numbers without a valid checkpoint, and what stood there instead.
    junk: BTreeMap<u64, Vec<Passed>>,
    unknown: Vec<u64>,
    saved: BTreeMap<u64, Hash>,
    /// The number of the first that is fed: below it nothing is judged.
    first: u64,
    /// Checkpoints that appeared after the links were walked may name links that the walk did not see.
    listed_before_links: bool,
}

impl CheckpointWalk {
    /// A walk that has seen nothing, for this archive.
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

    /// The first number that is fed will be this one: what stood before it is not judged.
    pub fn begin_at(&mut self, number: u64) {
        self.first = number;
    }

    /// A checkpoint that was saved elsewhere, opened as a valid one. Its heads bind the chains, whatever the bucket has.
    pub fn saved(&mut self, saved: &SignedCheckpoint) {
        let number = saved.checkpoint.number;
        self.saved.insert(number, saved.hash);
        for (partition, claim) in of_checkpoint(Witness::Saved(number), saved) {
            self.claim(partition, claim);
        }
    }

    /// From here on checkpoints are newer than the listing of links: they are checked, but claim nothing of chains.
    pub fn links_are_listed(&mut self) {
        self.listed_before_links = false;
    }

    /// The objects of the next number that has any.
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

    /// Numbers between the last valid checkpoint and this one: missing, or altered.
    fn report_gap(&mut self, number: u64) {
        let first = self.last.as_ref().map_or(self.first, |last| last.checkpoint.number + 1);
        let junk: Vec<u64> = self.junk.range(first..number).map(|(number, _)| *number).collect();
        let unknown = self.unknown.iter().filter(|n| (first..number).contains(n)).count();
        if number - first > (junk.len() + unknown) as u64 {
            let detail = format!("checkpoints are missing: numbers {first} to {}", number - 1);
            self.report(Finding::new(Code::CheckpointMissing, detail).object(Key::Checkpoint(first, Attempt::PLAIN)));
        }
        for number in junk {
            self.report_junk(number, Code::CheckpointAltered);
        }
    }

    fn report_junk(&mut self, number: u64, code: Code) {
        for Passed { key, why } in self.junk.remove(&number).unwrap_or_default() {
            self.report(Finding::new(code, why).object(key));
        }
    }

    /// A checkpoint vouches for the key change that it names: it must be there. One that is newer than the listing may
    /// name a change that is newer too.
    fn check_key_change(&mut self, checkpoint: &Checkpoint, key: &str) {
        let number = checkpoint.key_change_number;
        let (code, detail) = match self.key_changes.get(&number) {
            Some(Standing::Valid(hash)) if *hash == checkpoint.key_change => return,
            Some(Standing::Valid(_)) => (Code::CheckpointBreaksRule, "with another hash"),
            Some(Standing::Junk) => (Code::KeyChangeInvalid, "where something else stands"),
            Some(Standing::Unknown) => return,
            None if self.listed_before_links => (Code::KeyChangeMissing, "which is not there"),
            None => return,
        };
        let detail = format!("the checkpoint names key change {number}, {detail}");
        self.report(Finding::new(code, detail).object(key));
    }

    fn breaks(&self, checkpoint: &Checkpoint) -> Option<String> {
        if checkpoint.archive != self.archive {
            return Some(format!("it names another archive: archive={}", checkpoint.archive));
        }
        let Some(SignedCheckpoint { checkpoint: last, hash }) = &self.last else {
            return None;
        };
        // After a gap the hash of the one before is not known.
        if checkpoint.number == last.number + 1 && checkpoint.previous != *hash {
            return Some("it does not name the hash of the checkpoint before".into());
        }
        if checkpoint.key_change_number < last.key_change_number {
            return Some("its key change went back".into());
        }
        goes_back(last, checkpoint)
    }

    /// What the last number was, once all listed ones were fed.
    #[must_use]
    pub fn newest_number(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.checkpoint.number)
    }

    /// Whether something of this number was fed.
    #[must_use]
    pub fn has_seen(&self, number: u64) -> bool {
        self.sequence.hashes.contains_key(&number) || self.junk.contains_key(&number) || self.unknown.contains(&number)
    }

    /// The claims about chains, so far.
    pub fn take_claims(&mut self) -> ClaimsByPartition {
        std::mem::take(&mut self.sequence.claims)
    }

    /// Ends the walk. `named` are the checkpoints that links name, with one link each.
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
                    let detail = "the bucket's checkpoint of this number is another one than the saved one";
                    self.report(Finding::new(Code::SavedCheckpointDiffers, detail).object(key));
                }
                None if self.unknown.contains(&number) => {}
                None => {
                    self.report_junk(number, Code::CheckpointAltered);
                    let detail = "the bucket has no valid checkpoint of the number that was saved";
                    self.report(Finding::new(Code::SavedCheckpointMissing, detail).object(key));
                }
            }
        }
    }

    fn check_named(&mut self, named: &BTreeMap<(u64, Hash), String>) {
        let first = self.first;
        for ((number, hash), link) in named.iter().filter(|((number, _), _)| *number >= first) {
            // A saved copy vouches for a checkpoint that the bucket lost; that it lost it is a finding already.
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
                    let detail = format!("the link names checkpoint {number}, which is not there");
                    self.report(Finding::new(Code::LinkCheckpointMissing, detail).object(link));
                }
            }
        }
    }

    /// Junk at the next number was passed over; junk beyond it is where no writer would have put anything.
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

/// What no later checkpoint does: leave a partition out, or go back or change at a height; in words.
pub(super) fn goes_back(last: &Checkpoint, checkpoint: &Checkpoint) -> Option<String> {
    // Both are sorted by partition: one pass.
    let mut heads = checkpoint.heads.iter().peekable();
    for before in &last.heads {
        while heads.next_if(|head| head.partition < before.partition).is_some() {}
        match heads.next_if(|head| head.partition == before.partition) {
            None => return Some(format!("it leaves out a partition: partition={}", before.partition)),
            Some(head) if head.height < before.height || (head.height == before.height && head != before) => {
                return Some(format!(
                    "a head went back or changed: partition={} height={}",
                    head.partition, head.height
                ));
            }
            Some(_) => {}
        }
    }
    None
}

/// What one object at a checkpoint's key is.
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
