//! Records of hundreds of megabytes, where the topic permits them: archived, verified against Kafka and exported.

use kivend::record::hash::Hash;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::shop::{Shop, topic};
use crate::fixture::patience::PATIENCE;

/// The largest record batch that the topic permits.
const BATCH_MAX: usize = 256 << 20;

/// Bytes that do not compress, and that are text.
fn noise(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut number = 0_u64;
    while text.len() < bytes {
        number += 1;
        text.push_str(&Hash::of(&number.to_le_bytes()).to_string());
    }
    text.truncate(bytes);
    text
}

fn permit(brokers: &str, topic: &str) {
    let operator: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let limit = BATCH_MAX.to_string();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &limit);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let altered = runtime.block_on(operator.alter_configs(&[change], &AdminOptions::new()));
    altered.unwrap().pop().unwrap().unwrap();
}

#[test]
fn a_record_of_256_mib_between_small_ones_is_archived_verified_and_exported() {
    let Some(shop) = Shop::open() else { return };
    let brokers = shop.kafka_settings().brokers.join(",");
    let orders = shop.topic("orders");
    permit(&brokers, &orders);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("message.max.bytes", "300000000")
        .set("batch.size", "1000")
        .set("queue.buffering.max.kbytes", "1000000")
        .create()
        .unwrap();
    // What a record batch has beside its value is below a kilobyte.
    let large = noise(BATCH_MAX - 1024);
    for value in ["before", &large, "after"] {
        let record = BaseRecord::<str, str>::to(&orders).partition(0).payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();

    let report = shop.json(&["archive"]);
    assert_eq!(report["records"], 3, "{report:#}");
    let report = shop.json(&["verify", "--at-rest"]);
    assert_eq!(report["verdict"], "intact", "{report:#}");
    assert_eq!(topic(&report, &orders)["compared_with_kafka"], 3, "{report:#}");
    let exported = shop.run(&["export", "--topic", "orders"]);
    assert!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let lines: Vec<&[u8]> = exported.stdout.split(|byte| *byte == b'\n').collect();
    let lengths: Vec<usize> = lines.iter().map(|line| line.len()).collect();
    assert_eq!(lengths, [6, large.len(), 5, 0]);
    assert!(lines[1] == large.as_bytes());
}
