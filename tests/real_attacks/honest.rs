//! The honest archive, written by the product's own programs: two runs of the archiver with small segments, junk
//! planted at the key of the second run's first segment of one partition, and records that arrive after the second run.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kivend::app::verify::cluster::ClusterFacts;
use kivend::app::verify::facts::KafkaFacts;
use kivend::config::KafkaSettings;
use kivend::log::object_key::{Attempt, links_of};
use kivend::log::signed_note::SigningKey;
use kivend::record::position::TopicPartition;
use kivend::store::s3::S3Store;
use kivend::store::{OBJECT_MAX_BYTES, Store};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::attacks::Scene;
use crate::fixture::patience::{PATIENCE, Waiting};
use crate::fixture::servers;
use crate::fixture::{Archive, Broker, Log, OwnedRecord};
use crate::real_pipeline::shop::Shop;
use crate::store_contract::{cluster_settings, stranger};

/// Small segments, and one partition per topic.
const SETTINGS: &str = r#"
topics = [{ name = "user-events", partitions = 1 }, { name = "payments", partitions = 1 }]
[routing]
default = "user-events"
rules = [{ topic = "payments", event_types = ["payment_attempt", "payment_success", "payment_failure"] }]
[archive]
seal_max_records = 10
"#;
/// Records per segment.
const BATCH: u64 = 10;

pub struct Honest {
    pub shop: Shop,
    pub scene: Scene,
    pub kafka: Arc<dyn KafkaFacts>,
}

impl Honest {
    /// `None` where the servers do not run.
    pub async fn build() -> Option<Honest> {
        let shop = Shop::with_settings(SETTINGS)?;
        let victim = TopicPartition::new(&shop.topic("user-events"), 0);
        let beside = TopicPartition::new(&shop.topic("payments"), 0);
        shop.json(&["init"]);
        archive_batches(&shop, &[(&victim, 3), (&beside, 1)]).await;
        plant_before(&shop, &beside).await;
        archive_batches(&shop, &[(&victim, 11), (&beside, 1)]).await;
        produce(&shop, &victim, 100 * BATCH);
        let kafka: Arc<dyn KafkaFacts> = Arc::new(ClusterFacts::connect(&shop.kafka_settings()).unwrap());
        let archive = load(&shop, &kafka, &[victim.clone(), beside.clone()]).await;
        let scene = Scene::of(archive, victim, beside);
        Some(Honest { shop, scene, kafka })
    }

    /// The real Kafka with the commits of this scene: where they differ from the honest ones, they belong to a group of
    /// their own.
    pub fn kafka_after(&self, scene: &Scene, number: usize) -> Arc<dyn KafkaFacts> {
        let commits = |scene: &Scene| {
            let logs = scene.archive.broker.logs();
            let of_each = logs
                .iter()
                .map(|(partition, log)| (partition.clone(), log.commit.clone()));
            of_each.collect::<BTreeMap<_, _>>()
        };
        let wanted = commits(scene);
        if wanted == commits(&self.scene) {
            return Arc::clone(&self.kafka);
        }
        let settings = KafkaSettings {
            group_id: format!("{}-attack-{number}", self.shop.name()),
            ..self.shop.kafka_settings()
        };
        let mut list = TopicPartitionList::new();
        for (partition, commit) in wanted.iter().filter_map(|(p, commit)| Some((p, commit.as_ref()?))) {
            let mut element = list.add_partition(&partition.topic, partition.partition);
            element.set_offset(Offset::Offset(commit.next_offset)).unwrap();
            element.set_metadata(&commit.metadata);
        }
        if list.count() > 0 {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", settings.brokers.join(","));
            config.set("group.id", &settings.group_id);
            let consumer: BaseConsumer = config.create().unwrap();
            consumer.commit(&list, CommitMode::Sync).unwrap();
        }
        Arc::new(ClusterFacts::connect(&settings).unwrap())
    }
}

/// The shop's objects.
pub async fn objects(store: &dyn Store) -> BTreeMap<String, Bytes> {
    let mut objects = BTreeMap::new();
    for entry in store.list("", None, usize::MAX).await.unwrap() {
        // A folder marker is empty, and no key of the archive, so the store does not read it.
        let bytes = match entry.key.ends_with('/') {
            true => Bytes::new(),
            false => store.get(&entry.key, OBJECT_MAX_BYTES).await.unwrap().unwrap(),
        };
        objects.insert(entry.key, bytes);
    }
    objects.retain(|key, _| !key.starts_with("probes/"));
    objects
}

pub async fn store(shop: &Shop) -> S3Store {
    let mut settings = cluster_settings().unwrap();
    settings.bucket = bucket_name();
    S3Store::open(&settings, shop.name()).await.unwrap()
}

pub fn bucket_name() -> String {
    servers::variable("KIVEND_STORE__BUCKET")
}

/// Runs an archiver and sends batches of records, each as soon as the previous one is linked.
async fn archive_batches(shop: &Shop, batches: &[(&TopicPartition, u64)]) {
    let store = store(shop).await;
    let mut archiver = shop.start_archiver();
    for (partition, count) in batches {
        for _ in 0..*count {
            let before = links(&store, partition).await;
            produce(shop, partition, before as u64 * BATCH);
            let what = format!("a link of {partition} after {before}");
            let waiting = Waiting::begin(&what, PATIENCE);
            while links(&store, partition).await == before {
                tokio::time::sleep(waiting.pause()).await;
            }
        }
    }
    let pid = rustix::process::Pid::from_child(&archiver);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(archiver.wait().unwrap().success());
}

async fn links(store: &S3Store, partition: &TopicPartition) -> usize {
    store.list(&links_of(partition), None, 1000).await.unwrap().len()
}

/// Sends one batch of records, some with headers and null values.
fn produce(shop: &Shop, partition: &TopicPartition, first: u64) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", shop.kafka_settings().brokers.join(","));
    let producer: BaseProducer = config.create().unwrap();
    for number in first..first + BATCH {
        let event = OwnedRecord::event(0, number);
        let mut headers = OwnedHeaders::new();
        for (name, value) in &event.headers {
            headers = headers.insert(Header {
                key: std::str::from_utf8(name).unwrap(),
                value: value.as_deref(),
            });
        }
        let record = BaseRecord::<[u8], [u8]>::to(&partition.topic)
            .partition(partition.partition)
            .headers(headers)
            .key(event.key.as_deref().unwrap())
            .payload(event.value.as_deref().unwrap());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// Plants junk at the key of the partition's next segment.
async fn plant_before(shop: &Shop, partition: &TopicPartition) {
    let archive = Archive::load(&objects(&store(shop).await).await, key(shop), Broker::default());
    let key = archive.next_link(partition, i64::MAX).place().segment(Attempt::PLAIN);
    let planting = stranger(&cluster_settings().unwrap()).await.put_object();
    let planting = planting.bucket(bucket_name()).key(format!("{}/{key}", shop.name()));
    planting.body(Bytes::from_static(b"junk").into()).send().await.unwrap();
}

fn key(shop: &Shop) -> SigningKey {
    let file = shop.folder().join("kivend/kivend.key");
    std::fs::read_to_string(file).unwrap().trim_end().parse().unwrap()
}

async fn load(shop: &Shop, kafka: &Arc<dyn KafkaFacts>, partitions: &[TopicPartition]) -> Archive {
    let broker = Broker::default();
    let commits = kafka.commits(partitions).unwrap();
    for (partition, commit) in partitions.iter().zip(commits) {
        let marks = kafka.watermarks(partition).unwrap().unwrap();
        let mut log = Log {
            unstable: 0,
            low: marks.low,
            high: marks.high,
            records: Vec::new(),
            commit,
            leader_epochs: BTreeMap::new(),
        };
        let mut keep = |record: &kivend::record::record::Record<'_>| log.records.push(OwnedRecord::of(record));
        kafka.read(partition, marks.low, marks.high, &mut keep).unwrap();
        broker.logs().insert(partition.clone(), log);
    }
    Archive::load(&objects(&store(shop).await).await, key(shop), broker)
}
