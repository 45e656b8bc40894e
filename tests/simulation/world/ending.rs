//! The end of a run: without faults, an archiver archives the rest, and the oracle checks the archive.

use std::fmt::Write as _;

use kivend::log::object_key::{CHECKPOINTS, LOG};
use kivend::writing::entry_writer::Moment;
use tokio::runtime::Runtime;

use super::World;
use crate::simulation::archiver::{Own, Process, Refusal};
use crate::simulation::faults::{LogOdds, Odds};
use crate::simulation::kafka::Log;
use crate::simulation::network::run_to_end;
use crate::simulation::oracle;
use crate::simulation::witness::Witness;

/// The turns within which an archiver without faults must reach its end.
const MAX_TURNS: usize = 100_000;

impl World {
    /// Ends all faults. The processes are killed or shut down.
    pub(super) fn stop_faults(&mut self) -> Result<(), String> {
        self.odds = Odds::default();
        self.log_odds = LogOdds::default();
        self.end_command();
        if self.witness.as_ref().is_some_and(Witness::is_away) {
            self.toggle_witness(1000);
        }
        if self.kafka.is_gone() {
            self.create_again()?;
        }
        for partition in self.partitions.clone() {
            let commit = self.dice.permille(500);
            self.kafka.log(&partition, |log| log.end_transaction(commit));
        }
        if self.dice.permille(500) {
            for at in (0..self.processes.len()).rev() {
                self.kill(at);
            }
        }
        for process in &mut self.processes {
            process.stop_faults();
            process.asleep_until_ms = 0;
            process.shut_down();
        }
        self.until("shut down", |world| world.processes.is_empty())
    }

    /// Runs a new archiver alone up to the end: one that is stopped there, or one whose target is the end.
    pub(super) fn archive_all(&mut self) -> Result<(), String> {
        loop {
            self.refusal = None;
            self.archive_once()?;
            // A command that landed late may have retired its key: the operator starts it with another.
            if self.refusal != Some(Refusal::KeyRetired) {
                return Ok(());
            }
        }
    }

    pub(super) fn archive_once(&mut self) -> Result<(), String> {
        let ends_by_itself = self.dice.permille(500);
        let ends = ends_by_itself.then(|| self.ends());
        let key = self.newest_key();
        self.start(ends, key);
        if self.processes.is_empty() && !self.is_cut() {
            return Err(format!("an archiver with key {key} does not start"));
        }
        for partition in self.partitions.clone() {
            self.give(&partition, 1000);
        }
        if !ends_by_itself {
            let is_at_end = |world: &World| world.processes.first().is_none_or(Process::is_at_end);
            self.until("reach the end", is_at_end)?;
            if let Some(process) = self.processes.first_mut() {
                process.shut_down();
            }
        }
        self.until("finish", |world| world.processes.is_empty())?;
        while !self.late.is_empty() {
            self.land_late(1000);
        }
        Ok(())
    }

    pub(super) fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) -> Result<(), String> {
        for _ in 0..MAX_TURNS {
            if is_so(self) {
                return Ok(());
            }
            self.now_ms += 5;
            self.land_late(50);
            self.work(8)?;
        }
        Err(format!("an archiver without faults did not {what}"))
    }

    /// A run that ends with success has archived all current records that it was told to.
    pub(super) fn keeps_its_promises(&self, at: usize) -> Result<(), String> {
        if self.recreated || self.cut || self.has_tampering || self.restored.is_some() {
            return Ok(());
        }
        for (partition, end) in self.processes[at].promises() {
            let chain = self.chains.of(&partition)?;
            let next = chain.last().map_or(0, |head| head.link.next_place().first_offset.0);
            let is_left = |log: &mut Log| {
                let records = &log.acknowledged.records;
                let left = records.range(next.max(log.low)..end.max(next.max(log.low)));
                left.map(|(offset, _)| *offset)
                    .find(|offset| !log.compacted.contains(offset))
            };
            if let Some(offset) = self.kafka.log(&partition, is_left) {
                return Err(format!(
                    "a run to {end} ended with success and left {partition} at {next}: offset {offset} is not archived"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn check(&mut self, runtime: &Runtime) -> Result<(), String> {
        self.bucket.check_unchanged().map_err(|error| error.to_string())?;
        for partition in &self.partitions {
            let logs = self.kafka.logs();
            oracle::check_partition(&self.chains, partition, &logs[partition])?;
        }
        // The last checkpoint, as an archiver signs it at its end.
        let key = self.newest_key();
        let writer = self
            .entry_writer
            .take()
            .filter(|(key, _)| self.in_force().contains(key));
        let mut writer = match writer {
            Some((_, writer)) => writer,
            None => {
                let own = Own::open((self.setup, &self.bucket), key, (&self.book, self.started));
                Box::new(own.map_err(|error| error.to_string())?.entry_writer())
            }
        };
        let at = kivend::record::utc::UtcSeconds::from_unix(1_780_000_000);
        run_to_end(writer.advance_if_moved(&self.bucket, &Moment::at(at))).map_err(|error| error.to_string())?;
        self.check_trees()?;
        for term in self.chains.log().history.keyring().terms() {
            self.counts.added += u64::from(term.added.is_some());
            self.counts.retired += u64::from(term.retired.is_some());
        }
        self.counts.trees += self.book.trees().len() as u64;
        self.counts.cosigned += self.witness.as_ref().map_or(0, Witness::cosigned);
        self.counts.unwitnessed += self.witness.as_ref().map_or(0, Witness::unanswered);
        let anything = self.kafka.logs().values().any(|log| log.high > 0);
        if !anything || self.has_tampering || !self.is_up_to_date()? {
            return Ok(());
        }
        let told = oracle::check_verdict(runtime, &self.chains, &self.kafka, &self.planted)?;
        self.counts.orphans += told.orphans;
        self.counts.named_thefts += told.named_thefts;
        Ok(())
    }

    /// The log of the bucket, for somebody who looks for the cause of a failure.
    pub(super) fn tell(&self) -> String {
        let mut told = format!("{:?}\nrestored: {:?}\n", self.counts, self.restored);
        for (index, key) in self.setup.keys.iter().enumerate() {
            let _ = writeln!(told, "key {index}: {}", key.verifying_key());
        }
        let is_told = |key: &String| {
            [LOG, CHECKPOINTS, "links/"]
                .iter()
                .any(|folder| key.starts_with(folder))
        };
        for key in self.bucket.keys().iter().filter(|key| is_told(key)) {
            let object = self.bucket.bytes(key).unwrap_or_default();
            let by = if self.planted.by_thief.contains(key) {
                "by the thief "
            } else {
                ""
            };
            let _ = writeln!(told, "{by}{key}\n{}", String::from_utf8_lossy(&object));
        }
        for tree in self.book.trees() {
            let _ = writeln!(told, "{tree:?}");
        }
        told
    }
}
