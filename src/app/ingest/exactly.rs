//! `--exactly-once`: sends in transactions, each with a mark of how far the file was sent, so that a run that died at any
//! moment is continued where its last transaction ended: readers of committed records get each event once. Files only,
//! because what cannot be read again cannot be continued.
//!
//! One producer a file: its transactional id is made of the file's name, so whoever sends the same file shuts out the run
//! before, and only then reads the mark.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{self, Input, InputError, Piece};
use crate::app::ingest::intake::Intake;
use crate::app::ingest::mark::{Mark, Reached, Subject};
use crate::app::ingest::pace::Pace;
use crate::app::ingest::plan::{Plan, Surroundings, number_of};
use crate::app::ingest::rejects::Rejects;
use crate::app::ingest::report::Report;
use crate::app::ingest::sending::{STEP, sending, wait_for_answers};
use crate::clock::Clock;
use crate::kafka::ledger::Ledger;
use crate::kafka::producer::{Outgoing, Producer, Tally};
use crate::task::progress::Progress;
use crate::task::stop::Stop;

/// A transaction is committed after so long: what a crash repeats, against what each commit costs.
const TRANSACTION_MS: u64 = 500;

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

/// The topics of the routes, and after them the ledger.
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

/// One file on its way.
struct FileTransfer {
    producer: Producer,
    subject: Subject,
    /// How far earlier runs came.
    mark: Mark,
    reached: Reached,
    /// Up to here everything stands.
    committed_lines: u64,
    /// When the open transaction was begun; nothing while none is.
    began_ms: Option<u64>,
    /// Records of the open transaction.
    open_records: u64,
    /// Records that stand, by topic.
    standing: Vec<u64>,
}

impl FileTransfer {
    fn new(producer: Producer, subject: Subject, mark: Mark) -> FileTransfer {
        FileTransfer {
            producer,
            subject,
            committed_lines: mark.lines,
            mark,
            reached: Reached::default(),
            began_ms: None,
            open_records: 0,
            standing: Vec::new(),
        }
    }

    fn changed(&self) -> IngestError {
        IngestError::Changed {
            file: self.subject.file.clone(),
            lines: self.mark.lines,
        }
    }

    fn has_failed(&self) -> bool {
        self.producer.is_broken() || !self.producer.tally().failed.is_empty()
    }
}

struct Run<'a> {
    surroundings: &'a Surroundings,
    intake: Intake<'a>,
    /// Of what stands.
    tally: Tally,
    pace: Pace,
    clock: Clock,
    stop: &'a Stop,
    progress: &'a dyn Progress,
    broken_input: Option<InputError>,
}

impl Run<'_> {
    /// No more files: somebody wants to stop, enough was sent, or something failed.
    fn is_over(&self) -> bool {
        self.stop.is_requested()
            || self.pace.left() == 0
            || self.broken_input.is_some()
            || !self.tally.failed.is_empty()
    }

    fn goes_on(&self, way: &FileTransfer) -> bool {
        !self.stop.is_requested() && !way.has_failed()
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

    fn send_file(&mut self, mut way: FileTransfer, pieces: &Receiver<Piece>) -> Result<(), IngestError> {
        while let Some(piece) = self.next_piece(&mut way, pieces) {
            match piece {
                Piece::Next => self.intake.next_input(),
                Piece::Lines(lines) => self.send_lines(&mut way, &Arc::new(lines))?,
                Piece::TooLong { start, length_bytes } => self.pass_too_long(&mut way, &start, length_bytes)?,
                Piece::Broken(error) => self.broken_input = Some(error),
            }
            if self.pace.left() == 0 {
                break;
            }
        }
        let was_read = self.goes_on(&way) && self.broken_input.is_none();
        if was_read && way.reached.lines < way.mark.lines {
            return Err(way.changed());
        }
        self.end(way)
    }

    /// The next piece; none at the end, and when it is time to end.
    fn next_piece(&self, way: &mut FileTransfer, pieces: &Receiver<Piece>) -> Option<Piece> {
        while self.goes_on(way) {
            match pieces.recv_timeout(STEP) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => way.producer.poll(Duration::ZERO),
            }
        }
        None
    }

    fn send_lines(&mut self, way: &mut FileTransfer, chunk: &Arc<Vec<u8>>) -> Result<(), IngestError> {
        let before = way.reached.lines;
        let begin = way.reached.skip(chunk, &way.mark).ok_or_else(|| way.changed())?;
        self.intake.skip(way.reached.lines - before);
        let mut rest = begin..chunk.len();
        while !rest.is_empty() && self.pace.left() > 0 {
            let Some(allowed) = self.wait_for_room(way) else {
                return Ok(());
            };
            self.send_some(way, chunk, (&mut rest, allowed))?;
            let is_due = |began_ms| self.clock.monotonic_ms() >= began_ms + TRANSACTION_MS;
            if way.began_ms.is_some_and(is_due) {
                self.commit(way)?;
            }
        }
        Ok(())
    }

    fn send_some(
        &mut self,
        way: &mut FileTransfer,
        chunk: &Arc<Vec<u8>>,
        (rest, allowed): (&mut Range<usize>, usize),
    ) -> Result<(), IngestError> {
        let begin = rest.start;
        let records = self.intake.take(chunk, rest, allowed)?;
        self.begin_if_needed(way)?;
        way.producer.send(chunk, &records);
        way.producer.poll(Duration::ZERO);
        way.reached.pass(&chunk[begin..rest.start]);
        let sent = records.len() as u64;
        way.open_records += sent;
        self.pace.sent(sent);
        self.progress.advance(sent);
        Ok(())
    }

    fn pass_too_long(&mut self, way: &mut FileTransfer, start: &[u8], length_bytes: u64) -> Result<(), IngestError> {
        let is_marked = way.reached.lines < way.mark.lines;
        way.reached.pass_too_long(start, length_bytes);
        if is_marked {
            self.intake.skip(1);
        } else {
            self.intake.reject_too_long(start, length_bytes)?;
        }
        if is_marked && !way.reached.fits(&way.mark) {
            return Err(way.changed());
        }
        Ok(())
    }

    /// Waits until events may be sent, and answers how many; none when it is time to end.
    fn wait_for_room(&mut self, way: &mut FileTransfer) -> Option<usize> {
        while self.goes_on(way) {
            let allowed = self.pace.allowed();
            if allowed > 0 && way.producer.has_room() {
                return Some(usize::try_from(allowed).unwrap_or(usize::MAX));
            }
            way.producer.poll(STEP);
        }
        None
    }

    fn begin_if_needed(&self, way: &mut FileTransfer) -> Result<(), IngestError> {
        if way.began_ms.is_none() {
            way.producer.begin()?;
            way.began_ms = Some(self.clock.monotonic_ms());
        }
        Ok(())
    }

    /// THE COMMIT: from here on readers see the records and the mark, or, where it fails, neither.
    fn commit(&mut self, way: &mut FileTransfer) -> Result<(), IngestError> {
        if way.reached.lines <= way.committed_lines {
            return Ok(());
        }
        self.begin_if_needed(way)?;
        let mark = Arc::new(way.reached.mark().to_bytes());
        let entry = Outgoing {
            topic: self.tally.acked.len(),
            key: Some(way.subject.key().into()),
            value: 0..mark.len(),
            ordinal: 0,
        };
        way.producer.send(&mark, &[entry]);
        wait_for_answers(&mut way.producer, self.stop, self.clock);
        if way.has_failed() {
            return Ok(());
        }
        way.producer.commit()?;
        way.standing.clone_from(&way.producer.tally().acked);
        way.committed_lines = way.reached.lines;
        (way.began_ms, way.open_records) = (None, 0);
        Ok(())
    }

    /// Commits the rest; or, where a record failed, takes the open transaction back, and says so.
    fn end(&mut self, mut way: FileTransfer) -> Result<(), IngestError> {
        if !way.has_failed() {
            self.commit(&mut way)?;
        }
        if way.has_failed() {
            wait_for_answers(&mut way.producer, self.stop, self.clock);
            self.intake.failed(way.producer.take_failed())?;
            way.producer.abort()?;
            let causes: Vec<&str> = way.producer.tally().failed.keys().map(String::as_str).collect();
            let taken_back = format!("taken back with their transaction: {}", causes.join(", "));
            self.tally.failed.insert(taken_back, way.open_records);
        }
        for (acked, of_file) in self.tally.acked.iter_mut().zip(&way.standing) {
            *acked += of_file;
        }
        Ok(())
    }
}
