//! Connecting a producer: its topics must exist, and say how large their batches may be.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::cluster::{ask_first, is_silence};
use crate::kafka::error::KafkaError;
use crate::kafka::producer::lane::Lane;
use crate::kafka::producer::outcomes::{Outcomes, Tally};
use crate::kafka::producer::producer::{Partitions, Producer, Transaction};
use crate::kafka::producer::settings::{Sending, producer_config};
use crate::kafka::reachability::described;
use crate::kafka::topics::Topics;

/// How many waiting events (log lines among them) are searched for the cause of a failed request.
const EVENTS_PER_FAILURE: usize = 200;

impl Producer {
    /// Connects, and checks that every topic whose index is `needed` exists. Creates no topic.
    ///
    /// # Errors
    /// Settings that librdkafka refuses, no broker that answers, or a topic that is missing.
    pub fn connect(
        settings: &KafkaSettings,
        sending: &Sending,
        topics: &[String],
        needed: impl Fn(usize) -> bool,
    ) -> Result<Producer, KafkaError> {
        let client = producer_config(settings, sending)?
            .create_with_context(Outcomes::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        let mut producer = Producer {
            client,
            topics: Vec::new(),
            lanes: Vec::new(),
            addresses: settings.brokers.join(","),
            turn: 0,
            taken: 0,
            taken_bytes: 0,
            tally: Tally {
                acked: vec![0; topics.len()],
                ..Tally::default()
            },
            failed: Vec::new(),
            clock: Clock::start(),
            transaction: sending.transactional_id.as_ref().map(|_| Transaction::default()),
        };
        let batch_max_bytes = usize::try_from(sending.batch_size_bytes).unwrap_or(usize::MAX);
        // The limits are not worth waiting for if no broker answers.
        if let Some((_, name)) = topics.iter().enumerate().find(|(index, _)| needed(*index)) {
            producer.partitions(name)?;
        }
        let limits = batch_limits(settings, topics, &needed)?;
        for (index, name) in topics.iter().enumerate() {
            let batch_max_bytes = limits
                .get(name)
                .map_or(batch_max_bytes, |limit| batch_max_bytes.min(*limit));
            let opened = needed(index)
                .then(|| producer.open(index, name, batch_max_bytes))
                .transpose()?;
            producer.topics.push(opened);
        }
        producer.client.context().count_lanes(producer.lanes.len());
        Ok(producer)
    }

    fn open(&mut self, index: usize, name: &str, batch_max_bytes: usize) -> Result<Partitions, KafkaError> {
        let first = self.lanes.len();
        let partitions = self.partitions(name)?;
        let lane = |partition: i32| {
            let number = first + usize::try_from(partition).unwrap_or(0);
            Lane::new(number, index, partition, batch_max_bytes)
        };
        self.lanes.extend((0..partitions).map(lane));
        Ok(Partitions {
            name: name.to_owned(),
            lanes: first..self.lanes.len(),
        })
    }

    /// How many partitions a topic has.
    fn partitions(&self, topic: &str) -> Result<i32, KafkaError> {
        let doing = "describe a topic";
        let asked = ask_first(
            |patience| self.client.client().fetch_metadata(Some(topic), patience),
            || {
                self.take_events();
                self.client.context().errors.is_refused_by_all()
            },
        );
        let metadata = asked.map_err(|error| self.explain(&error, doing))?;
        let unknown = || KafkaError::UnknownTopic {
            topic: topic.to_owned(),
        };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.ok_or_else(unknown)?;
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Err(unknown()),
            Some(code) if found.partitions().is_empty() => Err(KafkaError::of_topic(code, doing, topic)),
            _ => Ok(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)),
        }
    }

    /// Takes the events that wait, errors among them.
    fn take_events(&self) {
        for _ in 0..EVENTS_PER_FAILURE {
            self.client.poll(Duration::ZERO);
        }
    }

    /// librdkafka reports a failed request as a time-out: the reason came earlier, as an event.
    fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        self.take_events();
        match self.client.context().errors.take_refusal() {
            Some(refusal) => refusal,
            None if is_silence(error) => KafkaError::Unreachable {
                brokers: described(&self.addresses),
            },
            None => KafkaError::from_rdkafka(error, doing),
        }
    }
}

/// The largest batches that the needed topics take. A topic is absent where Kafka does not say: then a refused batch is split.
fn batch_limits(
    settings: &KafkaSettings,
    topics: &[String],
    needed: impl Fn(usize) -> bool,
) -> Result<BTreeMap<String, usize>, KafkaError> {
    let asking = Topics::connect(settings)?;
    let needed = topics.iter().enumerate().filter(|(index, _)| needed(*index));
    let needed: Vec<&str> = needed.map(|(_, topic)| topic.as_str()).collect();
    Ok(asking.batch_limits(&needed).unwrap_or_else(|error| {
        tracing::debug!(event = "topic_limits_unknown", %error, "the topics' max.message.bytes are not known");
        BTreeMap::new()
    }))
}
