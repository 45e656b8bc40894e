//! One topic among several that does not exist, that no ACL allows to read, or whose records cannot be read: the others are
//! archived, and the report, readiness and the metrics say which is not and why.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kivend::archiver::{self, ArchiveReport, Mode};
use kivend::clock::Clock;
use kivend::config::{Settings, TopicSelection, TopicSettings};
use kivend::embedded::Embedded;
use kivend::record::utc::UtcSeconds;
use kivend::task::stop::{Reason, Stop, stop};
use kivend::telemetry::Vitals;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::export::{archive, ingest_file, shop};
use crate::fixture::embedded_with;
use crate::fixture::patience::until;

const EVENTS: u64 = 40;

fn vitals() -> Vitals {
    Vitals {
        metrics: Arc::default(),
        health: Arc::default(),
        clock: Clock::start(),
    }
}

/// The shop with events in all of its topics.
fn shop_with_events(kafka: &Embedded, folder: &Path) -> Settings {
    let settings = shop(kafka, folder);
    send(&settings, folder);
    settings
}

fn send(settings: &Settings, folder: &Path) {
    let events = folder.join("events.jsonl");
    let kinds = ["payment_attempt", "order_created", "view"];
    let line = |n: u64| {
        format!(
            "{{\"event_type\":\"{}\",\"customer_id\":\"C{n}\"}}\n",
            kinds[n as usize % 3]
        )
    };
    std::fs::write(&events, (0..EVENTS).map(line).collect::<String>()).unwrap();
    ingest_file(settings, &events);
}

fn another_topic() -> TopicSettings {
    TopicSettings {
        name: "returns".to_owned(),
        partitions: 1,
        replication_factor: 1,
        properties: [].into_iter().collect(),
    }
}

/// Names it among the topics that are archived, without creating it.
fn add_another_topic(settings: &mut Settings) {
    let mut names: Vec<&str> = settings.archived.names().collect();
    let another = another_topic();
    names.push(&another.name);
    settings.archived = TopicSelection::of_names(&names);
}

fn records_of(report: &ArchiveReport, topic: &str) -> u64 {
    let of_topic = report.partitions.iter().filter(|partition| partition.topic == topic);
    of_topic.map(|partition| partition.tally.records).sum()
}

#[test]
fn a_run_archives_the_other_topics_when_one_does_not_exist_or_is_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let mut settings = shop_with_events(&kafka, folder.path());
    add_another_topic(&mut settings);
    let forbidden = settings.topics[0].name.clone();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    kafka.controls().unwrap().topic_error(&forbidden, denied).unwrap();
    let report = archive(&settings);
    let missing: Vec<&String> = report.unavailable.keys().collect();
    assert_eq!(
        missing,
        ["returns", &forbidden].map(str::to_owned).iter().collect::<Vec<_>>()
    );
    assert!(report.unavailable["returns"].contains("does not exist"), "{report:?}");
    assert!(report.unavailable[&forbidden].contains("does not allow"), "{report:?}");
    assert_eq!(records_of(&report, &forbidden), 0);
    assert!(report.records > 0 && report.records < EVENTS, "{report:?}");

    let allowed = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka.controls().unwrap().topic_error(&forbidden, allowed).unwrap();
    kafka.create_topic(&another_topic()).unwrap();
    let rest = archive(&settings);
    assert!(rest.unavailable.is_empty(), "{rest:?}");
    assert_eq!(report.records + rest.records, EVENTS);
}

#[test]
fn a_run_is_refused_when_no_configured_topic_exists() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let mut settings = shop(&kafka, folder.path());
    settings.archived = TopicSelection::of_names(&["returns"]);
    let refused = archiver::run(&settings, Mode::Once, &vitals(), &Stop::never()).unwrap_err();
    assert!(refused.to_string().contains("does not exist"), "{refused}");
}

#[test]
fn a_daemon_archives_a_topic_from_the_moment_it_is_created_and_is_not_ready_before() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let mut settings = shop_with_events(&kafka, folder.path());
    add_another_topic(&mut settings);
    settings.telemetry.listen = None;
    settings.archive.seal_max_idle = Duration::from_millis(200);
    let quick = [("topic.metadata.refresh.interval.ms".to_owned(), "300".to_owned())];
    settings.kafka.properties = quick.into_iter().collect();
    let vitals = vitals();
    let (stopper, stop) = stop();
    let metrics = || vitals.metrics.encode(UtcSeconds::from_unix(0));
    let gauge = "kivend_stopped{topic=\"returns\",partition=\"\",reason=\"unknown_topic\"} 1";
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| archiver::run(&settings, Mode::Daemon, &vitals, &stop));
        until("the others are archived", || {
            let metrics = metrics();
            let counts = metrics.lines().filter(|line| line.starts_with("kivend_records_total{"));
            let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            counts.sum::<u64>() == EVENTS
        });
        let unready = vitals.health.readiness().unwrap_err();
        assert!(unready.contains("topic returns: the topic does not exist"), "{unready}");
        assert!(metrics().contains(gauge), "{}", metrics());
        kafka.create_topic(&another_topic()).unwrap();
        until("it is ready", || vitals.health.readiness().is_ok());
        assert!(!metrics().contains(gauge), "{}", metrics());
        stopper.request(Reason::Terminate);
        running.join().unwrap().unwrap()
    });
    assert!(report.unavailable.is_empty(), "{report:?}");
    assert!(
        report.partitions.iter().any(|partition| partition.topic == "returns"),
        "{report:?}"
    );
}

/// Brokers check the right to read when they are asked for records, after the partition was assigned.
#[test]
fn a_partition_that_may_not_be_read_stops_alone_and_what_it_has_is_archived_later() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let settings = shop_with_events(&kafka, folder.path());
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    kafka
        .controls()
        .unwrap()
        .request_errors(RDKafkaApiKey::Fetch, &[denied; 12]);
    let report = archive(&settings);
    let stopped: Vec<&str> = report.stopped().map(|(_, why)| why).collect();
    assert!(!stopped.is_empty(), "{report:?}");
    assert!(
        stopped
            .iter()
            .all(|why| why.contains("does not allow this user to read the topic")),
        "{stopped:?}"
    );
    kafka.controls().unwrap().clear_request_errors(RDKafkaApiKey::Fetch);
    let rest = archive(&settings);
    assert_eq!(rest.stopped().count(), 0, "{rest:?}");
    assert_eq!(report.records + rest.records, EVENTS);
}

/// librdkafka reads on after a batch that it cannot read. Nothing after it may be archived as if nothing were missing.
#[test]
fn a_damaged_batch_stops_its_partition_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let settings = shop_with_events(&kafka, folder.path());
    let damaged = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_MSG;
    kafka
        .controls()
        .unwrap()
        .request_errors(RDKafkaApiKey::Fetch, &[damaged; 12]);
    let report = archive(&settings);
    let stopped: Vec<&str> = report.stopped().map(|(_, why)| why).collect();
    assert!(
        !stopped.is_empty() && stopped.iter().all(|why| why.contains("cannot be read")),
        "{report:?}"
    );
    kafka.controls().unwrap().clear_request_errors(RDKafkaApiKey::Fetch);
    let rest = archive(&settings);
    assert_eq!(report.records + rest.records, EVENTS);
}
