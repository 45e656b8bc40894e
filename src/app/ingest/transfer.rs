//! One file that is being sent exactly once: its producer, its marks, and what the open transaction has.

use std::collections::BTreeSet;
use std::path::Path;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::shown;
use crate::app::ingest::intake::Part;
use crate::app::ingest::mark::{Known, Mark, Place, Reached, Standing, Subject};
use crate::kafka::error::KafkaError;
use crate::kafka::producer::Producer;

/// The interval between commits: longer transactions cost fewer commits, but more is repeated after a crash.
const TRANSACTION_MS: u64 = 500;

/// The most that a transaction sends, because its lines are kept until its end.
const TRANSACTION_MAX_BYTES: usize = 32 << 20;

pub(super) struct FileTransfer {
    pub(super) producer: Producer,
    place: Place,
    standing: Standing,
    /// The mark of earlier runs.
    pub(super) mark: Option<Mark>,
    pub(super) reached: Reached,
    /// Whether the line that was read last ended with a carriage return and a newline.
    pub(super) has_returns: bool,
    /// The number of lines that are committed.
    pub(super) committed_lines: u64,
    /// The number of committed records, by topic.
    pub(super) committed: Vec<u64>,
    /// The open transaction.
    pub(super) open: Option<Transaction>,
}

/// What is in the open transaction.
pub(super) struct Transaction {
    began_ms: u64,
    /// What Kafka had acknowledged before, by topic.
    acked_before: Vec<u64>,
    /// The lines in it.
    pub(super) parts: Vec<Part>,
    bytes: usize,
    /// The number of its records.
    pub(super) records: u64,
    /// The ordinals of records that Kafka refused, which are not sent again.
    pub(super) refused: BTreeSet<u64>,
}

impl Transaction {
    /// Lines were sent, as this many records.
    pub(super) fn add(&mut self, part: Part, records: u64) {
        self.bytes += part.lines.len();
        self.records += records;
        self.parts.push(part);
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.began_ms + TRANSACTION_MS || self.bytes >= TRANSACTION_MAX_BYTES
    }
}

impl FileTransfer {
    /// For a file of `place` that stands there; `known` if something of it was sent.
    pub(super) fn new(producer: Producer, place: Place, standing: Standing, known: Option<Known>) -> FileTransfer {
        let mark = known.map(|known| known.mark);
        FileTransfer {
            committed: vec![0; producer.tally().acked.len()],
            producer,
            place,
            standing,
            committed_lines: mark.as_ref().map_or(0, |mark| mark.lines),
            mark,
            reached: Reached::default(),
            has_returns: false,
            open: None,
        }
    }

    pub(super) fn changed(&self) -> IngestError {
        IngestError::Changed {
            file: shown(Path::new(&self.place.file)),
            lines: self.marked_lines(),
        }
    }

    /// The number of lines that earlier runs sent.
    pub(super) fn marked_lines(&self) -> u64 {
        self.mark.as_ref().map_or(0, |mark| mark.lines)
    }

    /// The entry of the ledger for what was reached, as key and value; `None` before any line.
    pub(super) fn entry(&self) -> Option<(String, Vec<u8>)> {
        let (first, mark) = self.reached.mark(&self.standing)?;
        let Place { file, only } = self.place.clone();
        Some((Subject { file, only, first }.key(), mark.to_bytes()))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.producer.is_broken() || self.producer.tally().has_failures()
    }

    /// The open transaction, begun now if there is none.
    pub(super) fn transaction(&mut self, now_ms: u64) -> Result<&mut Transaction, KafkaError> {
        if self.open.is_none() {
            self.producer.begin()?;
        }
        let acked_before = || self.producer.tally().acked.clone();
        Ok(self.open.get_or_insert_with(|| Transaction {
            began_ms: now_ms,
            acked_before: acked_before(),
            parts: Vec::new(),
            bytes: 0,
            records: 0,
            refused: BTreeSet::new(),
        }))
    }

    /// Begins a transaction in the place of the open one, which was aborted. It is due at once.
    pub(super) fn begin_again(&mut self) -> Result<(), KafkaError> {
        self.producer.begin()?;
        if let Some(open) = &mut self.open {
            open.began_ms = 0;
            open.acked_before.clone_from(&self.producer.tally().acked);
        }
        Ok(())
    }

    /// Commits the open transaction with all that it has and the mark.
    pub(super) fn commit(&mut self) -> Result<(), KafkaError> {
        self.producer.commit()?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let acked = self.producer.tally().acked.iter().zip(&open.acked_before);
        for (committed, (acked, before)) in self.committed.iter_mut().zip(acked) {
            *committed += acked - before;
        }
        self.committed_lines = self.reached.lines;
        Ok(())
    }
}
