//! A connection that asks a cluster. Requests block, each with a time limit; the connection reads no record and changes
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as Rdkafka;

use crate::config::KafkaSettings;
use crate::kafka::cluster::patience::{REQUEST_TIMEOUT, ask_first, is_silence};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::reachability::described;
use crate::kafka::settings::{follower_config, group_config, reader_config, uncommitted_config};

/// How many waiting events (log lines among them) are searched for the cause of a failed request.
const EVENTS_PER_FAILURE: usize = 200;

/// How long to wait before checking again whether the client has left its group.
const LEAVE_INTERVAL: Duration = Duration::from_millis(2);

/// A connection to a Kafka cluster.
pub struct Cluster {
    pub(in crate::kafka) client: Arc<BaseConsumer<Context>>,
    addresses: String,
    role: Role,
    /// Whether a request was ever answered. Before that, a failure may be one of the connection.
    was_answered: AtomicBool,
}

/// Who takes the client's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// This connection does.
    Asking,
    /// A consumer polls them.
    Consuming,
}

impl Cluster {
    /// A connection without a group. Nothing is sent before the first request.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &reader_config(settings)?, Role::Asking)
    }

    /// A connection without a group for readers that wait for records to come.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_following(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &follower_config(settings)?, Role::Asking)
    }

    /// A connection without a group to which a partition ends at its high watermark, behind any open transaction.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_uncommitted(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &uncommitted_config(settings)?, Role::Asking)
    }

    /// A connection that names the archivers' group without joining it, as [`Cluster::committed`] needs.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_to_group(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &group_config(settings)?, Role::Asking)
    }

    /// The connection of a consumer, which polls the client's events itself.
    pub(in crate::kafka) fn of_consumer(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &group_config(settings)?, Role::Consuming)
    }

    fn with(settings: &KafkaSettings, config: &ClientConfig, role: Role) -> Result<Cluster, KafkaError> {
        let client = config
            .create_with_context(Context::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a client"))?;
        Ok(Cluster {
            client: Arc::new(client),
            addresses: settings.brokers.join(","),
            role,
            was_answered: AtomicBool::new(false),
        })
    }

    /// The answer to a request, which is given its time limit, or why there is none.
    pub(super) fn ask<T>(
        &self,
        doing: &'static str,
        request: impl FnMut(Duration) -> Result<T, Rdkafka>,
    ) -> Result<T, KafkaError> {
        self.try_asking(request).map_err(|error| self.explain(&error, doing))
    }

    /// The same with librdkafka's error, which is still to be explained.
    pub(super) fn try_asking<T>(&self, mut request: impl FnMut(Duration) -> Result<T, Rdkafka>) -> Result<T, Rdkafka> {
        let answer = if self.was_answered.load(Ordering::Relaxed) {
            request(REQUEST_TIMEOUT)
        } else {
            ask_first(request, || {
                self.take_events();
                self.client.context().is_refused_by_all()
            })
        };
        self.was_answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    /// The error for a cluster of which no broker answers.
    pub(in crate::kafka) fn unreachable(&self) -> KafkaError {
        KafkaError::Unreachable {
            brokers: described(&self.addresses),
        }
    }

    /// The last refusal of a broker, if there was one since the last call.
    pub(in crate::kafka) fn refusal(&self) -> Option<KafkaError> {
        self.take_events();
        self.client.context().take_refusal()
    }

    /// Takes the events that wait, errors among them. A consumer's poll does so itself.
    fn take_events(&self) {
        if self.role == Role::Asking {
            for _ in 0..EVENTS_PER_FAILURE {
                self.client.poll(Duration::ZERO);
            }
        }
    }

    /// librdkafka reports a failed request as a time-out: the reason came earlier, as an event.
    pub(super) fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        match self.refusal() {
            Some(refusal) => refusal,
            None if is_silence(error) => self.unreachable(),
            None => KafkaError::from_rdkafka(error, doing),
        }
    }
}

impl Drop for Cluster {
    /// Leaves the group, if there is one. The client's own drop would do the same, but checks only every 100 ms whether the
    /// group was left.
    fn drop(&mut self) {
        if self.client.close_queue().is_ok() {
            while !self.client.closed() {
                self.client.poll(LEAVE_INTERVAL);
            }
        }
    }
}
