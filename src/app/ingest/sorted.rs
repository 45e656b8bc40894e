//! Sends events in the order of their times: keeps the whole input in memory, and sorts an index of its lines.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::app::ingest::input::{Piece, Portion};
use crate::app::ingest::run::Run;
use crate::app::ingest::shown::Shown;

/// Lines of the index that are sent at once.
const BLOCK: usize = 4_096;

/// A line that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// Nanoseconds since the Unix epoch; the greatest number if the event has no time.
    time: i64,
    /// The order of lines with equal times.
    ordinal: u64,
    start: usize,
    end: usize,
}

impl Run<'_> {
    /// Reads the whole input and sends it by time. Lines are rejected while reading.
    pub(super) fn by_time(&mut self, pieces: &Receiver<Piece>) {
        let (input, index) = self.index(pieces);
        let what = if self.producer.is_some() {
            "ingesting"
        } else {
            "counting"
        };
        self.shown = Shown::events(self.progress, what, self.pace.left().min(index.len() as u64));
        let input = Arc::new(input);
        let mut rest = index.as_slice();
        while !rest.is_empty() && self.pace.left() > 0 {
            let Some(allowed) = self.wait_for_room() else {
                break;
            };
            let (block, after) = rest.split_at(rest.len().min(allowed).min(BLOCK));
            let take = |line: &Line| self.intake.take_again(&input, line.place(), line.ordinal);
            let records: Vec<_> = block.iter().filter_map(take).collect();
            self.send(&input, &records);
            rest = after;
        }
        self.intake.leave_out(rest.len() as u64);
    }

    fn index(&mut self, pieces: &Receiver<Piece>) -> (Vec<u8>, Vec<Line>) {
        let (mut input, mut index) = (Vec::new(), Vec::new());
        while let Some(piece) = self.next_piece(pieces) {
            let Piece::Portion(Portion::Lines(lines)) = piece else {
                self.note(piece);
                continue;
            };
            let mut rest = input.len()..input.len() + lines.len();
            input.extend_from_slice(&lines);
            self.shown.advance_bytes(lines.len() as u64);
            while !rest.is_empty() {
                let Range { start, end } = crate::app::ingest::intake::next_line(&input, &mut rest);
                if let Some(time) = self.intake.time_of(&input[start..end]) {
                    let ordinal = self.intake.ordinal();
                    index.push(Line {
                        time,
                        ordinal,
                        start,
                        end,
                    });
                }
            }
        }
        index.sort_unstable();
        (input, index)
    }
}

impl Line {
    fn place(&self) -> Range<usize> {
        self.start..self.end
    }
}
