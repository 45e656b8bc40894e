//! The embedded cluster keeps what the demo sends, and behaves as Kafka does where the demo relies on it.

use std::time::Duration;

use kivend::clock::Clock;
use kivend::embedded::Embedded;
use kivend::kafka::cluster::Cluster;
use kivend::kafka::consumer::{Consumer, Polled};
use kivend::kafka::error::KafkaError;
use kivend::kafka::reader::Reader;
use kivend::record::position::{NextOffset, TopicPartition};
use kivend::record::record::Record;
use kivend::synthetic::Shop;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::fixture::embedded_with;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 6;
/// Events for user-events: those of the whole run, and those of the partial run after it.
const EVENTS: usize = 64_131 + 51_710;

fn producer(cluster: &Embedded) -> BaseProducer {
    let mut config = ClientConfig::new();
    for (name, value) in [
        ("compression.type", "lz4"),
        ("batch.size", "1000000"),
        ("linger.ms", "10"),
    ] {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", cluster.brokers().join(","))
        .create()
        .unwrap()
}

fn shop_events() -> Vec<u8> {
    let mut lines = Vec::new();
    let mut shop = Shop::new(71_694, 1);
    while shop.write_session(&mut lines).is_some() {}
    lines
}

#[test]
fn the_embedded_cluster_keeps_all_that_the_demo_sends_to_one_topic() {
    let cluster = embedded_with(&[("user-events", PARTITIONS)]);
    let producer = producer(&cluster);
    let events = shop_events();
    let lines = events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (line, partition) in lines.cycle().take(EVENTS).zip((0..PARTITIONS).cycle()) {
        let mut record = BaseRecord::<[u8], [u8]>::to("user-events")
            .partition(partition)
            .payload(line);
        while let Err((_, again)) = producer.send(record) {
            producer.poll(Duration::from_millis(1));
            record = again;
        }
    }
    producer.flush(PATIENCE).unwrap();

    let reader = Reader::connect(&cluster.settings("demo")).unwrap();
    let mut found = 0;
    let partitions: Vec<_> = (0..PARTITIONS)
        .map(|number| TopicPartition::new("user-events", number))
        .collect();
    let all = reader.cluster().watermarks_of(&partitions).unwrap();
    for (partition, told_together) in partitions.into_iter().zip(all) {
        let marks = reader.cluster().watermarks(&partition).unwrap();
        assert_eq!(marks, told_together);
        assert_eq!(marks.low, 0, "the cluster dropped the oldest records of {partition}");
        let count = |_: &Record<'_>| {
            found += 1;
            Ok::<_, KafkaError>(())
        };
        assert_eq!(
            reader.read_range(&partition, 0, marks.high, count).unwrap(),
            NextOffset(marks.high)
        );
    }
    assert_eq!(found, EVENTS);
}

/// A cluster with the values a, b and c in the one partition of payments.
fn with_three_payments() -> Embedded {
    let cluster = embedded_with(&[("payments", 1)]);
    let producer = producer(&cluster);
    for value in ["a", "b", "c"] {
        let record = BaseRecord::<str, str>::to("payments").partition(0).payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    cluster
}

#[test]
fn a_group_reads_the_embedded_cluster_and_its_commits_keep_their_metadata() {
    let cluster = with_three_payments();

    let partition = TopicPartition::new("payments", 0);
    let mut consumer = Consumer::subscribe(&cluster.settings("demo"), &["payments"]).unwrap();
    let mut values = Vec::new();
    for _ in 0..1200 {
        match consumer.poll(Duration::from_millis(50)) {
            Polled::Assign(_) => consumer.start(&[(partition.clone(), NextOffset(0))]).unwrap(),
            Polled::Record { record, .. } => values.push(record.value.unwrap().to_vec()),
            Polled::EndReached { partition, position } => consumer.commit(&partition, position, "v1 0 0").unwrap(),
            Polled::Committed(outcomes) => {
                assert_eq!(outcomes[0].outcome, Ok(()));
                break;
            }
            Polled::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    assert_eq!(values, [b"a", b"b", b"c"]);
    let committed = consumer.cluster().committed(&[partition]).unwrap().remove(0).unwrap();
    assert_eq!(
        (committed.next_offset, &*committed.metadata),
        (NextOffset(3), &b"v1 0 0"[..])
    );
}

#[test]
fn the_embedded_cluster_has_no_topic_ids_and_says_so_at_once() {
    let cluster = embedded_with(&[("payments", 1)]);
    let asking = Cluster::connect(&cluster.settings("ids")).unwrap();
    assert_eq!(asking.topic_id("payments"), Ok(None));
}

#[test]
fn a_range_up_to_the_end_of_its_partition_ends_without_waiting_for_more_records() {
    let cluster = with_three_payments();

    let mut settings = cluster.settings("demo");
    // How long a broker may wait for more records before it answers that there are none.
    settings.properties = [("fetch.wait.max.ms".to_owned(), "300000".to_owned())]
        .into_iter()
        .collect();
    let reader = Reader::connect(&settings).unwrap();
    let mut values = Vec::new();
    let keep = |record: &Record<'_>| {
        values.push(record.value.unwrap().to_vec());
        Ok::<_, KafkaError>(())
    };
    let clock = Clock::start();
    let position = reader
        .read_range(&TopicPartition::new("payments", 0), 1, 3, keep)
        .unwrap();
    assert_eq!((position, values), (NextOffset(3), vec![b"b".to_vec(), b"c".to_vec()]));
    assert!(clock.elapsed_s() < 60.0, "it took {} s", clock.elapsed_s());
}

#[test]
fn the_first_question_for_the_members_of_a_group_waits_for_no_timer() {
    let cluster = embedded_with(&[("payments", 1)]);
    let ask_s = || {
        let clock = Clock::start();
        let asking = Cluster::connect_to_group(&cluster.settings("demo")).unwrap();
        // The mock brokers refuse the request. The wait is for the first metadata, before it.
        assert!(asking.group_members("demo").is_err());
        clock.elapsed_s()
    };
    // The best of several, because the machine may be busy. librdkafka's timer ends after a second.
    let best_s = (0..5).map(|_| ask_s()).fold(f64::INFINITY, f64::min);
    assert!(best_s < 0.5, "it took {best_s} s");
}
