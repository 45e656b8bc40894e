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
    payments.stably_lagging(8);
    metrics.begin(&["create_segment"], at(1000));
    metrics.retried("create_segment");
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
    // The metrics of the process differ from run to run.
    let encoded = metrics.encode(at(1030));
    let own: Vec<&str> = encoded.lines().filter(|line| !line.contains("process_")).collect();
    insta::assert_snapshot!(own.join("\n"));
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

#[test]
fn partitions_beyond_the_limit_share_one_series_of_each_metric() {
    let metrics = Metrics::with_partition_limit(1);
    for number in 0..10_000 {
        let partition = metrics.partition(&TopicPartition::new("orders", number), at(1000));
        partition.linked(2, Some(3));
        partition.lagging(1);
        partition.deletion_due(Some(at(2000 + i64::from(number))));
    }
    let encoded = metrics.encode(at(1030));
    for line in [
        "kivend_records_total{topic=\"orders\",partition=\"0\"} 2",
        "kivend_records_total{topic=\"(other)\",partition=\"(other)\"} 19998",
        "kivend_lag_records{topic=\"(other)\",partition=\"(other)\"} 9999",
        "kivend_since_commit_seconds{topic=\"(other)\",partition=\"(other)\"} 30.0",
        "kivend_until_deletion_seconds{topic=\"(other)\",partition=\"(other)\"} 971.0",
    ] {
        assert!(encoded.lines().any(|found| found == line), "no {line}");
    }
    assert_eq!(encoded.matches("kivend_lag_records{").count(), 2);
    assert!(encoded.len() < 20_000, "{} bytes", encoded.len());
}

#[test]
fn totals_are_sums_over_the_partitions_that_are_held_and_name_the_next_deletion() {
    let metrics = Metrics::default();
    let [left, near, far] = [0, 1, 2].map(|number| TopicPartition::new("orders", number));
    for (place, due) in [(&left, 1100), (&near, 1500), (&far, 1600)] {
        let partition = metrics.partition(place, at(1000));
        partition.linked(5, Some(1));
        partition.lagging(7);
        partition.buffered(11);
        partition.deletion_due(Some(at(due)));
    }
    metrics.release(&left);
    let totals = metrics.totals(at(1030));
    assert_eq!((totals.partitions, totals.records, totals.lag), (2, 15, 14));
    assert_eq!((totals.buffered_bytes, totals.next_deletion), (22, Some((near, 470))));
}
