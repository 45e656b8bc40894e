//! What is done when Kafka's client ends for good although the process can go on. A commit that was sent before the group's session
//! expired may be answered after the client has joined again under its name: the broker takes it for one of an older process with
//! that name, and librdkafka ends the client (KIP-345). A name that this process holds alone was not taken by another process.

use std::time::Duration;

use crate::archiver::orders::{Mode, Orders};
use crate::clock::Clock;
use crate::config::{InstanceId, Settings};
use crate::error::{Explain as _, Kind};
use crate::kafka::error::KafkaError;
use crate::task::error::AppError;

/// A client that lasted this long, in seconds, ended for another reason than the one before it.
const LASTED_S: f64 = 60.0;
/// Clients in a row that may end sooner.
const CLIENTS: u32 = 3;
/// The wait between two beginnings in an outage.
const OUTAGE_INTERVAL: Duration = Duration::from_secs(1);

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

    /// Whether a client may take the place of one that ended with this error. What ends a client is often an outage, in which the
    /// next one cannot begin: a process that was running waits for its end.
    #[must_use]
    pub fn allow(&self, error: &AppError) -> bool {
        self.is_allowed
            && match error {
                AppError::Kafka(KafkaError::Fatal { .. }) => self.in_a_row < CLIENTS,
                error => self.in_a_row > 0 && error.kind() == Kind::Transient,
            }
    }

    /// A client takes the place of one that had lasted since then and ended with this error. Returns how long to wait before.
    pub fn begin(&mut self, error: &AppError, since: Clock) -> Duration {
        if !matches!(error, AppError::Kafka(KafkaError::Fatal { .. })) {
            return OUTAGE_INTERVAL;
        }
        self.in_a_row = if since.elapsed_s() < LASTED_S {
            self.in_a_row + 1
        } else {
            1
        };
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_takes_the_place_of_another_waits_for_the_end_of_an_outage() {
        let ended = AppError::Kafka(KafkaError::Fatal {
            reason: "fenced".to_owned(),
        });
        let outage = AppError::Kafka(KafkaError::Unreachable {
            brokers: "localhost:9092 (connection refused)".to_owned(),
        });
        let mut clients = NewClients {
            is_allowed: true,
            in_a_row: 0,
        };
        assert!(!clients.allow(&outage));
        assert!(clients.allow(&ended));
        assert_eq!(clients.begin(&ended, Clock::start()), Duration::ZERO);
        for _ in 0..100 {
            assert!(clients.allow(&outage));
            assert_eq!(clients.begin(&outage, Clock::start()), OUTAGE_INTERVAL);
        }
        assert!(!clients.allow(&AppError::config("another cluster")));
        for _ in 1..CLIENTS {
            assert!(clients.allow(&ended));
            clients.begin(&ended, Clock::start());
        }
        assert!(!clients.allow(&ended));
    }
}
