//! Creates missing topics, compares existing ones with the settings, and alters them if that is allowed. Deletes no topic, and
//! removes no partition or replica.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::cluster::{Broker, Cluster};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::incremental;
use crate::kafka::settings::client_config;

pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to check whether every broker knows a new topic or setting, before continuing without knowing.
const CHECKS: u32 = 100;
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Whether settings of existing topics may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alteration {
    /// Differences are reported.
    Refused,
    /// Differences are removed if Kafka can do so.
    Allowed,
}

/// What was done with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It did not exist.
    Created,
    /// It existed, as wanted.
    Unchanged,
    /// It existed, and was altered to what is wanted.
    Altered,
    /// It exists, and differs from what is wanted.
    Differs,
}

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Kafka's name of the setting, or `partitions` or `replication_factor`.
    pub setting: String,
    /// The configured value.
    pub wanted: String,
    /// Kafka's value.
    pub found: String,
}

impl Difference {
    /// Whether it is a topic configuration, not the number of partitions or replicas.
    fn is_property(&self) -> bool {
        !matches!(self.setting.as_str(), "partitions" | "replication_factor")
    }
}

/// A topic after [`Topics::ensure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was done.
    pub action: Action,
    /// What differed before [`Action::Altered`], or still differs after [`Action::Differs`].
    pub differences: Vec<Difference>,
}

/// A connection that may create and alter topics.
pub struct Topics {
    pub(super) admin: AdminClient<Context>,
    pub(super) cluster: Cluster,
}

impl Topics {
    /// Connects with the first request.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Topics, KafkaError> {
        let admin = client_config(settings)?
            .create_with_context(Context::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a client"))?;
        Ok(Topics {
            admin,
            cluster: Cluster::connect(settings)?,
        })
    }

    /// Requests to the same cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Creates the topic, or compares it with what is wanted. A second call changes nothing.
    ///
    /// # Errors
    /// Fewer brokers than replicas, settings that Kafka refuses, missing rights, or no broker answered.
    pub fn ensure(&self, wanted: &TopicSettings, alteration: Alteration) -> Result<Outcome, KafkaError> {
        if self.cluster.find_topic(&wanted.name)?.is_none() && self.create(wanted)? == Creation::Created {
            return Ok(Outcome {
                action: Action::Created,
                differences: Vec::new(),
            });
        }
        let differences = self.differences(wanted)?;
        if differences.is_empty() {
            return Ok(Outcome {
                action: Action::Unchanged,
                differences,
            });
        }
        if alteration == Alteration::Refused {
            return Ok(Outcome {
                action: Action::Differs,
                differences,
            });
        }
        self.alter(wanted, &differences)?;
        let left = self.await_settings(wanted)?;
        Ok(if left.is_empty() {
            Outcome {
                action: Action::Altered,
                differences,
            }
        } else {
            Outcome {
                action: Action::Differs,
                differences: left,
            }
        })
    }

    fn create(&self, wanted: &TopicSettings) -> Result<Creation, KafkaError> {
        let brokers = self.cluster.brokers()?;
        if usize::try_from(wanted.replication_factor).is_ok_and(|replicas| replicas > brokers.len()) {
            return Err(too_few(wanted, &brokers));
        }
        let replication = TopicReplication::Fixed(wanted.replication_factor);
        let mut topic = NewTopic::new(&wanted.name, wanted.partitions, replication);
        for (name, value) in wanted.properties.iter() {
            topic = topic.set(name, value);
        }
        let results = wait_for(self.admin.create_topics([&topic], &options()));
        match first(results, "create a topic")? {
            Ok(_) => {
                self.await_leaders(wanted)?;
                Ok(Creation::Created)
            }
            // Another client created it meanwhile.
            Err((_, Code::TopicAlreadyExists)) => Ok(Creation::Exists),
            Err((_, Code::InvalidReplicationFactor)) => Err(too_few(wanted, &brokers)),
            Err((_, code)) => Err(refused(wanted, code, code.to_string(), "create a topic")),
        }
    }

    /// Waits until each partition has a leader that answers: Kafka confirms a topic before every broker knows it, and names a
    /// leader before it leads. The next request should not fail for that.
    fn await_leaders(&self, wanted: &TopicSettings) -> Result<(), KafkaError> {
        for _ in 0..CHECKS {
            if self.is_led(wanted)? {
                return Ok(());
            }
            thread::sleep(CHECK_INTERVAL);
        }
        Ok(())
    }

    /// Kafka's id of a topic that [`ensure`](Topics::ensure) created. Each request may reach another broker than the one before,
    /// and one that does not know the topic yet is asked again.
    ///
    /// # Errors
    /// As [`Cluster::topic_id`].
    pub fn id_of_created(&self, name: &str) -> Result<Option<String>, KafkaError> {
        for _ in 1..CHECKS {
            match self.cluster.topic_id(name) {
                Err(KafkaError::UnknownTopic { .. }) => thread::sleep(CHECK_INTERVAL),
                answer => return answer,
            }
        }
        self.cluster.topic_id(name)
    }

    /// Whether each partition has a leader that answers for it.
    fn is_led(&self, wanted: &TopicSettings) -> Result<bool, KafkaError> {
        let Some(topic) = self.cluster.find_topic(&wanted.name)? else {
            return Ok(false);
        };
        if usize::try_from(wanted.partitions) != Ok(topic.partitions.len())
            || topic.partitions.iter().any(|partition| partition.leader < 0)
        {
            return Ok(false);
        }
        match self.cluster.log_ends(&topic.positions()) {
            // A broker that was just made the leader refuses requests until it knows so.
            Err(KafkaError::UnknownPartition { .. } | KafkaError::Busy { .. }) => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    /// Waits until the brokers return the new settings: Kafka confirms a change before. Returns what still differs.
    fn await_settings(&self, wanted: &TopicSettings) -> Result<Vec<Difference>, KafkaError> {
        for _ in 1..CHECKS {
            if !self.differences(wanted)?.iter().any(Difference::is_property) {
                break;
            }
            thread::sleep(CHECK_INTERVAL);
        }
        self.differences(wanted)
    }

    /// How an existing topic differs from what is wanted. Changes nothing.
    ///
    /// # Errors
    /// The topic does not exist, missing rights, or no broker answered.
    pub fn differences(&self, wanted: &TopicSettings) -> Result<Vec<Difference>, KafkaError> {
        let layout = self.cluster.topic(&wanted.name)?;
        let found = self.properties(&wanted.name)?;
        let difference = |setting: &str, wanted: &str, found: &str| {
            (wanted != found).then(|| Difference {
                setting: setting.to_owned(),
                wanted: wanted.to_owned(),
                found: found.to_owned(),
            })
        };
        let found_of = |name: &str| {
            found
                .iter()
                .find(|entry| entry.name == name)
                .map_or("", |e| e.value.as_str())
        };
        let layout_differences = [
            difference(
                "partitions",
                &wanted.partitions.to_string(),
                &layout.partitions.len().to_string(),
            ),
            difference(
                "replication_factor",
                &wanted.replication_factor.to_string(),
                &layout.replication_factor().to_string(),
            ),
        ];
        let properties = wanted
            .properties
            .iter()
            .map(|(name, value)| difference(name, value, found_of(name)));
        Ok(layout_differences.into_iter().chain(properties).flatten().collect())
    }

    fn alter(&self, wanted: &TopicSettings, differences: &[Difference]) -> Result<(), KafkaError> {
        let doing = "alter a topic";
        if differences.iter().any(Difference::is_property) {
            let client = self.admin.inner().native_client();
            incremental::set(client, &wanted.name, wanted.properties.iter(), REQUEST_TIMEOUT)
                .map_err(|(code, reason)| refused(wanted, code, reason, doing))?;
        }
        let count = usize::try_from(wanted.partitions).unwrap_or(0);
        if self.cluster.topic(&wanted.name)?.partitions.len() < count {
            let more = NewPartitions::new(&wanted.name, count);
            first(wait_for(self.admin.create_partitions([&more], &options())), doing)?
                .map_err(|(_, code)| refused(wanted, code, code.to_string(), doing))?;
            self.await_leaders(wanted)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Creation {
    Created,
    Exists,
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT))
}

fn too_few(wanted: &TopicSettings, brokers: &[Broker]) -> KafkaError {
    let answered: Vec<_> = brokers
        .iter()
        .map(|broker| format!("{} ({})", broker.id, broker.address))
        .collect();
    KafkaError::TooFewBrokers {
        topic: wanted.name.clone(),
        replication_factor: wanted.replication_factor,
        answered: answered.join(", "),
    }
}

fn refused(wanted: &TopicSettings, code: Code, reason: String, doing: &'static str) -> KafkaError {
    match KafkaError::from_code(code, doing, reason) {
        KafkaError::Other { reason, .. }
        | KafkaError::Refused { reason, .. }
        | KafkaError::Unsupported { reason, .. } => KafkaError::TopicRefused {
            topic: wanted.name.clone(),
            reason,
        },
        known => known,
    }
}

/// The result of a request about one topic.
pub(super) fn first<T>(
    results: Result<Vec<T>, rdkafka::error::KafkaError>,
    doing: &'static str,
) -> Result<T, KafkaError> {
    let results = results.map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
    results.into_iter().next().ok_or_else(|| KafkaError::Other {
        doing,
        reason: "the response has no entry for the topic".to_owned(),
    })
}

/// Waits for an answer on this thread. A thread of the client completes it, so that no runtime is needed.
pub(super) fn wait_for<F: Future>(answer: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut Task::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
