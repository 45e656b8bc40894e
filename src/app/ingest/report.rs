//! The report of an ingest. The names of the fields are stable, for scripts.

use std::collections::BTreeMap;
use std::error::Error;

use serde::Serialize;

use crate::error::{Exit, Explain};

/// The account of a run: `read = sent + rejected + filtered + skipped`, and `sent = acked + failed +
/// unknown`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Lines read.
    pub read: u64,
    /// Records given to the producer; 0 in a dry run.
    pub sent: u64,
    /// Records that Kafka acknowledged.
    pub acked: u64,
    /// Lines that are not valid events.
    pub rejected: u64,
    /// Events left out by `--only` and, with `--sort`, by `--max`.
    pub filtered: u64,
    /// With `--exactly-once`: lines that earlier runs have handled.
    pub skipped: u64,
    /// Records that were not delivered: Kafka does not have them.
    pub failed: u64,
    /// Records that were sent and not answered: Kafka may have some of them.
    pub unknown: u64,
    /// In a dry run: the number of records that would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_send: Option<u64>,
    /// Records acknowledged, by topic; in a dry run those that would be sent.
    pub topics: BTreeMap<String, u64>,
    /// Seconds from the start to the last acknowledgement.
    pub elapsed_s: f64,
    /// Acknowledged records per second.
    pub events_per_s: u64,
    /// Events sent without a key.
    pub without_key: u64,
    /// With `--sort`: events without a readable time; they are sent last.
    pub without_time: u64,
    /// Events by type, including filtered ones.
    pub event_types: BTreeMap<String, u64>,
    /// Events of further types, which are not counted one by one.
    pub other_event_types: u64,
    /// Event types without a route that look like one with a route.
    pub resembling: Vec<Resemblance>,
    /// Rejected lines, by reason.
    pub rejections: BTreeMap<&'static str, u64>,
    /// The first rejected lines.
    pub first_rejected: Vec<FirstRejected>,
    /// Failed records, by cause.
    pub failures: BTreeMap<String, u64>,
    /// Unknown records, by cause.
    pub unanswered: BTreeMap<String, u64>,
    /// Inputs that were not read, or not to their end.
    pub broken_inputs: Vec<Problem>,
    /// Why the file of rejected lines does not have all of them. Nothing more was read after that.
    pub lost_rejects: Option<Problem>,
    /// With `--exactly-once`: inputs whose last line is not finished. It is left for the next run.
    pub unfinished: Vec<Unfinished>,
    /// With `--exactly-once`: inputs that took the place of a file that was sent.
    pub rotated: Vec<Rotated>,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

/// An event type without a route that looks like one with a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resemblance {
    /// The type.
    pub event_type: String,
    /// The type that it looks like.
    pub resembles: String,
    /// The topic to which its events went.
    pub topic: String,
    /// The number of events.
    pub events: u64,
}

/// A line that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstRejected {
    /// The name of the input.
    pub file: String,
    /// The line number, from 1.
    pub line: u64,
    /// The reason, as a stable code.
    pub reason: &'static str,
    /// The reason, as text.
    pub detail: String,
}

impl Report {
    /// The exit code of the program.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let has_unsent = self.rotated.iter().any(|rotated| !rotated.unsent.is_empty());
        let has_problems = !self.broken_inputs.is_empty() || self.lost_rejects.is_some() || has_unsent;
        if self.interrupted {
            Exit::Interrupted
        } else if self.rejected > 0 || self.failed > 0 || self.unknown > 0 || has_problems {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// What went wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What happened, with the name of the file.
    pub reason: String,
    /// What to do.
    pub fix: String,
}

impl Problem {
    pub(super) fn of(error: &impl Explain) -> Problem {
        Problem {
            reason: chain(error),
            fix: error.remedy().unwrap_or_else(|| error.kind().remedy().to_owned()),
        }
    }
}

/// An input whose last line has no newline and is no valid event: somebody may be writing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// The name of the input.
    pub file: String,
    /// The length of the line so far.
    pub bytes: u64,
}

/// A log that was rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// Its path.
    pub file: String,
    /// The lines of the earlier file that earlier runs had sent.
    pub lines: u64,
    /// Where the earlier file is now; the rest of it was sent first. None if it was not found.
    pub found: Option<String>,
    /// Files beside it that are named like rotated ones, and that were written since then: nothing of them was sent.
    pub unsent: Vec<String>,
}

/// The error and its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
