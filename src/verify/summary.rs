//! The verdict of a report in one line.

use crate::verify::report::{Report, SinceCheckpoint, grouped};
use crate::verify::trust::Basis;

impl Report {
    /// The verdict in one line: counts, a statement, and everything that was not covered.
    #[must_use]
    pub fn summarise(&self) -> String {
        let (verdict, scope) = (self.verdict, &self.scope);
        let mut parts = vec![
            format!(
                "{verdict}: {} records in {} segments of {} partitions",
                grouped(scope.records),
                grouped(scope.segments),
                scope.partitions
            ),
            verdict.statement().to_owned(),
        ];
        let removed: u64 = self.removals.iter().map(|removal| removal.segments).sum();
        if removed > 0 {
            let records: u64 = self.removals.iter().map(|removal| removal.records).sum();
            parts[0] += &format!(
                ", of which {} records in {} segments were removed under retention changes",
                grouped(records),
                grouped(removed)
            );
        }
        let lost: u64 = self.topics.iter().map(|topic| topic.lost).sum();
        if lost > 0 {
            parts.push(format!(
                "Kafka deleted {} offsets before they were archived",
                grouped(lost)
            ));
        }
        match (&scope.topic, scope.partition) {
            (Some(topic), Some(partition)) => parts.push(format!("only {topic} partition {partition}")),
            (Some(topic), None) => parts.push(format!("only {topic}")),
            (None, Some(partition)) => parts.push(format!("only partition {partition} of each topic")),
            (None, None) => {}
        }
        if let Some(SinceCheckpoint { number, at, .. }) = &scope.since_checkpoint {
            let what = if scope.links == 0 {
                "nothing new since"
            } else {
                "only what is newer than"
            };
            parts.push(format!("{what} checkpoint {number} of {at}"));
        }
        if let Some(shard) = scope.shard {
            parts.push(format!("only shard {shard}"));
        }
        if scope.segments_read + removed < scope.segments {
            parts.push(match &scope.since {
                Some(since) if scope.segments_read == 0 => format!("nothing new since {since}, so no rows read"),
                Some(since) => format!("rows of {} segments read (since {since})", grouped(scope.segments_read)),
                None => format!("rows of {} segments read", grouped(scope.segments_read)),
            });
        }
        if scope.against.iter().any(|against| against == "kafka") {
            parts.push(format!("{} compared with Kafka", grouped(scope.records_compared)));
        } else {
            parts.push("not compared with Kafka".to_owned());
        }
        let unanchored: u64 = self.anchored.iter().map(|anchored| anchored.unanchored).sum();
        if unanchored > 0 {
            parts.push(format!(
                "{} newest links unanchored (no checkpoint and nothing in Kafka confirms them)",
                grouped(unanchored)
            ));
        }
        match self.trust.basis {
            Some(Basis::FirstUse) => parts.push("keys trusted on first use".to_owned()),
            Some(Basis::CheckpointsGiven) => {
                parts.push("above what was given, the keys in force after it are trusted".to_owned());
            }
            Some(Basis::KeysGiven) | None => {}
        }
        parts.join("; ")
    }
}
