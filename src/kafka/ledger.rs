//! Reads a ledger: a compacted topic of one partition that holds the newest entry of each key. The producer writes entries
//! in the same transaction as the records that they account for.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::{KafkaSettings, TopicSettings};
use crate::error::Scope;
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::reader::Reader;
use crate::kafka::settings::reader_config;
use crate::kafka::topics::{Alteration, Topics};
use crate::record::position::TopicPartition;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to check for open transactions. Kafka aborts the transaction of a client that crashed after its time-out of 60 s,
/// and checks for that every 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
const CHECKS: u32 = 200;
const INTERVAL: Duration = Duration::from_millis(500);

/// The key and the value of an entry.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// An open ledger.
pub struct Ledger {
    partition: TopicPartition,
    settings: KafkaSettings,
    reader: Reader,
}

impl Ledger {
    /// Opens it, and creates its topic if it does not exist.
    ///
    /// # Errors
    /// Missing rights, fewer brokers than replicas, or no broker answered.
    pub fn open(settings: &KafkaSettings, topic: &str, replication_factor: i32) -> Result<Ledger, KafkaError> {
        let compact = ("cleanup.policy".to_owned(), "compact".to_owned());
        let wanted = TopicSettings {
            name: topic.to_owned(),
            partitions: 1,
            replication_factor,
            properties: [compact].into_iter().collect(),
        };
        Topics::connect(settings)?.ensure(&wanted, Alteration::Refused)?;
        Ledger::existing(settings, topic)
    }

    /// Opens one whose topic exists.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn existing(settings: &KafkaSettings, topic: &str) -> Result<Ledger, KafkaError> {
        Ok(Ledger {
            partition: TopicPartition::new(topic, 0),
            settings: settings.clone(),
            reader: Reader::connect(settings)?,
        })
    }

    /// The newest entry of each key, as key and value, the oldest first. Other writers of the keys that matter must have been
    /// fenced before, or they may write newer entries meanwhile.
    ///
    /// # Errors
    /// No broker answered, or another run's transaction stayed open for too long.
    pub fn entries(&self) -> Result<Vec<KeyValue>, KafkaError> {
        let end = self.end()?;
        let low = self.wait_for_all_before(end)?;
        let mut newest: HashMap<Vec<u8>, (i64, Vec<u8>)> = HashMap::new();
        let read: Result<_, KafkaError> = self.reader.read_range(&self.partition, low, end, |record| {
            let key = record.key.unwrap_or_default().to_vec();
            match record.value {
                Some(value) => newest.insert(key, (record.offset, value.to_vec())),
                None => newest.remove(&key),
            };
            Ok(())
        });
        read?;
        let mut entries: Vec<_> = newest.into_iter().collect();
        entries.sort_unstable_by_key(|(_, (offset, _))| *offset);
        Ok(entries.into_iter().map(|(key, (_, value))| (key, value)).collect())
    }

    /// Where the log ends, open transactions included. A reader of committed records sees it end before the first of them.
    fn end(&self) -> Result<i64, KafkaError> {
        let doing = "read where the ledger ends";
        let mut config = reader_config(&self.settings)?;
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer<Context> = config
            .create_with_context(Context::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        let TopicPartition { topic, partition } = &self.partition;
        let marks = client.fetch_watermarks(topic, *partition, REQUEST_TIMEOUT);
        marks
            .map(|(_, end)| end)
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))
    }

    /// Waits until everything below `end` is visible: an open transaction of another run hides what was committed after it
    /// began. Returns where the log begins.
    fn wait_for_all_before(&self, end: i64) -> Result<i64, KafkaError> {
        for _ in 0..CHECKS {
            let marks = self.reader.cluster().watermarks(&self.partition)?;
            if marks.high >= end {
                return Ok(marks.low);
            }
            std::thread::sleep(INTERVAL);
        }
        Err(KafkaError::Busy {
            doing: "end another run's transaction, which hides the ledger",
            scope: Scope::Partition,
            reason: format!("a transaction is still open in the topic `{}`", self.partition.topic),
        })
    }
}
