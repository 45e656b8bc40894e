//! A bucket that is put back to an earlier state while archivers run, and perhaps repaired later. Archivers that remember more of
//! the log refuse it. One that starts then cannot know; a checkpoint that was saved elsewhere reveals what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use kivend::app::verify::SavedFiles;
use kivend::log::object_key::{Attempt, CHECKPOINTS, Key, LOG};
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;
use tokio::runtime::Runtime;

use super::World;
use crate::simulation::kafka::ProcessId;
use crate::simulation::oracle::{self, Chains};
use crate::simulation::signed::SignedTree;

/// The keys of a bucket at some time.
pub(super) type Snapshot = BTreeSet<String>;

/// What a run remembers of its bucket before it was put back.
pub(super) struct Restored {
    /// The roots of the log by size.
    roots: Vec<Hash>,
    /// The number of entries that were left.
    left: u64,
    /// What was removed.
    missing: BTreeMap<String, Bytes>,
    /// The newest checkpoint and its entry, kept elsewhere.
    kept: SavedFiles,
    /// The number of entries that each process knew.
    known: BTreeMap<ProcessId, u64>,
    /// The first process that started after the repair.
    repaired: Option<ProcessId>,
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<_> = self.missing.keys().collect();
        f.debug_struct("Restored")
            .field("roots", &self.roots)
            .field("left", &self.left)
            .field("missing", &missing)
            .field("known", &self.known)
            .field("repaired", &self.repaired)
            .finish()
    }
}

impl World {
    /// Draws whether the bucket is put back in this step.
    pub(super) fn restore(&mut self) {
        if self.log_odds.restore == 0 {
            return;
        }
        if self.restored.is_none() && self.log_dice.permille(40) {
            self.snapshots.push(self.bucket.keys().into_iter().collect());
        }
        if self.restored.is_none() && self.log_dice.permille(self.log_odds.restore) {
            self.put_back();
        } else if self.log_dice.permille(15) {
            self.repair();
        }
    }

    fn put_back(&mut self) {
        let Some(snapshot) = self.log_dice.pick(&self.snapshots).cloned() else {
            return;
        };
        let before = self.chains.log().clone();
        let newest = before.history.next_number() - 1;
        let Some(kept) = self.kept(newest) else { return };
        let prefixes: &[&str] = match self.log_dice.below(4) {
            0 => &[LOG],
            1 => &[LOG, CHECKPOINTS],
            _ => &[""],
        };
        let is_in = |key: &String| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let removed = self
            .bucket
            .keys()
            .into_iter()
            .filter(|key| is_in(key) && !snapshot.contains(key));
        let missing: BTreeMap<String, Bytes> = removed
            .filter_map(|key| Some((key.clone(), self.bucket.bytes(&key)?)))
            .collect();
        for key in missing.keys() {
            self.bucket.vanish(key);
        }
        self.chains = Chains::of_cut(&self.bucket, self.setup);
        let left = self.chains.log().history.next_number();
        if left > newest {
            // Nothing of the log was lost: not the case that is looked at here.
            for (key, object) in missing {
                self.bucket.plant(&key, object);
            }
            self.chains = Chains::new(&self.bucket, self.setup);
            return;
        }
        let known = self.processes.iter().map(|process| {
            let trust = process.own().log.trust();
            (process.id, trust.history.next_number())
        });
        self.counts.restores += 1;
        self.restored = Some(Restored {
            roots: before.roots,
            left,
            missing,
            kept,
            known: known.collect(),
            repaired: None,
        });
    }

    /// The newest checkpoint with its entry; `None` while it is not signed yet.
    fn kept(&self, number: u64) -> Option<SavedFiles> {
        let log = self.chains.log();
        let lowest = |key_of: &dyn Fn(Attempt) -> Key, is_it: &dyn Fn(&Bytes) -> bool| {
            let mut objects = (0..).map_while(|k| self.bucket.bytes(&key_of(Attempt(k)).to_string()));
            objects.find(is_it)
        };
        let checkpoint = lowest(&|k| Key::Checkpoint(number, k), &|object| {
            log.history.open_checkpoint(object).is_ok()
        })?;
        let entry = lowest(&|k| Key::Entry(number, k), &|object| {
            log.history.open_named(object, number).is_ok()
        })?;
        Some(SavedFiles {
            checkpoint: checkpoint.to_vec(),
            entry: Some(entry.to_vec()),
        })
    }

    /// An operator puts the missing objects back, unless others stand in their places.
    pub(super) fn repair(&mut self) {
        let Some(restored) = self.restored.as_mut().filter(|restored| restored.repaired.is_none()) else {
            return;
        };
        let is_free = |(key, object): (&String, &Bytes)| self.bucket.bytes(key).is_none_or(|found| found == *object);
        if !restored.missing.iter().all(is_free) {
            return;
        }
        for (key, object) in &restored.missing {
            if self.bucket.bytes(key).is_none() {
                self.bucket.plant(key, object.clone());
            }
        }
        restored.repaired = Some(self.started);
        self.counts.repaired += 1;
        self.chains = Chains::new(&self.bucket, self.setup);
    }

    /// Whether the bucket lacks what it had.
    pub(super) fn is_cut(&self) -> bool {
        self.restored
            .as_ref()
            .is_some_and(|restored| restored.repaired.is_none())
    }

    /// Whether this process may refuse the bucket.
    pub(super) fn may_refuse(&self, process: ProcessId) -> bool {
        let restored = self.restored.as_ref();
        restored.is_some_and(|restored| restored.repaired.is_none_or(|healthy| process < healthy))
    }

    /// Checks the trees that were signed: whoever knew more of the log than was left has signed nothing but that log.
    pub(super) fn check_trees(&self) -> Result<(), String> {
        let log = self.chains.log();
        let is_excused = |tree: &SignedTree| {
            let Some(restored) = &self.restored else { return false };
            restored.roots.get(tree.size as usize - 1) == Some(&tree.root)
        };
        self.book.check(&log.roots, is_excused)?;
        let Some(restored) = &self.restored else { return Ok(()) };
        for tree in self.book.trees() {
            let remembers = restored.known.get(&tree.by).is_some_and(|known| *known > restored.left);
            let is_old = restored.roots.get(tree.size as usize - 1) == Some(&tree.root);
            if remembers && !is_old && self.is_cut() {
                return Err(format!(
                    "signed a second tree although it knew more: {tree:?} left={}",
                    restored.left
                ));
            }
        }
        Ok(())
    }

    /// Checks an archive whose bucket was put back and not repaired: the saved checkpoint reveals it, unless what it covers
    /// stands again.
    pub(super) fn check_cut(&mut self, runtime: &Runtime) -> Result<(), String> {
        self.check_trees()?;
        let Some(restored) = &self.restored else { return Ok(()) };
        let size = restored.roots.len();
        let stands = self.chains.log().roots.get(size - 1) == restored.roots.last();
        self.counts.forks += u64::from(self.chains.log().roots.len() as u64 > restored.left);
        if stands {
            return Ok(());
        }
        let report = oracle::report(runtime, &self.chains, &self.kafka, Some(&restored.kept))?;
        // Foreign: the entry that added the key of the saved checkpoint is gone.
        let tells = [
            Code::SavedCheckpointMissing,
            Code::SavedCheckpointDiffers,
            Code::SavedCheckpointForeign,
        ];
        let is_named = report.findings.iter().any(|finding| tells.contains(&finding.code));
        if report.verdict == Verdict::Intact || !is_named {
            return Err(format!(
                "a saved checkpoint does not reveal a bucket that was put back: {} {:?}",
                report.verdict,
                report
                    .findings
                    .iter()
                    .map(|finding| (finding.code, &finding.object))
                    .collect::<Vec<_>>()
            ));
        }
        self.counts.revealed += 1;
        Ok(())
    }
}
