//! What a topic's settings do to records that are sent with old times or sizes: which it refuses, and which it deletes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Properties;
use crate::kafka::error::KafkaError;
use crate::kafka::topic_properties::Property;
use crate::kafka::topics::Topics;
use crate::record::record::Record;

/// What a record takes in a batch besides key, value and headers, at most.
const FRAME_BYTES: usize = 512;
/// How long a limit that is only useful is waited for.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The settings of a topic that refuse or delete records. What Kafka does not return is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicLimits {
    /// Whether records keep the time that they are sent with (`message.timestamp.type`).
    pub keeps_times: bool,
    /// Records older than this are deleted, in ms; `None` if none is.
    pub retention_ms: Option<i64>,
    /// Whether a record needs a key (`cleanup.policy`).
    pub compacts: bool,
    /// How far a record's time may be behind the broker's clock, in ms.
    pub behind_max_ms: Option<i64>,
    /// How far it may be ahead of it, in ms.
    pub ahead_max_ms: Option<i64>,
    /// The largest batch (`max.message.bytes`).
    pub batch_max_bytes: Option<usize>,
}

impl Topics {
    /// The settings of this topic that refuse or delete records.
    ///
    /// # Errors
    /// The topic does not exist, missing rights, or no broker answered.
    pub fn limits(&self, topic: &str) -> Result<TopicLimits, KafkaError> {
        Ok(TopicLimits::of(&self.properties(topic)?))
    }

    /// The largest batches that these topics take, in bytes, by topic. A topic is absent where Kafka does not say in time.
    ///
    /// # Errors
    /// No broker answered.
    pub fn batch_limits(&self, topics: &[&str]) -> Result<BTreeMap<String, usize>, KafkaError> {
        let described = self.properties_within(topics, ANSWERS_WITHIN)?;
        let limit =
            |(topic, properties): (String, Vec<Property>)| Some((topic, TopicLimits::of(&properties).batch_max_bytes?));
        Ok(described.into_iter().filter_map(limit).collect())
    }
}

impl TopicLimits {
    /// The limits of a topic that is created with these settings.
    #[must_use]
    pub fn of_settings(properties: &Properties) -> TopicLimits {
        let property = |(name, value): (&str, &str)| Property {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        TopicLimits::of(&properties.iter().map(property).collect::<Vec<_>>())
    }

    fn of(properties: &[Property]) -> TopicLimits {
        let text = |name: &str| {
            let found = properties.iter().find(|property| property.name == name);
            found.map(|property| property.value.as_str())
        };
        let ms = |name: &str| text(name)?.parse::<i64>().ok().filter(|ms| *ms >= 0);
        let policy = text("cleanup.policy").unwrap_or("delete");
        TopicLimits {
            keeps_times: text("message.timestamp.type") != Some("LogAppendTime"),
            retention_ms: ms("retention.ms").filter(|_| policy.contains("delete")),
            compacts: policy.contains("compact"),
            behind_max_ms: ms("message.timestamp.before.max.ms"),
            ahead_max_ms: ms("message.timestamp.after.max.ms"),
            batch_max_bytes: text("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
        }
    }

    /// The time below which records are deleted, in ms; `None` if records are kept, or get the time of sending.
    #[must_use]
    pub fn deletes_below_ms(&self, now_ms: i64) -> Option<i64> {
        self.retention_ms
            .filter(|_| self.keeps_times)
            .map(|retention| now_ms.saturating_sub(retention))
    }

    /// Why a broker refuses this record, if it does. A batch with such a record is refused as a whole.
    #[must_use]
    pub fn refusal(&self, record: &Record<'_>, now_ms: i64) -> Option<String> {
        if self.compacts && record.key.is_none() {
            return Some("it has no key, and the topic is compacted".to_owned());
        }
        let ahead_ms = record.timestamp.ms().map(|ms| ms.saturating_sub(now_ms));
        if let Some(ahead_ms) = ahead_ms.filter(|_| self.keeps_times) {
            if let Some(max) = self.ahead_max_ms.filter(|max| ahead_ms > *max) {
                return Some(format!(
                    "its time is {ahead_ms} ms ahead, and message.timestamp.after.max.ms is {max}"
                ));
            }
            if let Some(max) = self.behind_max_ms.filter(|max| ahead_ms.saturating_neg() > *max) {
                let behind_ms = ahead_ms.saturating_neg();
                return Some(format!(
                    "its time is {behind_ms} ms behind, and message.timestamp.before.max.ms is {max}"
                ));
            }
        }
        None
    }

    /// The size of batches that the topic takes for sure.
    #[must_use]
    pub fn batch_bytes(&self) -> Option<usize> {
        self.batch_max_bytes
            .map(|max| max.saturating_sub(FRAME_BYTES).max(FRAME_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::record::Timestamp;

    fn limits(pairs: &[(&str, &str)]) -> TopicLimits {
        let property = |(name, value): &(&str, &str)| Property {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        TopicLimits::of(&pairs.iter().map(property).collect::<Vec<_>>())
    }

    fn at(ms: i64) -> Record<'static> {
        Record {
            offset: 7,
            timestamp: Timestamp::create_ms(ms),
            key: None,
            value: Some(b"{}"),
            headers: &[],
        }
    }

    #[test]
    fn retention_deletes_by_the_times_that_records_keep() {
        let seven_days = ("retention.ms", "604800000");
        assert_eq!(limits(&[seven_days]).deletes_below_ms(1_000_000_000), Some(395_200_000));
        assert_eq!(limits(&[("retention.ms", "-1")]).deletes_below_ms(1_000), None);
        let append = ("message.timestamp.type", "LogAppendTime");
        assert_eq!(limits(&[seven_days, append]).deletes_below_ms(1_000), None);
        let compact = ("cleanup.policy", "compact");
        assert_eq!(limits(&[seven_days, compact]).deletes_below_ms(1_000), None);
    }

    #[test]
    fn what_a_broker_refuses_is_known_before_it_is_sent() {
        let limits = limits(&[
            ("message.timestamp.after.max.ms", "3600000"),
            ("message.timestamp.before.max.ms", "9223372036854775807"),
        ]);
        assert_eq!(limits.refusal(&at(3_600_000), 0), None);
        let refused = limits.refusal(&at(3_600_001), 0).unwrap();
        assert_eq!(
            refused,
            "its time is 3600001 ms ahead, and message.timestamp.after.max.ms is 3600000"
        );
        assert_eq!(limits.refusal(&at(-1), i64::MAX), None);
        let compacted = TopicLimits {
            compacts: true,
            ..limits
        };
        assert!(compacted.refusal(&at(0), 0).is_some());
    }
}
