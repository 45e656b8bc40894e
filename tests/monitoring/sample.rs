//! Metrics with a value for everything that is defined.

use kivend::archiver::doing::Doing;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::telemetry::{Metrics, verification_metrics};
use kivend::verify::report::{ArchiveNamed, CheckpointsReport, Report, RunReport, Scope, TrustReport};
use kivend::verify::verdict::Verdict;

pub fn at(seconds: i64) -> UtcSeconds {
    UtcSeconds::from_unix(seconds)
}

/// An archiver's metrics.
pub fn archiver() -> Metrics {
    let metrics = Metrics::default();
    metrics.begin(&Doing::ALL.map(Doing::label), at(1000));
    let payments = metrics.partition(&TopicPartition::new("payments", 1), at(1000));
    payments.linked(147, Some(81_234));
    metrics.did_not_fit("payments", "event_ts", 13);
    metrics.assigned(1);
    metrics.memory(512, 1024);
    metrics.covered(14, at(1022));
    metrics.mirror_behind("folder /mnt/checkpoints", 2);
    metrics.done("create_segment", 0.4);
    metrics.sealed(0.9, Some(31.5));
    metrics.commit_answered(0.004);
    metrics.stopped("orders", None, Some("unknown_topic"));
    let witness = metrics.witness("witness.example", at(1000));
    witness.cosigned(12, at(1020));
    witness.failed("no_answer");
    metrics.store_answered("create", "ok", 0.012);
    metrics
}

/// A verification's metrics.
pub fn verification() -> String {
    let report = Report {
        verdict: Verdict::Incomplete,
        summary: String::new(),
        archive: ArchiveNamed {
            archive: Some("kivend".to_owned()),
            ..ArchiveNamed::default()
        },
        scope: Scope {
            whole: true,
            ..Scope::default()
        },
        topics: Vec::new(),
        anchored: Vec::new(),
        trust: TrustReport::default(),
        checkpoints: CheckpointsReport::default(),
        removals: Vec::new(),
        findings: Vec::new(),
        finding_counts: [("KV210".to_owned(), 3)].into(),
        elapsed_s: 1.5,
        records_per_s: 0.0,
        run: RunReport::default(),
        coverage: Vec::new(),
    };
    verification_metrics(&report, at(1000))
}
