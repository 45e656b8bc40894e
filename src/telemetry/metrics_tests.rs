//! What a scrape shows.

use super::metrics::Metrics;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;

fn at(seconds: i64) -> UtcSeconds {
    UtcSeconds::from_unix(seconds)
}

#[test]
fn every_metric_has_a_name_a_help_and_the_value_it_was_given() {
    let metrics = Metrics::default();
    let payments = metrics.partition(&TopicPartition::new("payments", 1), at(1000));
    payments.linked(147, Some(81_234));
    payments.linked(0, None);
    payments.buffered(512);
    payments.lagging(9);
    payments.committed(at(1010));
    payments.deletion_due(Some(at(1600)));
    payments.open_transaction(101, Some(at(1005)));
    payments.lost(3);
    payments.fenced();
    metrics.did_not_fit("payments", "event_ts", 13);
    metrics.retried("store_transient");
    let witness = metrics.witness("witness.example", at(1000));
    witness.cosigned(12, at(1020));
    witness.failed("no_answer");
    metrics.store_answered("create", 0.012);
    insta::assert_snapshot!(metrics.encode(at(1030)));
}

#[test]
fn a_partition_without_a_backlog_has_an_infinite_time_until_deletion() {
    let metrics = Metrics::default();
    let orders = metrics.partition(&TopicPartition::new("orders", 0), at(1000));
    assert!(
        metrics
            .encode(at(1030))
            .contains("kivend_until_deletion_seconds{topic=\"orders\",partition=\"0\"} inf")
    );
    orders.deletion_due(Some(at(1020)));
    assert!(
        metrics
            .encode(at(1030))
            .contains("kivend_until_deletion_seconds{topic=\"orders\",partition=\"0\"} -10")
    );
}

#[test]
fn a_released_partition_keeps_its_counters_and_loses_its_gauges() {
    let metrics = Metrics::default();
    let place = TopicPartition::new("payments", 1);
    metrics.partition(&place, at(0)).linked(5, Some(1));
    metrics.release(&place);
    let encoded = metrics.encode(at(1));
    assert!(encoded.contains("kivend_records_total{topic=\"payments\",partition=\"1\"} 5"));
    assert!(!encoded.contains("kivend_lag_records{"));
    assert!(!encoded.contains("kivend_since_commit_seconds{"));
    metrics.partition(&place, at(2)).linked(5, Some(1));
    assert!(
        metrics
            .encode(at(3))
            .contains("kivend_records_total{topic=\"payments\",partition=\"1\"} 10")
    );
}
