//! What the log says regularly: a summary every minute, what lasts at growing intervals, and what a start waits for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::archiver::degradations::Degradations;
use crate::archiver::line_budget::LineBudget;
use crate::archiver::reminders::Reminder;
use crate::archiver::report::LinkLine;
use crate::clock::Clock;
use crate::log::link::Link;
use crate::telemetry::{Totals, Vitals};

/// How often is looked whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// The time between two summaries, in ms.
const SUMMARY_MS: u64 = 60_000;
/// The time after which a start is logged that still waits, in ms.
const WAITING_MS: u64 = 5_000;

/// The lines about sealed segments: the first of each minute are logged, and all are counted.
#[derive(Debug, Default)]
pub struct SegmentLines {
    budget: Mutex<LineBudget>,
    sealed: AtomicU64,
    left_out: AtomicU64,
}

impl SegmentLines {
    /// How this link is logged.
    pub fn line(&self, link: &Link, clock: &Clock) -> LinkLine {
        let now_ms = clock.wall().as_millisecond();
        let latency_s = link.min_timestamp_ms.map(|oldest| (now_ms - oldest) as f64 / 1_000.0);
        if link.segment.is_none() {
            return LinkLine {
                is_info: false,
                latency_s,
            };
        }
        self.sealed.fetch_add(1, Ordering::Relaxed);
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let is_info = budget.takes(clock.monotonic_ms());
        if !is_info {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        LinkLine { is_info, latency_s }
    }
}

/// Logs what is due. Runs until cancelled.
pub async fn report(vitals: Vitals, degradations: Arc<Degradations>, lines: Arc<SegmentLines>) {
    let (mut next_ms, mut records) = (vitals.clock.monotonic_ms() + SUMMARY_MS, 0);
    loop {
        tokio::time::sleep(LOOK).await;
        degradations.remind();
        let now_ms = vitals.clock.monotonic_ms();
        if now_ms >= next_ms {
            let totals = vitals.metrics.totals(vitals.clock.utc_seconds());
            let elapsed_ms = SUMMARY_MS + (now_ms - next_ms);
            let new_records = totals.records.saturating_sub(records);
            records = totals.records;
            next_ms = now_ms + SUMMARY_MS;
            summarise(totals, new_records as f64 * 1_000.0 / elapsed_ms as f64, &lines);
        }
    }
}

fn summarise(totals: Totals, records_per_s: f64, lines: &SegmentLines) {
    let deletion = totals.next_deletion;
    tracing::info!(
        event = "summary",
        partitions = totals.partitions,
        records = totals.records,
        records_per_s = (records_per_s * 10.0).round() / 10.0,
        lag = totals.lag,
        buffered_bytes = totals.buffered_bytes,
        segments = lines.sealed.swap(0, Ordering::Relaxed),
        segments_not_logged = lines.left_out.swap(0, Ordering::Relaxed),
        next_deletion_s = deletion.as_ref().map(|(_, left_s)| *left_s),
        next_deletion_of = deletion.as_ref().map(|(partition, _)| partition.to_string()),
        "the last minute"
    );
}

/// Logs what the start waits for, at growing intervals, until the archiver is ready or this is cancelled.
pub async fn report_start(vitals: Vitals) {
    let since_ms = vitals.clock.monotonic_ms();
    let mut reminder = Reminder::after(since_ms, WAITING_MS);
    while let Err(step) = vitals.health.readiness() {
        let now_ms = vitals.clock.monotonic_ms();
        if reminder.is_due(now_ms) {
            let waited_s = (now_ms - since_ms) / 1_000;
            tracing::warn!(event = "start_waiting", step, waited_s, "the start takes long");
        }
        tokio::time::sleep(LOOK / 4).await;
    }
    let started_ms = vitals.clock.monotonic_ms() - since_ms;
    tracing::info!(event = "started", started_ms, "archiving begins");
}
