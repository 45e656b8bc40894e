//! What is done when Kafka's client ends for good although the process can go on. A commit that was sent before the group's session
//! expired may be answered after the client has joined again under its name: the broker takes it for one of an older process with
//! that name, and librdkafka ends the client (KIP-345). A name that this process holds alone was not taken by another process.

use crate::archiver::orders::{Mode, Orders};
use crate::clock::Clock;
use crate::config::{InstanceId, Settings};
use crate::kafka::error::KafkaError;
use crate::task::error::AppError;

/// A client that lasted this long, in seconds, ended for another reason than the one before it.
const LASTED_S: f64 = 60.0;
/// Clients in a row that may end sooner.
const CLIENTS: u32 = 3;

/// Whether a run goes on with a new client.
#[derive(Debug)]
pub struct NewClients {
    is_allowed: bool,
    in_a_row: u32,
}

impl NewClients {
    /// For a run with these settings and orders. Not where the operator chose the name, which another process may have, and not
    /// for declarations, which are carried out once.
    #[must_use]
    pub fn of(settings: &Settings, orders: &Orders) -> NewClients {
        let is_own_name = settings.archive.instance_id == InstanceId::Auto
            && settings.kafka.properties.get("group.instance.id").is_none();
        let is_plain = orders.new_epochs.is_empty() && orders.diverged.is_empty();
        NewClients {
            is_allowed: is_own_name && is_plain && orders.mode == Mode::Daemon,
            in_a_row: 0,
        }
    }

    /// Whether a client may take the place of one that ended with this error.
    #[must_use]
    pub fn allow(&self, error: &AppError) -> bool {
        self.is_allowed && self.in_a_row < CLIENTS && matches!(error, AppError::Kafka(KafkaError::Fatal { .. }))
    }

    /// A client took the place of one that had lasted since then.
    pub fn began(&mut self, since: Clock) {
        self.in_a_row = if since.elapsed_s() < LASTED_S {
            self.in_a_row + 1
        } else {
            1
        };
    }
}
