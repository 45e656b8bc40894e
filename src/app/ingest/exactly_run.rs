//! Sends files in transactions, each with a mark, and leaves out what an earlier run has sent.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{self, Input, Piece, Portion, TooLong};
use crate::app::ingest::intake::{Intake, Part};
use crate::app::ingest::pace::Pace;
use crate::app::ingest::report::Problem;
use crate::app::ingest::sending::{STEP, wait_for_answers};
use crate::app::ingest::shown::Shown;
use crate::app::ingest::transfer::FileTransfer;
use crate::clock::Clock;
use crate::kafka::error::KafkaError;
use crate::kafka::producer::{Outgoing, Tally};
use crate::task::stop::Stop;

/// The ordinal of the mark; lines count from 1.
const MARK: u64 = 0;

pub(super) struct Run<'a> {
    pub(super) intake: Intake<'a>,
    /// Counts committed records, and those that will not be.
    pub(super) tally: Tally,
    /// A transaction failed.
    pub(super) has_failed: bool,
    pub(super) pace: Pace,
    pub(super) clock: Clock,
    pub(super) stop: &'a Stop,
    /// Shows how far it is.
    pub(super) shown: Shown,
    pub(super) broken_inputs: Vec<Problem>,
    pub(super) line_max_bytes: usize,
}

impl Run<'_> {
    /// Whether no further file is to be sent: stopped, enough sent, or failed.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_requested() || self.pace.left() == 0 || self.has_failed
    }

    fn goes_on(&self, transfer: &FileTransfer) -> bool {
        !self.stop.is_requested() && !self.must_take_back(transfer)
    }

    /// Whether the open transaction must not be committed.
    fn must_take_back(&self, transfer: &FileTransfer) -> bool {
        transfer.has_failed() || self.intake.has_lost_rejects()
    }

    /// Sends what an earlier run has not sent of a file.
    pub(super) fn send_file(&mut self, mut transfer: FileTransfer, path: PathBuf) -> Result<(), IngestError> {
        let name = Input::File(path.clone()).name();
        self.intake.expect_again(&name, transfer.marked_lines());
        let pieces = input::read(vec![Input::File(path)], self.line_max_bytes)?;
        transfer.producer.poll(Duration::ZERO);
        let mut was_read = true;
        while let Some(piece) = self.next_piece(&mut transfer, &pieces) {
            match piece {
                Piece::Next(name) => self.intake.next_input(name),
                Piece::Portion(Portion::Lines(lines)) => {
                    let lines = self.without_unfinished(&mut transfer, &name, lines);
                    self.send_lines(&mut transfer, &Arc::new(lines))?;
                }
                Piece::Portion(Portion::TooLong(line)) => self.pass_too_long(&mut transfer, &name, &line)?,
                Piece::Broken(error) => {
                    self.broken_inputs.push(Problem::of(&error));
                    was_read = false;
                }
            }
            if self.pace.left() == 0 {
                break;
            }
        }
        if was_read && self.goes_on(&transfer) && transfer.reached.lines < transfer.marked_lines() {
            return Err(transfer.changed());
        }
        self.end(transfer)
    }

    /// Removes a last line without a newline, if it is not a whole event or lacks the carriage return of the line before it:
    /// somebody may be writing it. It is not marked, and the next run reads it again.
    fn without_unfinished(&mut self, transfer: &mut FileTransfer, file: &str, mut lines: Vec<u8>) -> Vec<u8> {
        let start = memchr::memrchr(b'\n', &lines).map_or(0, |newline| newline + 1);
        let (before, last) = lines.split_at(start);
        if !before.is_empty() {
            transfer.has_returns = before.ends_with(b"\r\n");
        }
        let lacks_return = transfer.has_returns && !last.ends_with(b"\r");
        if !last.is_empty() && (lacks_return || !self.intake.is_event(last)) {
            self.intake.leave_unfinished(file, (lines.len() - start) as u64);
            lines.truncate(start);
        }
        lines
    }

    /// The next piece; `None` at the end, or when the run must end.
    fn next_piece(&self, transfer: &mut FileTransfer, pieces: &Receiver<Piece>) -> Option<Piece> {
        while self.goes_on(transfer) {
            match pieces.recv_timeout(STEP) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => transfer.producer.poll(Duration::ZERO),
            }
        }
        None
    }

    fn send_lines(&mut self, transfer: &mut FileTransfer, chunk: &Arc<Vec<u8>>) -> Result<(), IngestError> {
        let before = transfer.reached.lines;
        let begin = transfer
            .reached
            .skip(chunk, transfer.mark.as_ref())
            .ok_or_else(|| transfer.changed())?;
        self.intake.skip(transfer.reached.lines - before);
        self.shown.advance_bytes(begin as u64);
        let mut rest = begin..chunk.len();
        while !rest.is_empty() && self.pace.left() > 0 {
            let Some(allowed) = self.wait_for_room(transfer)? else {
                return Ok(());
            };
            self.send_some(transfer, chunk, &mut rest, allowed)?;
            let now_ms = self.clock.monotonic_ms();
            if transfer.open.as_ref().is_some_and(|open| open.is_due(now_ms)) {
                self.commit(transfer)?;
            }
        }
        Ok(())
    }

    fn send_some(
        &mut self,
        transfer: &mut FileTransfer,
        chunk: &Arc<Vec<u8>>,
        rest: &mut Range<usize>,
        allowed: usize,
    ) -> Result<(), IngestError> {
        let (begin, before) = (rest.start, self.intake.ordinal());
        let records = self.intake.take(chunk, rest, allowed);
        let sent = records.len() as u64;
        let part = Part {
            chunk: Arc::clone(chunk),
            lines: begin..rest.start,
            before,
        };
        transfer.transaction(self.clock.monotonic_ms())?.add(part, sent);
        transfer.producer.send(chunk, &records);
        transfer.producer.poll(Duration::ZERO);
        transfer.reached.pass(&chunk[begin..rest.start]);
        self.pace.sent(sent);
        self.shown.advance_bytes((rest.start - begin) as u64);
        self.shown.advance_events(sent);
        Ok(())
    }

    fn pass_too_long(&mut self, transfer: &mut FileTransfer, file: &str, line: &TooLong) -> Result<(), IngestError> {
        let is_marked = transfer.reached.lines < transfer.marked_lines();
        if !is_marked && !line.is_ended {
            self.intake.leave_unfinished(file, line.length_bytes);
            return Ok(());
        }
        self.shown.advance_bytes(line.length_bytes);
        transfer.reached.pass_too_long(line);
        if is_marked {
            self.intake.skip(1);
        } else {
            self.intake.reject_too_long(line);
        }
        if is_marked && !transfer.reached.fits(transfer.mark.as_ref()) {
            return Err(transfer.changed());
        }
        Ok(())
    }

    /// Waits until events may be sent, and returns how many; `None` when the run must end.
    fn wait_for_room(&mut self, transfer: &mut FileTransfer) -> Result<Option<usize>, IngestError> {
        while self.goes_on(transfer) {
            if transfer.producer.must_abort() {
                self.repeat_without_refused(transfer)?;
            }
            let allowed = self.pace.allowed();
            if allowed > 0 && transfer.producer.has_room() {
                return Ok(Some(usize::try_from(allowed).unwrap_or(usize::MAX)));
            }
            transfer.producer.poll(STEP);
        }
        Ok(None)
    }

    /// The commit: after it readers see the records and the mark. If it fails, they see neither.
    fn commit(&mut self, transfer: &mut FileTransfer) -> Result<(), IngestError> {
        if transfer.reached.lines <= transfer.committed_lines {
            return Ok(());
        }
        let Some((key, mark)) = transfer.entry() else {
            return Ok(());
        };
        transfer.transaction(self.clock.monotonic_ms())?;
        let mark = Arc::new(mark);
        loop {
            let entry = Outgoing {
                topic: self.tally.acked.len(),
                key: Some(key.as_str().into()),
                value: 0..mark.len(),
                ordinal: MARK,
            };
            transfer.producer.send(&mark, &[entry]);
            wait_for_answers(&mut transfer.producer, self.stop, self.clock);
            if transfer.has_failed() {
                return Ok(());
            }
            if !transfer.producer.must_abort() {
                break;
            }
            self.repeat_without_refused(transfer)?;
        }
        // A line that the mark covers is not looked at again: what is said about it must be on the disk first.
        self.intake.keep_rejects();
        if self.intake.has_lost_rejects() {
            return Ok(());
        }
        Ok(transfer.commit()?)
    }

    /// Kafka refused records of the open transaction. It is aborted, and all others are sent in a new one.
    fn repeat_without_refused(&mut self, transfer: &mut FileTransfer) -> Result<(), IngestError> {
        while transfer.producer.must_abort() && !transfer.has_failed() {
            let at_fault = transfer.producer.take_refused()?;
            if let Some(mark) = at_fault.iter().find(|refused| refused.ordinal == MARK) {
                let reason = format!("the ledger topic refuses the mark: {}", mark.code);
                return Err(KafkaError::from_code(mark.code, "commit a transaction", reason).into());
            }
            self.intake.failed(&at_fault);
            at_fault.iter().for_each(|refused| self.tally.fail(refused));
            transfer.begin_again()?;
            let Some(open) = &mut transfer.open else { return Ok(()) };
            open.refused.extend(at_fault.iter().map(|refused| refused.ordinal));
            open.records -= at_fault.len() as u64;
            for part in &open.parts {
                while !transfer.producer.has_room() && !transfer.producer.must_abort() && !transfer.producer.is_broken()
                {
                    transfer.producer.poll(STEP);
                }
                let records = self.intake.repeat(part, &open.refused);
                transfer.producer.send(&part.chunk, &records);
            }
        }
        Ok(())
    }

    /// Commits the open transaction or, if a record failed, aborts it.
    fn end(&mut self, mut transfer: FileTransfer) -> Result<(), IngestError> {
        if !self.must_take_back(&transfer) {
            self.commit(&mut transfer)?;
        }
        if self.must_take_back(&transfer) {
            self.has_failed = true;
            wait_for_answers(&mut transfer.producer, self.stop, self.clock);
            // Nothing of it goes to the rejected lines: the next run sends it again. That one also aborts the transaction, if
            // Kafka cannot be reached now.
            if transfer.open.is_some()
                && let Err(error @ KafkaError::TakenOver { .. }) = transfer.producer.abort()
            {
                return Err(error.into());
            }
            let tally = transfer.producer.tally();
            let causes = tally.failed.keys().chain(tally.unknown.keys());
            let mut causes: BTreeSet<&str> = causes.map(String::as_str).collect();
            if self.intake.has_lost_rejects() {
                causes.insert("rejected lines cannot be written");
            }
            let causes: Vec<&str> = causes.into_iter().collect();
            let taken_back = format!("aborted with their transaction: {}", causes.join(", "));
            if let Some(open) = &transfer.open {
                *self.tally.failed.entry(taken_back).or_default() += open.records;
            }
        }
        for (acked, of_file) in self.tally.acked.iter_mut().zip(&transfer.committed) {
            *acked += of_file;
        }
        Ok(())
    }
}
