//! Ingest against brokers in this process: the records reported as acknowledged are in Kafka, in order and byte for
//! byte, also when the run is interrupted or the brokers fail.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kivend::app::ingest::{IngestError, Input, LedgerSettings, Mode, Order, Plan, Report, Surroundings, ingest};
use kivend::config::{KafkaSettings, Sources, load};
use kivend::embedded::Embedded;
use kivend::error::{Exit, Explain, Kind};
use kivend::kafka::error::KafkaError;
use kivend::kafka::partitioner::of_key;
use kivend::kafka::reader::Reader;
use kivend::record::position::TopicPartition;
use kivend::record::record::Record;
use kivend::synthetic::Shop;
use kivend::task::progress::{Progress, Silent, Unit, Work};
use kivend::task::stop::{Reason, Stop, stop};

use crate::fixture::embedded_with;

const TOPICS: [(&str, i32); 3] = [("user-events", 6), ("payments", 3), ("orders", 3)];

/// A record read from Kafka.
#[derive(Debug)]
struct Stored {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
}

fn surroundings(kafka: KafkaSettings) -> Surroundings {
    let sources = Sources {
        config_home: Some(PathBuf::from("/nowhere")),
        ..Sources::default()
    };
    let settings = load(&sources).unwrap().settings;
    let ledger = LedgerSettings::of(&settings);
    Surroundings {
        kafka,
        routing: settings.routing,
        ledger,
        ingest: settings.ingest,
    }
}

fn plan(stream: impl Read + Send + 'static) -> Plan {
    Plan {
        inputs: vec![Input::Stream("test".to_owned(), Box::new(stream))],
        only: None,
        max: None,
        rate_per_s: None,
        order: Order::AsRead,
        mode: Mode::Send,
        rejects: None,
    }
}

fn run(cluster: &Embedded, plan: Plan) -> Report {
    ingest(&surroundings(cluster.settings("test")), plan, &Stop::never(), &Silent).unwrap()
}

fn shop(events: u64) -> Vec<u8> {
    let (mut shop, mut lines) = (Shop::new(events, 42), Vec::new());
    while shop.write_session(&mut lines).is_some() {}
    lines
}

/// All records of a topic, partition by partition.
fn stored(cluster: &Embedded, topic: &str) -> Vec<Stored> {
    let reader = Reader::connect(&cluster.settings("test")).unwrap();
    let mut stored = Vec::new();
    for partition in reader.cluster().topic(topic).unwrap().positions() {
        let marks = reader.cluster().watermarks(&partition).unwrap();
        let keep = |record: &Record<'_>| {
            stored.push(Stored {
                partition: partition.partition,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.unwrap_or_default().to_vec(),
            });
            Ok::<_, KafkaError>(())
        };
        reader.read_range(&partition, marks.low, marks.high, keep).unwrap();
    }
    stored
}

fn offsets(cluster: &Embedded) -> u64 {
    let reader = Reader::connect(&cluster.settings("test")).unwrap();
    let high = |(topic, partitions): (&str, i32)| -> i64 {
        let of = |number| {
            reader
                .cluster()
                .watermarks(&TopicPartition::new(topic, number))
                .unwrap()
                .high
        };
        (0..partitions).map(of).sum()
    };
    u64::try_from(TOPICS.into_iter().map(high).sum::<i64>()).unwrap()
}

#[test]
fn good_lines_arrive_byte_for_byte_in_the_partition_of_their_key_and_bad_ones_do_not() {
    let cluster = embedded_with(&TOPICS);
    let good = [
        r#"{"event_type":"page_view","customer_id":"C00001"}"#,
        "  {\"customer_id\" : \"C\\u00e4\", \"event_type\":\"payment_attempt\"}\t\r",
        r#"{"event_type":"checkout","customer_id":12.50,"ts":"ä😀"}"#,
        r#"{"event_type":"payment_failed"}"#,
        r#"{"event_type":"x","customer_id":""}"#,
    ];
    let input = format!("{}\nno event\n\n{}", good[..2].join("\n"), good[2..].join("\n"));
    let report = run(&cluster, plan(io::Cursor::new(input)));
    assert_eq!((report.read, report.sent, report.acked, report.rejected), (7, 5, 5, 2));
    assert_eq!((report.without_key, report.exit()), (1, Exit::Failed));
    assert_eq!(
        report.topics,
        BTreeMap::from([("orders".into(), 1), ("payments".into(), 1), ("user-events".into(), 3)])
    );

    let keys = [Some("C00001"), Some("Cä"), Some("12.50"), None, Some("")];
    let topics = ["user-events", "payments", "orders", "user-events", "user-events"];
    for ((value, key), topic) in good.iter().zip(keys).zip(topics) {
        let records = stored(&cluster, topic);
        let record = records.iter().find(|record| record.value == value.as_bytes());
        let record = record.unwrap_or_else(|| panic!("{value} is not in {topic}"));
        assert_eq!(record.key.as_deref(), key.map(str::as_bytes));
        let partitions = TOPICS.iter().find(|(name, _)| *name == topic).unwrap().1;
        if let Some(key) = key {
            assert_eq!(record.partition, of_key(key.as_bytes(), partitions as u32) as i32);
        }
    }
}

#[test]
fn the_shops_events_arrive_each_once_and_each_customers_in_order() {
    let cluster = embedded_with(&TOPICS);
    let lines = shop(20_000);
    let report = run(&cluster, plan(io::Cursor::new(lines.clone())));
    assert_eq!((report.acked, report.exit()), (20_000, Exit::Done));
    assert_eq!(offsets(&cluster), 20_000);
    let mut sent: BTreeMap<(&str, Vec<u8>), Vec<&[u8]>> = BTreeMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        let topic = match event["event_type"].as_str() {
            Some("payment_attempt" | "payment_success" | "payment_failure") => "payments",
            Some("checkout") => "orders",
            _ => "user-events",
        };
        let customer = event["customer_id"].as_str().unwrap().as_bytes().to_vec();
        sent.entry((topic, customer)).or_default().push(line);
    }
    for (topic, _) in TOPICS {
        let mut arrived: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for record in stored(&cluster, topic) {
            arrived.entry(record.key.unwrap()).or_default().push(record.value);
        }
        let expected = sent.iter().filter(|((sent_to, _), _)| *sent_to == topic);
        for ((_, customer), lines) in expected {
            assert_eq!(arrived.remove(customer).unwrap(), *lines);
        }
        assert!(arrived.is_empty());
    }
}

#[test]
fn sorted_events_arrive_in_the_order_of_time() {
    let cluster = embedded_with(&TOPICS);
    let sorted = Plan {
        order: Order::Time,
        max: Some(4_000),
        ..plan(io::Cursor::new(shop(5_000)))
    };
    let report = run(&cluster, sorted);
    assert_eq!((report.read, report.acked, report.filtered), (5_000, 4_000, 1_000));
    let time = |record: &Stored| {
        let event: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        event["ts"].as_str().unwrap().to_owned()
    };
    for records in stored(&cluster, "user-events").chunk_by(|one, next| one.partition == next.partition) {
        assert!(records.is_sorted_by_key(time));
    }
}

#[test]
fn a_missing_topic_and_missing_brokers_are_reported_before_anything_is_read() {
    let empty = Embedded::start(1).unwrap();
    let settings = surroundings(empty.settings("test"));
    let error = ingest(&settings, plan(io::empty()), &Stop::never(), &Silent).unwrap_err();
    assert!(matches!(&error, IngestError::Kafka(KafkaError::UnknownTopic { topic }) if topic == "user-events"));
    assert_eq!(error.kind(), Kind::Config);

    let mut kafka = empty.settings("test");
    kafka.brokers = vec!["localhost:1".to_owned()];
    let error = ingest(&surroundings(kafka), plan(io::empty()), &Stop::never(), &Silent).unwrap_err();
    assert!(
        matches!(error, IngestError::Kafka(KafkaError::Unreachable { .. })),
        "{error}"
    );
}

/// An endless stream of lines.
struct Endless(Vec<u8>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = self.0.len().min(buffer.len());
        buffer[..whole].copy_from_slice(&self.0[..whole]);
        self.0.rotate_left(whole);
        Ok(whole)
    }
}

/// Calls a function once this many events have been sent.
struct After(Arc<Counting>);

struct Counting {
    events: u64,
    seen: AtomicU64,
    then: Box<dyn Fn() + Send + Sync>,
}

impl After {
    fn new(events: u64, then: impl Fn() + Send + Sync + 'static) -> After {
        After(Arc::new(Counting {
            events,
            seen: AtomicU64::new(0),
            then: Box::new(then),
        }))
    }
}

impl Progress for After {
    fn begin(&self, _: &'static str, unit: Unit) -> Arc<dyn Work> {
        match unit {
            Unit::Events => Arc::clone(&self.0) as Arc<dyn Work>,
            _ => Arc::new(Silent),
        }
    }
}

impl Work for Counting {
    fn advance(&self, steps: u64) {
        let before = self.seen.fetch_add(steps, Ordering::SeqCst);
        if before < self.events && before + steps >= self.events {
            (self.then)();
        }
    }

    fn add_total(&self, _: u64) {}
    fn correct_total(&self, _: u64, _: u64) {}
}

#[test]
fn an_interrupted_run_reports_exactly_what_kafka_has() {
    let cluster = embedded_with(&TOPICS);
    let (stopper, stop) = stop();
    let progress = After::new(30_000, move || stopper.request(Reason::Interrupt));
    let line = b"{\"event_type\":\"page_view\",\"customer_id\":\"C1\"}\n{\"event_type\":\"checkout\"}\n";
    let settings = surroundings(cluster.settings("test"));
    let report = ingest(&settings, plan(Endless(line.repeat(100))), &stop, &progress).unwrap();
    assert!(report.interrupted && report.acked >= 30_000);
    assert_eq!((report.acked, report.exit()), (report.sent, Exit::Interrupted));
    assert_eq!(offsets(&cluster), report.acked);
}

#[test]
fn brokers_that_go_away_end_the_run_with_every_record_accounted_for() {
    let cluster = embedded_with(&TOPICS);
    let mut kafka = cluster.settings("test");
    let properties = [("message.timeout.ms", "1500"), ("socket.timeout.ms", "1000")];
    kafka.properties = properties
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let line = b"{\"event_type\":\"page_view\",\"customer_id\":\"C1\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects");
    let plan = Plan {
        rejects: Some(rejects.clone()),
        ..plan(Endless(line.repeat(100)))
    };
    let (sender, enough) = std::sync::mpsc::channel();
    let running = std::thread::spawn(move || {
        let progress = After::new(30_000, move || sender.send(()).unwrap());
        ingest(&surroundings(kafka), plan, &Stop::never(), &progress).unwrap()
    });
    enough.recv().unwrap();
    drop(cluster);
    let report = running.join().unwrap();
    assert!(report.failed > 0, "{report:?}");
    assert_eq!(report.sent, report.acked + report.failed + report.unknown, "{report:?}");
    assert_eq!(report.failed, report.failures.values().sum::<u64>());
    assert_eq!(report.unknown, report.unanswered.values().sum::<u64>());
    assert_eq!(report.exit(), Exit::Failed);
    let lines = std::fs::read_to_string(rejects).unwrap();
    assert_eq!(
        lines.lines().count() as u64,
        report.failed + report.unknown,
        "{report:?} {:?}",
        lines
            .lines()
            .find(|line| !line.contains("unknown") && !line.contains("not_delivered"))
    );
    let unknown = lines.lines().filter(|line| line.contains("\"reason\":\"unknown\""));
    assert_eq!(unknown.count() as u64, report.unknown);
    assert!(lines.contains("\"reason\":\"not_delivered\"") && lines.contains("page_view"));
}

/// Settings with which the records of one test go into one batch.
fn in_one_batch(cluster: &Embedded) -> Surroundings {
    let mut settings = surroundings(cluster.settings("test"));
    settings.ingest.linger_ms = 500;
    settings
}

fn numbered(events: u32) -> String {
    let line = |number| format!("{{\"event_type\":\"page_view\",\"customer_id\":\"C1\",\"number\":{number}}}\n");
    (1..=events).map(line).collect()
}

fn numbers_in_kafka(cluster: &Embedded) -> Vec<u64> {
    let number = |record: Stored| {
        let event: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        event["number"].as_u64().unwrap()
    };
    stored(cluster, "user-events").into_iter().map(number).collect()
}

#[test]
fn a_batch_that_kafka_refuses_is_sent_in_parts_and_in_order() {
    let cluster = embedded_with(&[("user-events", 1), ("payments", 1), ("orders", 1)]);
    cluster.refuse_batches(2).unwrap();
    let events = io::Cursor::new(numbered(8));
    let report = ingest(&in_one_batch(&cluster), plan(events), &Stop::never(), &Silent).unwrap();
    assert_eq!((report.sent, report.acked, report.exit()), (8, 8, Exit::Done));
    assert_eq!(numbers_in_kafka(&cluster), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn one_record_that_kafka_refuses_is_rejected_and_takes_no_other_with_it() {
    let cluster = embedded_with(&[("user-events", 1), ("payments", 1), ("orders", 1)]);
    // Eight records, four, two, and the first one alone.
    cluster.refuse_batches(4).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects");
    let plan = Plan {
        rejects: Some(rejects.clone()),
        ..plan(io::Cursor::new(numbered(8)))
    };
    let report = ingest(&in_one_batch(&cluster), plan, &Stop::never(), &Silent).unwrap();
    assert_eq!((report.sent, report.acked, report.failed, report.unknown), (8, 7, 1, 0));
    assert_eq!(report.failures, BTreeMap::from([("MessageSizeTooLarge".to_owned(), 1)]));
    assert_eq!(numbers_in_kafka(&cluster), [2, 3, 4, 5, 6, 7, 8]);
    let rejected: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(rejects).unwrap()).unwrap();
    assert_eq!((&rejected["line"], &rejected["reason"]), (&1.into(), &"refused".into()));
}
