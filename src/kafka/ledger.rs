//! A ledger: a compacted topic of one partition that holds the newest entry of each key. Entries are written in the
//! same transaction as what they account for, so neither stands without the other. Never writes: the producer does.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::reader::Reader;
use crate::kafka::settings::reader_config;
use crate::kafka::topics::{Alteration, Topics};
use crate::record::position::TopicPartition;

const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A transaction of somebody who died keeps readers waiting until Kafka takes it back: after its time-out of 60 s, and
/// a look every 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
const PATIENCE: u32 = 200;
const INTERVAL: Duration = Duration::from_millis(500);

/// A ledger that can be read.
pub struct Ledger {
    partition: TopicPartition,
    settings: KafkaSettings,
    reader: Reader,
}

impl Ledger {
    /// Opens it; creates its topic where there is none.
    ///
    /// # Errors
    /// Missing rights, fewer brokers than replicas, or nobody answered.
    pub fn open(settings: &KafkaSettings, topic: &str, replication_factor: i32) -> Result<Ledger, KafkaError> {
        let compact = ("cleanup.policy".to_owned(), "compact".to_owned());
        let wanted = TopicSettings {
            name: topic.to_owned(),
            partitions: 1,
            replication_factor,
            properties: [compact].into_iter().collect(),
        };
        Topics::connect(settings)?.ensure(&wanted, Alteration::Refused)?;
        Ok(Ledger {
            partition: TopicPartition::new(topic, 0),
            settings: settings.clone(),
            reader: Reader::connect(settings)?,
        })
    }

    /// The newest entry of a key; nothing where it has none. Whoever writes entries of this key must have been shut out
    /// before, or a newer one may follow.
    ///
    /// # Errors
    /// Nobody answered, or somebody else's transaction stayed open for too long.
    pub fn newest(&self, key: &str) -> Result<Option<Vec<u8>>, KafkaError> {
        let end = self.end()?;
        let low = self.wait_for_all_before(end)?;
        let mut newest = None;
        let read: Result<_, KafkaError> = self.reader.read_range(&self.partition, low, end, |record| {
            if record.key == Some(key.as_bytes()) {
                newest = record.value.map(<[u8]>::to_vec);
            }
            Ok(())
        });
        read.map(|_| newest)
    }

    /// Where the log ends, open transactions included: readers of committed records see the end before the first of them.
    fn end(&self) -> Result<i64, KafkaError> {
        let doing = "tell the end of the ledger";
        let mut config = reader_config(&self.settings)?;
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer<Context> = config
            .create_with_context(Context::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        let TopicPartition { topic, partition } = &self.partition;
        let marks = client.fetch_watermarks(topic, *partition, QUESTION_TIMEOUT);
        marks
            .map(|(_, end)| end)
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))
    }

    /// Others write of other keys: their open transactions hide ours that were committed after they began. Returns where
    /// the log begins.
    fn wait_for_all_before(&self, end: i64) -> Result<i64, KafkaError> {
        for _ in 0..PATIENCE {
            let marks = self.reader.cluster().watermarks(&self.partition)?;
            if marks.high >= end {
                return Ok(marks.low);
            }
            std::thread::sleep(INTERVAL);
        }
        Err(KafkaError::Busy {
            doing: "end the transactions that hide the ledger",
            reason: format!("one is still open topic={}", self.partition.topic),
        })
    }
}
