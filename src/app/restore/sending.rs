//! Sends archived records to the target topics, in the order of offsets. What a target refuses is set aside.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::restore::target::{Lifted, Restore, Target, Targets, Wanted};
use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::sender::{Refused, Sender};
use crate::kafka::topic_limits::TopicLimits;
use crate::record::position::TopicPartition;
use crate::record::record::Record;
use crate::task::error::AppError;

/// Bits of a mark that hold the offset; the bits above hold the partition's index.
const OFFSET_BITS: u32 = 48;
/// Refused records whose places are kept for the report.
const NAMED_MAX: usize = 1_000;

/// A record that a target topic refused. It is still in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRecord {
    /// The archived partition.
    pub partition: String,
    /// Its archived offset.
    pub offset: i64,
    /// Why.
    pub reason: String,
}

/// A connection to the target topics.
pub struct ToKafka {
    settings: KafkaSettings,
    restore: Restore,
    clock: Clock,
    /// `None` before the targets were checked.
    opened: Option<Opened>,
    sent: u64,
    refused: u64,
    named: Vec<RefusedRecord>,
}

struct Opened {
    sender: Sender,
    partitions: Vec<TopicPartition>,
    targets: BTreeMap<String, Target>,
    /// The index of the partition that is being restored.
    at: usize,
}

impl ToKafka {
    /// A restore to be done with these settings. Sends nothing yet.
    #[must_use]
    pub fn new(settings: &KafkaSettings, restore: Restore) -> ToKafka {
        ToKafka {
            settings: settings.clone(),
            restore,
            clock: Clock::start(),
            opened: None,
            sent: 0,
            refused: 0,
            named: Vec::new(),
        }
    }

    /// Checks the targets of these links, and lifts their retentions where that is needed and allowed.
    ///
    /// # Errors
    /// `Config` if a target must not be used; no broker answered.
    pub fn open(&mut self, wanted: &[Wanted]) -> Result<Vec<Lifted>, AppError> {
        let targets = Targets::connect(&self.settings, &self.restore)?;
        let now_ms = self.clock.wall().as_millisecond();
        let mut by_topic: BTreeMap<&str, Vec<&Wanted>> = BTreeMap::new();
        for wanted in wanted.iter().filter(|wanted| !wanted.segments.is_empty()) {
            by_topic.entry(&wanted.partition.topic).or_default().push(wanted);
        }
        let mut checked = BTreeMap::new();
        for (topic, wanted) in &by_topic {
            checked.insert((*topic).to_owned(), targets.require(topic, wanted)?);
        }
        let mut lifted = Vec::new();
        for (target, wanted) in checked.values_mut().zip(by_topic.values()) {
            lifted.extend(targets.keep(target, wanted, now_ms)?);
        }
        let limits = checked.values().filter_map(|target| target.limits.as_ref());
        let smallest = limits.filter_map(TopicLimits::batch_bytes).min();
        self.opened = Some(Opened {
            sender: Sender::setting_aside(&self.settings, smallest.unwrap_or(usize::MAX))?,
            partitions: wanted.iter().map(|wanted| wanted.partition.clone()).collect(),
            targets: checked,
            at: 0,
        });
        Ok(lifted)
    }

    /// Sends a record. Whether it was sent; if not, it was set aside.
    ///
    /// # Errors
    /// Kafka cannot take more records.
    pub fn send(&mut self, partition: &TopicPartition, record: &Record<'_>) -> Result<bool, AppError> {
        let now_ms = self.clock.wall().as_millisecond();
        let Some(opened) = &mut self.opened else {
            return Err(AppError::internal(
                "records were restored before the target topics were checked",
            ));
        };
        if opened.partitions.get(opened.at) != Some(partition) {
            opened.at = opened
                .partitions
                .iter()
                .position(|known| known == partition)
                .unwrap_or(0);
        }
        let Some(target) = opened.targets.get(&*partition.topic) else {
            return Err(AppError::internal(format!("no target topic is known for {partition}")));
        };
        let unsendable = record
            .headers
            .iter()
            .find(|header| std::str::from_utf8(header.name).is_err());
        let reason = match (unsendable, &target.limits) {
            (Some(header), _) => Some(format!(
                "the name of a header is not UTF-8, which the client cannot send: `{}`",
                header.name.escape_ascii()
            )),
            (None, Some(limits)) => limits.refusal(record, now_ms),
            (None, None) => None,
        };
        if let Some(reason) = reason {
            self.set_aside(partition.clone(), record.offset, reason);
            return Ok(false);
        }
        let mark = opened.at << OFFSET_BITS | usize::try_from(record.offset).unwrap_or(0) & ((1 << OFFSET_BITS) - 1);
        let place = (target.name.as_str(), Some(partition.partition));
        let sent = opened.sender.send_marked(place, record, mark);
        self.collect();
        sent?;
        self.sent += 1;
        Ok(true)
    }

    /// Waits until every record was acknowledged or refused.
    ///
    /// # Errors
    /// Kafka did not take all of them.
    pub fn finish(&mut self) -> Result<(), AppError> {
        let Some(opened) = &self.opened else { return Ok(()) };
        let finished = opened.sender.finish();
        self.collect();
        finished?;
        Ok(())
    }

    /// Records that were handed to Kafka and not refused.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of refused records, and the places of the first of them.
    #[must_use]
    pub fn refused(&self) -> (u64, &[RefusedRecord]) {
        (self.refused, &self.named)
    }

    /// Notes the records that Kafka refused after they were sent.
    fn collect(&mut self) {
        let refused = self
            .opened
            .as_ref()
            .map_or_else(Vec::new, |opened| opened.sender.take_refused());
        for Refused { mark, reason } in refused {
            self.sent = self.sent.saturating_sub(1);
            let partitions = self.opened.as_ref().map(|opened| &opened.partitions);
            let Some(partition) = partitions.and_then(|known| known.get(mark >> OFFSET_BITS)).cloned() else {
                continue;
            };
            let offset = i64::try_from(mark & ((1 << OFFSET_BITS) - 1)).unwrap_or(i64::MAX);
            self.set_aside(partition, offset, reason);
        }
    }

    fn set_aside(&mut self, partition: TopicPartition, offset: i64, reason: String) {
        self.refused += 1;
        if self.named.len() < NAMED_MAX {
            tracing::warn!(%partition, offset, reason, "the target topic refuses a record: set aside");
            let partition = partition.to_string();
            self.named.push(RefusedRecord {
                partition,
                offset,
                reason,
            });
        }
    }
}
