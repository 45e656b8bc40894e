//! What an ingest does: its settings, inputs and options.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::Input;
use crate::config::{IngestSettings, KafkaSettings, LEDGERS, RoutingSettings, Settings};
use crate::event::event::Form;
use crate::event::routing::Routing;

/// The settings of an ingest.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The connection to Kafka.
    pub kafka: KafkaSettings,
    /// Which event types go to which topic.
    pub routing: RoutingSettings,
    /// The form of an event, and how records are batched.
    pub ingest: IngestSettings,
    /// Where `--exactly-once` keeps its marks.
    pub ledger: LedgerSettings,
}

/// The compacted topic with the marks of all files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The topic's name.
    pub topic: String,
    /// The replication factor with which the topic is created.
    pub replication_factor: i32,
}

impl LedgerSettings {
    /// The ledger for these settings: it has the topic prefix, and the highest replication factor of the topics.
    #[must_use]
    pub fn of(settings: &Settings) -> LedgerSettings {
        let factors = settings.topics.iter().map(|topic| topic.replication_factor);
        LedgerSettings {
            topic: format!("{}{}", settings.topic_prefix, LEDGERS[0]),
            replication_factor: factors.max().unwrap_or(settings.default_replication_factor),
        }
    }
}

/// The order in which events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The order of the input.
    AsRead,
    /// By the time of the events, equal times in the order of the input, events without a time last. Needs the whole input in
    /// memory.
    Time,
}

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Sent once; a run that dies must be repeated from the start.
    Send,
    /// In transactions: readers of committed records get each event once, even if a run dies and is repeated.
    ExactlyOnce,
    /// Not sent, only validated and counted. No broker is needed.
    DryRun,
}

/// The inputs and options of a run.
#[derive(Debug)]
pub struct Plan {
    /// The inputs, read one after the other.
    pub inputs: Vec<Input>,
    /// Send only the events of this topic.
    pub only: Option<String>,
    /// The maximum number of events, after `only`.
    pub max: Option<u64>,
    /// The maximum number of events per second.
    pub rate_per_s: Option<NonZeroU32>,
    /// The order in which events are sent.
    pub order: Order,
    /// How events are sent.
    pub mode: Mode,
    /// The file for rejected lines.
    pub rejects: Option<PathBuf>,
}

impl Surroundings {
    /// The routes from event types to topics.
    pub(super) fn routing(&self) -> Routing {
        let routes = self.routing.rules.iter().flat_map(|rule| {
            let types = rule.event_types.iter();
            types.map(|event_type| (event_type.as_str(), rule.topic.as_str()))
        });
        Routing::new(routes, &self.routing.default)
    }

    /// The names of the members of an event.
    pub(super) fn form(&self) -> Form {
        Form {
            event_type_field: self.ingest.event_type_field.clone(),
            key_field: self.ingest.key_field.clone(),
            time_field: self.ingest.time_field.clone(),
            line_max_bytes: self.ingest.max_event_bytes,
        }
    }
}

/// The number of the topic that `--only` names.
pub(super) fn number_of(routing: &Routing, only: String) -> Result<usize, IngestError> {
    let topics = routing.topics();
    let number = topics.iter().position(|topic| *topic == only);
    number.ok_or_else(|| IngestError::NoRoute {
        only,
        topics: topics.to_vec(),
    })
}
