//! The metrics of a verification, as a file for node_exporter's textfile collector.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::record::utc::UtcSeconds;
use crate::telemetry::text_format::TextFormat;
use crate::verify::report::Report;
use crate::verify::verdict::Verdict;

const VERDICTS: [Verdict; 4] = [
    Verdict::Intact,
    Verdict::Unverifiable,
    Verdict::Incomplete,
    Verdict::Tampered,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ArchiveLabels {
    archive: String,
    /// `whole` or `part`: a part is a shard, a topic, or what is newer than a time or a checkpoint.
    scope: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    archive: String,
    scope: &'static str,
    verdict: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    archive: String,
    scope: &'static str,
    code: String,
}

/// The verdict and the counts of a verification that ended at `ended`, in the text format 0.0.4.
#[must_use]
pub fn verification_metrics(report: &Report, ended: UtcSeconds) -> String {
    let archive = report.archive.archive.clone().unwrap_or_default();
    let scope = if report.scope.whole { "whole" } else { "part" };
    let labels = ArchiveLabels {
        archive: archive.clone(),
        scope,
    };
    let mut all = Registry::with_prefix("kivend_verification");
    let mut gauge = |name: &str, help: &str, value: f64| {
        let family = Family::<ArchiveLabels, Gauge<f64, AtomicU64>>::default();
        family.get_or_create(&labels).set(value);
        all.register(name, help, family);
    };
    let help = "When the last verification ended, in Unix time";
    gauge("timestamp_seconds", help, ended.unix() as f64);
    gauge("duration_seconds", "How long it took", report.elapsed_s);
    gauge("partitions", "Partitions in its scope", report.scope.partitions as f64);
    gauge("links", "Links that it walked", report.scope.links as f64);
    gauge("records", "Records that these links count", report.scope.records as f64);
    gauge("records_read", "Records that it read", report.scope.records_read as f64);
    let help = "Records that Kafka still held, compared and equal";
    gauge("records_compared", help, report.scope.records_compared as f64);

    let verdicts = Family::<VerdictLabels, Gauge>::default();
    for verdict in VERDICTS {
        let labels = VerdictLabels {
            archive: archive.clone(),
            scope,
            verdict: verdict.to_string(),
        };
        verdicts
            .get_or_create(&labels)
            .set(i64::from(verdict == report.verdict));
    }
    all.register(
        "verdict",
        "1 for the verdict of the last verification, 0 for the others",
        verdicts,
    );
    let findings = Family::<FindingLabels, Gauge>::default();
    for (code, count) in &report.finding_counts {
        let labels = FindingLabels {
            archive: archive.clone(),
            scope,
            code: code.clone(),
        };
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        findings.get_or_create(&labels).set(count);
    }
    all.register(
        "findings",
        "Findings of the last verification, by code: docs/FINDINGS.md",
        findings,
    );
    let mut encoded = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut encoded, &all);
    TextFormat::Prometheus.of_open_metrics(encoded)
}
