//! Transactions while an archiver runs: committed records are archived; aborted records and transaction markers are
//! absent offsets that links list.

use kivend::record::position::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::PATIENCE;
use super::servers::Whole;
use super::shop::Chaos;
use crate::real_pipeline::shop::topic;

fn transactional(chaos: &Chaos) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", chaos.shop.kafka_settings().brokers.join(","))
        .set("transactional.id", chaos.shop.topic("producer"))
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

/// Sends one transaction of this many records, spread over the partitions.
fn transact(producer: &BaseProducer, partitions: &[TopicPartition], records: usize, commits: bool) {
    producer.begin_transaction().unwrap();
    for number in 0..records {
        let at = &partitions[number % partitions.len()];
        let value = format!("{{\"number\":{number},\"commits\":{commits}}}");
        let record = BaseRecord::<str, str>::to(&at.topic)
            .partition(at.partition)
            .payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    if commits {
        producer.commit_transaction(PATIENCE).unwrap();
    } else {
        producer.abort_transaction(PATIENCE).unwrap();
    }
}

#[test]
fn what_transactions_commit_is_archived_and_what_they_abort_is_a_hole_that_links_explain() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let orders = chaos.shop.topic("orders");
    let partitions: Vec<_> = (0..3).map(|number| TopicPartition::new(&orders, number)).collect();
    let mut archiver = chaos.archiver("archiver");
    let producer = transactional(&chaos);
    let mut committed = 0;
    for _ in 0..40 * chaos.rounds.div_ceil(5) {
        let (records, commits) = (1 + chaos.dice.below(200), chaos.dice.permille(600));
        transact(&producer, &partitions, records, commits);
        committed += if commits { records as u64 } else { 0 };
    }
    archiver.until_said("segment_sealed", 5);
    archiver.terminate();
    let report = chaos.verified();
    assert_eq!(topic(&report, &orders)["records"], committed, "{report:#}");
    let offsets = topic(&chaos.shop.json(&["topics", "list"]), &orders)["records"].as_u64();
    assert!(offsets > Some(committed), "no holes: {offsets:?}");
}

#[test]
fn an_open_transaction_is_told_by_every_command_until_it_ends() {
    let Some(_whole) = Whole::share() else { return };
    let chaos = Chaos::begin();
    let orders = TopicPartition::new(&chaos.shop.topic("orders"), 0);
    let producer = transactional(&chaos);
    producer.begin_transaction().unwrap();
    for value in ["first of the transaction", "second"] {
        let record = BaseRecord::<str, str>::to(&orders.topic).partition(0).payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    acknowledge(&chaos, &orders, 100);
    let archived = chaos.shop.run(&["archive"]);
    let log = String::from_utf8_lossy(&archived.stderr);
    assert!(archived.status.success(), "{log}");
    assert!(
        log.contains("a transaction is open") && log.contains("waiting=102"),
        "{log}"
    );
    let verified = chaos.shop.run(&["verify", "--at-rest", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["verdict"], "incomplete", "{report:#}");
    assert!(report.to_string().contains("KV518"), "{report:#}");
    let doctor = chaos.shop.run(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.contains("with 102 offsets waiting"), "{doctor}");
    assert!(doctor.contains("102 records not archived yet"), "{doctor}");
    producer.commit_transaction(PATIENCE).unwrap();
    assert_eq!(topic(&chaos.verified(), &orders.topic)["records"], 102);
}

/// Sends records without a transaction, each acknowledged.
fn acknowledge(chaos: &Chaos, at: &TopicPartition, records: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", chaos.shop.kafka_settings().brokers.join(","))
        .create()
        .unwrap();
    for _ in 0..records {
        let record = BaseRecord::<str, str>::to(&at.topic)
            .partition(at.partition)
            .payload("acknowledged");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}
