//! The metric of what is not archived until somebody acts: topics, and single partitions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is stopped, with the reason of each.
#[derive(Debug, Default)]
pub(super) struct Stopped {
    gauge: Family<Labels, Gauge>,
    open: Mutex<BTreeMap<(String, String), &'static str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    topic: String,
    /// Empty for the whole topic.
    partition: String,
    reason: &'static str,
}

impl Stopped {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "1 where a topic (no partition) or a partition is not archived until somebody acts, by the reason";
        all.register("stopped", help, self.gauge.clone());
    }

    /// What is stopped, by topic and partition (empty for the whole topic), with the reason.
    pub(super) fn open(&self) -> BTreeMap<(String, String), &'static str> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets or ends the reason for a topic, or for one partition of it.
    pub(super) fn set(&self, topic: &str, partition: Option<i32>, reason: Option<&'static str>) {
        let partition = partition.map_or_else(String::new, |number| number.to_string());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = |reason| Labels {
            topic: topic.to_owned(),
            partition: partition.clone(),
            reason,
        };
        let place = (topic.to_owned(), partition.clone());
        if let Some(before) = open.remove(&place) {
            self.gauge.remove(&labels(before));
        }
        if let Some(reason) = reason {
            self.gauge.get_or_create(&labels(reason)).set(1);
            open.insert(place, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn each_topic_and_partition_has_the_reason_that_it_was_given_last() {
        let (stopped, mut registry) = (Stopped::default(), Registry::default());
        stopped.register(&mut registry);
        stopped.set("orders", None, Some("unknown_topic"));
        stopped.set("payments", Some(2), Some("not_allowed"));
        stopped.set("payments", Some(2), Some("truncated"));
        stopped.set("payments", Some(3), Some("truncated"));
        stopped.set("payments", Some(3), None);
        let mut encoded = String::new();
        text::encode(&mut encoded, &registry).unwrap();
        let mut lines: Vec<&str> = encoded.lines().filter(|line| line.starts_with("stopped{")).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "stopped{topic=\"orders\",partition=\"\",reason=\"unknown_topic\"} 1",
                "stopped{topic=\"payments\",partition=\"2\",reason=\"truncated\"} 1",
            ]
        );
    }
}
