//! Counts values that are not of the type of their typed column, and are null there. The record is archived all the same, but
//! a query of the column does not find it, so the first one of each column is logged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::segment::projection::rules::Rule;
use crate::telemetry::Metrics;

/// The counts of a run.
#[derive(Debug)]
pub struct Misfits {
    metrics: Arc<Metrics>,
    /// By topic and column.
    counts: Mutex<BTreeMap<(String, String), u64>>,
}

/// Values that do not fit a typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnMisfits {
    /// The topic.
    pub topic: String,
    /// The typed column.
    pub column: String,
    /// The number of records in which the column is null for that.
    pub records: u64,
}

impl Misfits {
    /// No counts; `metrics` gets them too.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Misfits {
        Misfits {
            metrics,
            counts: Mutex::default(),
        }
    }

    /// Counts the misfits of a segment, given by rule.
    pub(super) fn count(&self, topic: &str, rules: &[Rule], misfits: &[u64]) {
        for (rule, records) in rules.iter().zip(misfits).filter(|(_, records)| **records > 0) {
            self.metrics.did_not_fit(topic, &rule.column, *records);
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry((topic.to_owned(), rule.column.clone())).or_default();
            if *count == 0 {
                let (column, path, column_type) = (&rule.column, &rule.path, rule.column_type);
                tracing::warn!(event = "column_misfit", topic, column, path, r#type = %column_type, records, "values are not of the type of their typed column, which is null for them; the records are archived. Correct the producer, or the column's type under [archive.projection]; said once for each column, kivend_column_misfits_total counts on");
            }
            *count += records;
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn by_column(&self) -> Vec<ColumnMisfits> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let column = |((topic, column), records): (&(String, String), &u64)| ColumnMisfits {
            topic: topic.clone(),
            column: column.clone(),
            records: *records,
        };
        counts.iter().map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::utc::UtcSeconds;
    use crate::segment::projection::rules::ColumnType;

    #[test]
    fn misfits_are_counted_by_topic_and_column() {
        let metrics = Arc::new(Metrics::default());
        let misfits = Misfits::new(Arc::clone(&metrics));
        let rules = [
            Rule::new("event_ts", "/ts", ColumnType::TimestampUs),
            Rule::new("name", "/name", ColumnType::String),
        ];
        misfits.count("payments", &rules, &[13, 0]);
        misfits.count("payments", &rules, &[2, 1]);
        misfits.count("orders", &rules, &[0, 0]);
        let counted = misfits.by_column();
        let found: Vec<_> = counted.iter().map(|m| (&*m.topic, &*m.column, m.records)).collect();
        assert_eq!(found, [("payments", "event_ts", 15), ("payments", "name", 1)]);
        let text = metrics.encode(UtcSeconds::from_unix(0));
        assert!(
            text.contains("kivend_column_misfits_total{topic=\"payments\",column=\"event_ts\"} 15"),
            "{text}"
        );
    }
}
