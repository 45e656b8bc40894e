//! The facts of a real cluster for a verification, through librdkafka. Joins no group and commits nothing; only reads what the
//! archivers' group has committed.

use std::error::Error;
use std::sync::OnceLock;

use crate::app::verify::facts::{KafkaFacts, NoAnswer};
use crate::config::KafkaSettings;
use crate::error::Explain as _;
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::kafka::leader_epochs;
use crate::kafka::reader::Reader;
use crate::kafka::topics::Topics;
use crate::record::position::{Position, TopicPartition};
use crate::record::record::Record;
use crate::verify::kafka::{Commit, Watermarks};

/// The facts of one cluster.
pub struct ClusterFacts {
    reader: Reader,
    group: Cluster,
    /// Connected when it is needed, which is seldom: to end an admin client takes up to a tenth of a second.
    topics: OnceLock<Topics>,
    settings: KafkaSettings,
    /// Sees where a log ends behind an open transaction.
    uncommitted: Cluster,
}

impl ClusterFacts {
    /// Connects; sends no request yet.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<ClusterFacts, KafkaError> {
        Ok(ClusterFacts {
            reader: Reader::connect(settings)?,
            group: Cluster::connect_to_group(settings)?,
            topics: OnceLock::new(),
            settings: settings.clone(),
            uncommitted: Cluster::connect_uncommitted(settings)?,
        })
    }

    fn topics(&self) -> Result<&Topics, KafkaError> {
        if let Some(topics) = self.topics.get() {
            return Ok(topics);
        }
        let connected = Topics::connect(&self.settings)?;
        Ok(self.topics.get_or_init(|| connected))
    }
}

/// An error with its causes and its remedy, on one line.
fn no_answer(error: KafkaError) -> NoAnswer {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let remedy = error.remedy().map_or(String::new(), |remedy| format!("; {remedy}"));
    NoAnswer(text + &remedy)
}

impl KafkaFacts for ClusterFacts {
    fn partition_count(&self, topic: &str) -> Result<Option<i32>, NoAnswer> {
        let layout = self.reader.cluster().find_topic(topic).map_err(no_answer)?;
        Ok(layout.map(|layout| i32::try_from(layout.partitions.len()).unwrap_or(i32::MAX)))
    }

    fn topics(&self) -> Result<Vec<String>, NoAnswer> {
        let layouts = self.reader.cluster().topics().map_err(no_answer)?;
        Ok(layouts.into_iter().map(|layout| layout.name.to_string()).collect())
    }

    fn commits(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Commit>>, NoAnswer> {
        let commits = self.group.committed(partitions).map_err(no_answer)?;
        let commit = |committed: crate::kafka::cluster::Committed| Commit {
            next_offset: committed.next_offset.0,
            // Metadata that is not UTF-8 was not written by kivend; replacing its bytes does not change that.
            metadata: String::from_utf8_lossy(&committed.metadata).into_owned(),
        };
        Ok(commits.into_iter().map(|committed| committed.map(commit)).collect())
    }

    fn cleanup_policy(&self, topic: &str) -> Result<Option<String>, NoAnswer> {
        let policy = self.topics().and_then(|topics| topics.cleanup_policy(topic));
        policy.map_err(no_answer)
    }

    fn topic_id(&self, topic: &str) -> Result<Option<String>, NoAnswer> {
        match self.reader.cluster().topic_id(topic) {
            Err(KafkaError::UnknownTopic { .. }) => Ok(None),
            id => id.map_err(no_answer),
        }
    }

    fn group_members(&self) -> Result<Option<usize>, NoAnswer> {
        let members = self.group.group_members(&self.settings.group_id);
        members.map(Some).map_err(no_answer)
    }

    fn watermarks(&self, partition: &TopicPartition) -> Result<Option<Watermarks>, NoAnswer> {
        // The high watermark first: records that arrive between the two requests are not behind a transaction.
        let written = self.uncommitted.watermarks(partition).map(|marks| marks.high);
        match written.and_then(|written| Ok((written, self.reader.cluster().watermarks(partition)?))) {
            Ok((written, marks)) => Ok(Some(Watermarks {
                low: marks.low,
                high: marks.high,
                written,
            })),
            Err(KafkaError::UnknownPartition { .. } | KafkaError::UnknownTopic { .. }) => Ok(None),
            Err(error) => Err(no_answer(error)),
        }
    }

    fn is_cut_below(&self, partition: &TopicPartition, position: Position) -> Result<bool, NoAnswer> {
        leader_epochs::is_cut_below(&self.settings, partition, position).map_err(no_answer)
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: i64,
        until: i64,
        sink: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), NoAnswer> {
        self.reader
            .read_range(partition, from, until, |record| {
                sink(record);
                Ok::<(), KafkaError>(())
            })
            .map(|_| ())
            .map_err(no_answer)
    }
}
