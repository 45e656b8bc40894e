//! A run without transactions.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::app::ingest::input::{Piece, Portion};
use crate::app::ingest::intake::Intake;
use crate::app::ingest::pace::Pace;
use crate::app::ingest::report::{Problem, Report};
use crate::app::ingest::sending::{STEP, wait_for_answers};
use crate::app::ingest::shown::Shown;
use crate::clock::Clock;
use crate::kafka::producer::{Outgoing, Producer};
use crate::task::progress::{Progress, Unit};
use crate::task::stop::Stop;

/// A run without transactions.
pub(super) struct Run<'a> {
    pub(super) intake: Intake<'a>,
    /// `None` in a dry run.
    pub(super) producer: Option<Producer>,
    pub(super) pace: Pace,
    pub(super) clock: Clock,
    pub(super) stop: &'a Stop,
    pub(super) progress: &'a dyn Progress,
    /// Shows how far it is.
    pub(super) shown: Shown,
    pub(super) broken_inputs: Vec<Problem>,
}

impl Run<'_> {
    /// Sends events in the order of the input.
    pub(super) fn as_read(&mut self, pieces: &Receiver<Piece>) {
        while let Some(piece) = self.next_piece(pieces) {
            match piece {
                Piece::Portion(Portion::Lines(lines)) => self.send_lines(&Arc::new(lines)),
                other => self.note(other),
            }
            if self.pace.left() == 0 {
                break;
            }
        }
    }

    /// Handles the pieces that are not lines.
    pub(super) fn note(&mut self, piece: Piece) {
        match piece {
            Piece::Next(name) => self.intake.next_input(name),
            Piece::Portion(Portion::TooLong(line)) => {
                self.shown.advance_bytes(line.length_bytes);
                self.intake.reject_too_long(&line);
            }
            Piece::Broken(error) => self.broken_inputs.push(Problem::of(&error)),
            Piece::Portion(Portion::Lines(_)) => {}
        }
    }

    /// The next piece; `None` at the end, or when the run must end.
    pub(super) fn next_piece(&mut self, pieces: &Receiver<Piece>) -> Option<Piece> {
        loop {
            if !self.goes_on() {
                return None;
            }
            match pieces.recv_timeout(STEP) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.poll(Duration::ZERO),
            }
        }
    }

    pub(super) fn send_lines(&mut self, chunk: &Arc<Vec<u8>>) {
        let mut rest = 0..chunk.len();
        while !rest.is_empty() && self.pace.left() > 0 {
            let Some(allowed) = self.wait_for_room() else {
                return;
            };
            let before = rest.len();
            let records = self.intake.take(chunk, &mut rest, allowed);
            self.send(chunk, &records);
            self.shown.advance_bytes((before - rest.len()) as u64);
        }
    }

    /// Waits until events may be sent, and returns how many; `None` when the run must end.
    pub(super) fn wait_for_room(&mut self) -> Option<usize> {
        while self.goes_on() {
            let room = self.producer.as_ref().is_none_or(Producer::has_room);
            let allowed = self.pace.allowed();
            match usize::try_from(allowed) {
                Ok(allowed @ 1..) if room => return Some(allowed),
                Err(_) if room => return Some(usize::MAX),
                _ => self.poll(STEP),
            }
        }
        None
    }

    pub(super) fn send(&mut self, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) {
        if let Some(producer) = &mut self.producer {
            producer.send(chunk, records);
            producer.poll(Duration::ZERO);
            self.intake.failed(&producer.take_failed());
        }
        let sent = records.len() as u64;
        self.pace.sent(sent);
        self.shown.advance_events(sent);
    }

    pub(super) fn poll(&mut self, wait: Duration) {
        match &mut self.producer {
            Some(producer) => producer.poll(wait),
            None => std::thread::sleep(wait),
        }
    }

    /// Whether to continue: not after a request to stop, nor if Kafka or the file of rejected lines cannot be written to any
    /// more.
    pub(super) fn goes_on(&self) -> bool {
        let is_broken = self.producer.as_ref().is_some_and(Producer::is_broken);
        !self.stop.is_requested() && !is_broken && !self.intake.has_lost_rejects()
    }

    /// Waits for outstanding deliveries, and makes the report.
    pub(super) fn finish(mut self) -> Report {
        let mut tally = None;
        if let Some(mut producer) = self.producer.take() {
            drop(self.shown);
            let _waiting = self.progress.begin("waiting for acknowledgements", Unit::Uncounted);
            wait_for_answers(&mut producer, self.stop, self.clock);
            self.intake.failed(&producer.take_failed());
            tally = Some(producer.tally().clone());
        }
        let interrupted = self.stop.is_requested();
        let elapsed_s = self.clock.elapsed_s();
        self.intake.report(tally, self.broken_inputs, interrupted, elapsed_s)
    }
}
