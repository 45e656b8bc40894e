//! `--exactly-once`: sends a file in transactions, each with a mark of how far the file was sent. If a run dies, the next one
//! continues after the last committed transaction, so readers of committed records get each event once. Works with files
//! only, because other inputs cannot be read again.
//!
//! There is one producer for each file. Its transactional id is derived from the file's name, so a second run fences the
//! first, and only then reads the mark.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{self, Input, InputError, Piece};
use crate::app::ingest::intake::{Intake, Part};
use crate::app::ingest::mark::{Mark, Subject};
use crate::app::ingest::pace::Pace;
use crate::app::ingest::plan::{Plan, Surroundings, number_of};
use crate::app::ingest::rejects::Rejects;
use crate::app::ingest::report::Report;
use crate::app::ingest::sending::{STEP, sending, wait_for_answers};
use crate::app::ingest::transfer::FileTransfer;
use crate::clock::Clock;
use crate::kafka::ledger::Ledger;
use crate::kafka::producer::{Outgoing, Producer, Tally};
use crate::task::progress::Progress;
use crate::task::stop::Stop;

/// Sends every file of the plan.
pub(super) fn ingest(
    surroundings: &Surroundings,
    plan: Plan,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Report, IngestError> {
    let clock = Clock::start();
    let routing = surroundings.routing();
    let form = surroundings.form();
    let only = plan.only.clone().map(|only| number_of(&routing, only)).transpose()?;
    let subjects = subjects(&plan)?;
    let rejects = Rejects::open(plan.rejects)?;
    let names = input::names(&plan.inputs);
    let ledger = &surroundings.ledger;
    let ledger = Ledger::open(&surroundings.kafka, &ledger.topic, ledger.replication_factor)?;
    let mut run = Run {
        surroundings,
        intake: Intake::new(&form, &routing, only, names, rejects),
        tally: Tally {
            acked: vec![0; routing.topics().len()],
            ..Tally::default()
        },
        pace: Pace::new(plan.rate_per_s, plan.max, clock),
        clock,
        stop,
        progress,
        has_failed: false,
        broken_input: None,
    };
    progress.begin(None);
    for (file, subject) in plan.inputs.into_iter().zip(subjects) {
        if run.is_over() {
            break;
        }
        let mut producer = connect(surroundings, routing.topics(), only, &subject)?;
        producer.take_over()?;
        let mark = run.mark_of(&ledger, &subject)?;
        run.intake.expect_again(&file.name(), mark.lines)?;
        let pieces = input::read(vec![file], form.line_max_bytes)?;
        producer.poll(Duration::ZERO);
        run.send_file(FileTransfer::new(producer, subject, mark), &pieces)?;
    }
    let interrupted = stop.is_requested();
    let Run {
        intake,
        tally,
        broken_input,
        ..
    } = run;
    Ok(intake.report(Some(tally), broken_input, interrupted, clock.elapsed_s())?)
}

fn subjects(plan: &Plan) -> Result<Vec<Subject>, IngestError> {
    let subject = |input: &Input| {
        let file = input.absolute_path()?.ok_or(IngestError::NotAFile)?;
        Ok(Subject {
            file,
            only: plan.only.clone(),
        })
    };
    plan.inputs.iter().map(subject).collect()
}

/// Connects to the topics of the routes and, as the last one, the ledger.
fn connect(
    surroundings: &Surroundings,
    topics: &[String],
    only: Option<usize>,
    subject: &Subject,
) -> Result<Producer, IngestError> {
    let ledger = &surroundings.ledger.topic;
    let mut sending = sending(surroundings);
    sending.transactional_id = Some(subject.transactional_id(ledger));
    let all: Vec<String> = topics.iter().chain([ledger]).cloned().collect();
    let needed = |number| number == topics.len() || only.is_none_or(|only| only == number);
    Ok(Producer::connect(&surroundings.kafka, &sending, &all, needed)?)
}

struct Run<'a> {
    surroundings: &'a Surroundings,
    intake: Intake<'a>,
    /// Counts committed records, and those that will not be.
    tally: Tally,
    /// A transaction failed.
    has_failed: bool,
    pace: Pace,
    clock: Clock,
    stop: &'a Stop,
    progress: &'a dyn Progress,
    broken_input: Option<InputError>,
}

impl Run<'_> {
    /// Whether no further file is to be sent: stopped, enough sent, or failed.
    fn is_over(&self) -> bool {
        self.stop.is_requested() || self.pace.left() == 0 || self.broken_input.is_some() || self.has_failed
    }

    fn goes_on(&self, transfer: &FileTransfer) -> bool {
        !self.stop.is_requested() && !transfer.has_failed()
    }

    fn mark_of(&self, ledger: &Ledger, subject: &Subject) -> Result<Mark, IngestError> {
        let Some(entry) = ledger.newest(&subject.key())? else {
            return Ok(Mark::nothing());
        };
        Mark::parse(&entry).ok_or_else(|| IngestError::ForeignEntry {
            ledger: self.surroundings.ledger.topic.clone(),
            file: subject.file.clone(),
        })
    }

    fn send_file(&mut self, mut transfer: FileTransfer, pieces: &Receiver<Piece>) -> Result<(), IngestError> {
        while let Some(piece) = self.next_piece(&mut transfer, pieces) {
            match piece {
                Piece::Next => self.intake.next_input(),
                Piece::Lines(lines) => self.send_lines(&mut transfer, &Arc::new(lines))?,
                Piece::TooLong { start, length_bytes } => self.pass_too_long(&mut transfer, &start, length_bytes)?,
                Piece::Broken(error) => self.broken_input = Some(error),
            }
            if self.pace.left() == 0 {
                break;
            }
        }
        let was_read = self.goes_on(&transfer) && self.broken_input.is_none();
        if was_read && transfer.reached.lines < transfer.mark.lines {
            return Err(transfer.changed());
        }
        self.end(transfer)
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
            .skip(chunk, &transfer.mark)
            .ok_or_else(|| transfer.changed())?;
        self.intake.skip(transfer.reached.lines - before);
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
        let records = self.intake.take(chunk, rest, allowed)?;
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
        self.progress.advance(sent);
        Ok(())
    }

    fn pass_too_long(
        &mut self,
        transfer: &mut FileTransfer,
        start: &[u8],
        length_bytes: u64,
    ) -> Result<(), IngestError> {
        let is_marked = transfer.reached.lines < transfer.mark.lines;
        transfer.reached.pass_too_long(start, length_bytes);
        if is_marked {
            self.intake.skip(1);
        } else {
            self.intake.reject_too_long(start, length_bytes)?;
        }
        if is_marked && !transfer.reached.fits(&transfer.mark) {
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
        transfer.transaction(self.clock.monotonic_ms())?;
        let mark = Arc::new(transfer.reached.mark().to_bytes());
        loop {
            let entry = Outgoing {
                topic: self.tally.acked.len(),
                key: Some(transfer.subject.key().into()),
                value: 0..mark.len(),
                ordinal: 0,
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
        self.intake.keep_rejects()?;
        Ok(transfer.commit()?)
    }

    /// Kafka refused records of the open transaction. It is aborted, and all others are sent in a new one.
    fn repeat_without_refused(&mut self, transfer: &mut FileTransfer) -> Result<(), IngestError> {
        while transfer.producer.must_abort() && self.goes_on(transfer) {
            let at_fault = transfer.producer.take_refused()?;
            self.intake.failed(&at_fault)?;
            at_fault.iter().for_each(|refused| self.tally.fail(refused));
            transfer.begin_again()?;
            let Some(open) = &mut transfer.open else { return Ok(()) };
            open.refused.extend(at_fault.iter().map(|refused| refused.ordinal));
            open.records -= at_fault.len() as u64;
            for part in &open.parts {
                while !transfer.producer.has_room() && !transfer.producer.must_abort() {
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
        if !transfer.has_failed() {
            self.commit(&mut transfer)?;
        }
        if transfer.has_failed() {
            self.has_failed = true;
            wait_for_answers(&mut transfer.producer, self.stop, self.clock);
            // Nothing of it goes to the rejected lines: the next run sends it again.
            transfer.producer.abort()?;
            let tally = transfer.producer.tally();
            let causes = tally.failed.keys().chain(tally.unknown.keys());
            let causes: BTreeSet<&str> = causes.map(String::as_str).collect();
            let causes: Vec<&str> = causes.into_iter().collect();
            let taken_back = format!("aborted with their transaction: {}", causes.join(", "));
            let records = transfer.open.as_ref().map_or(0, |open| open.records);
            self.tally.failed.insert(taken_back, records);
        }
        for (acked, of_file) in self.tally.acked.iter_mut().zip(&transfer.committed) {
            *acked += of_file;
        }
        Ok(())
    }
}
