//! What became of every line. The fields' names are a contract with scripts.

use std::collections::BTreeMap;
use std::error::Error;

use serde::Serialize;

use crate::error::Exit;

/// The account of a run: `read = sent + rejected + filtered + skipped`, and `sent = acked + failed`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Lines.
    pub read: u64,
    /// Records handed over to be sent; 0 in a dry run.
    pub sent: u64,
    /// Records that Kafka acknowledged.
    pub acked: u64,
    /// Lines that are no events.
    pub rejected: u64,
    /// Events left out by `--only`, and with `--sort` those beyond `--max`.
    pub filtered: u64,
    /// With `--exactly-once`: lines that earlier runs have dealt with.
    pub skipped: u64,
    /// Records that were given up; Kafka may have some of them, where the cause is a time-out.
    pub failed: u64,
    /// Only in a dry run: how many would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_send: Option<u64>,
    /// Records acknowledged, by topic; in a dry run those that would be sent.
    pub topics: BTreeMap<String, u64>,
    /// From the start to the last acknowledgement.
    pub elapsed_s: f64,
    /// Acknowledged each second of it.
    pub events_per_s: u64,
    /// Events sent without a key.
    pub without_key: u64,
    /// With `--sort`: events whose time cannot be read, sent last.
    pub without_time: u64,
    /// Events by type, those left out among them.
    pub event_types: BTreeMap<String, u64>,
    /// Events of types beyond those told apart.
    pub other_event_types: u64,
    /// Types without a route that look like one that has.
    pub resembling: Vec<Resemblance>,
    /// Lines rejected, by reason.
    pub rejections: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first_rejected: Vec<FirstRejected>,
    /// Records given up, by cause.
    pub failures: BTreeMap<String, u64>,
    /// Why the input was not read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// Whether somebody stopped it.
    pub interrupted: bool,
    /// Whether nothing was to be sent.
    pub dry_run: bool,
}

/// An event type that fell through, though it looks routed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resemblance {
    /// The type.
    pub event_type: String,
    /// The routed type that it looks like.
    pub resembles: String,
    /// Where its events went all the same.
    pub topic: String,
    /// How many.
    pub events: u64,
}

/// A line that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstRejected {
    /// The input's name.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// A stable code.
    pub reason: &'static str,
    /// The same for people.
    pub detail: String,
}

impl Report {
    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.interrupted {
            Exit::Interrupted
        } else if self.rejected > 0 || self.failed > 0 || self.stopped_by.is_some() {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// The error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
