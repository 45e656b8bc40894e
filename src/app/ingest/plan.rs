//! What an ingest is told: where to send, what an event looks like, and what to do with the input.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::Input;
use crate::config::{IngestSettings, KafkaSettings, RoutingSettings, Settings};
use crate::event::event::Form;
use crate::event::routing::Routing;

/// The settings that concern it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where to send.
    pub kafka: KafkaSettings,
    /// What goes where.
    pub routing: RoutingSettings,
    /// What an event looks like, and how records are gathered.
    pub ingest: IngestSettings,
    /// Where `--exactly-once` keeps its marks.
    pub ledger: LedgerSettings,
}

/// The compacted topic that knows how far each file was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Its name.
    pub topic: String,
    /// Of the topic, where it must be created.
    pub replication_factor: i32,
}

impl LedgerSettings {
    /// Beside the topics of these settings, as safe as they are.
    #[must_use]
    pub fn beside(settings: &Settings) -> LedgerSettings {
        let factors = settings.topics.iter().map(|topic| topic.replication_factor);
        LedgerSettings {
            topic: format!("{}kivend-ingest", settings.topic_prefix),
            replication_factor: factors.max().unwrap_or(1),
        }
    }
}

/// In which order events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the input.
    AsRead,
    /// By the time that they tell, then as they stand; those without one last. Needs the whole input in memory.
    Time,
}

/// Whether anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To Kafka.
    Send,
    /// To Kafka, so that readers of committed records get each event once, however often a run dies.
    ExactlyOnce,
    /// Checked and counted; no broker is asked.
    DryRun,
}

/// What to do.
#[derive(Debug)]
pub struct Plan {
    /// One after the other.
    pub inputs: Vec<Input>,
    /// Nothing but the events of this topic.
    pub only: Option<String>,
    /// No more events than this, after `only`.
    pub max: Option<u64>,
    /// No more events than this each second.
    pub rate_per_s: Option<NonZeroU32>,
    /// In which order.
    pub order: Order,
    /// Whether at all.
    pub mode: Mode,
    /// Where lines go that are not sent.
    pub rejects: Option<PathBuf>,
}

impl Surroundings {
    /// Which topic each event type goes to.
    pub(super) fn routing(&self) -> Routing {
        let routes = self.routing.rules.iter().flat_map(|rule| {
            let types = rule.event_types.iter();
            types.map(|event_type| (event_type.as_str(), rule.topic.as_str()))
        });
        Routing::new(routes, &self.routing.default)
    }

    /// What the members of an event are called.
    pub(super) fn form(&self) -> Form {
        Form {
            event_type_field: self.ingest.event_type_field.clone(),
            key_field: self.ingest.key_field.clone(),
            time_field: self.ingest.time_field.clone(),
            line_max_bytes: self.ingest.max_event_bytes,
        }
    }
}

/// The number of the one topic that is asked for.
pub(super) fn number_of(routing: &Routing, only: String) -> Result<usize, IngestError> {
    let topics = routing.topics();
    let number = topics.iter().position(|topic| *topic == only);
    number.ok_or_else(|| IngestError::NoRoute {
        only,
        topics: topics.to_vec(),
    })
}
