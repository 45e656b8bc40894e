//! Errors of Kafka and of the connection to it, each with its kind and its remedy.

use std::fmt;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Explain, Kind, Scope};
pub use crate::kafka::codes::Resource;
use crate::kafka::codes::{self, Cause};
use crate::record::position::TopicPartition;

/// A failure of Kafka, or of the connection to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// Nothing listens at the addresses, or no name resolves.
    #[error("no Kafka broker answered: {brokers}")]
    Unreachable {
        /// The configured addresses, each with what happens to a connection to it.
        brokers: String,
    },
    /// TLS or SASL failed.
    #[error("the Kafka brokers refused the connection's credentials: {reason}")]
    Credentials {
        /// librdkafka's text.
        reason: String,
    },
    /// No ACL allows it.
    #[error("Kafka does not allow this user to {doing}: {reason}")]
    Forbidden {
        /// The action that failed.
        doing: &'static str,
        /// What the missing right is on.
        resource: Resource,
        /// Kafka's text.
        reason: String,
    },
    /// The topic does not exist.
    #[error("the topic does not exist: `{topic}`")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("the topic has no such partition: {partition}")]
    UnknownPartition {
        /// The partition.
        partition: TopicPartition,
    },
    /// Kafka no longer has the offset, or has not written it yet.
    #[error("Kafka has no record at this offset: {partition} offset {offset}")]
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was to be read.
        offset: i64,
    },
    /// There are not enough brokers for the topic's replicas.
    #[error("fewer brokers answered than the topic `{topic}` needs for its {replication_factor} replicas: {answered}")]
    TooFewBrokers {
        /// The topic.
        topic: String,
        /// The configured number of replicas.
        replication_factor: i32,
        /// `id (host:port)`, separated by commas.
        answered: String,
    },
    /// Kafka refused to create or alter a topic.
    #[error("Kafka refused the settings of the topic `{topic}`: {reason}")]
    TopicRefused {
        /// The topic.
        topic: String,
        /// Kafka's text.
        reason: String,
    },
    /// A property that a guarantee of the archive depends on.
    #[error("the settings change the Kafka property `{name}`, which must stay `{fixed}`")]
    FixedProperty {
        /// The property.
        name: &'static str,
        /// Its required value.
        fixed: &'static str,
    },
    /// librdkafka does not know the property, or refuses its value.
    #[error("librdkafka does not accept the property `{name}`: {reason}")]
    Property {
        /// The property.
        name: String,
        /// librdkafka's text, without the value.
        reason: String,
    },
    /// A partition that this consumer must neither fetch nor commit.
    #[error("the partition {partition} is not assigned to this consumer")]
    NotAssigned {
        /// The partition.
        partition: TopicPartition,
    },
    /// The client cannot continue, but a new one may.
    #[error("the Kafka client cannot continue: {reason}")]
    Fatal {
        /// librdkafka's text.
        reason: String,
    },
    /// A time-out or another transient failure.
    #[error("Kafka could not {doing} yet: {reason}")]
    Busy {
        /// The action that failed.
        doing: &'static str,
        /// Whose the failure is.
        scope: Scope,
        /// librdkafka's text.
        reason: String,
    },
    /// Another member of the group has the partition now.
    #[error("another member of the group replaced this one, which must not {doing} any more: {reason}")]
    Fenced {
        /// The action that failed.
        doing: &'static str,
        /// Kafka's text.
        reason: String,
    },
    /// A record batch that fails its checksum or cannot be decompressed.
    #[error("Kafka delivered a damaged record batch: {reason}")]
    BadBatch {
        /// librdkafka's text.
        reason: String,
    },
    /// A broker's response is larger than the client may read, such as one with a large record.
    #[error("a broker's response is larger than receive.message.max.bytes: {reason}")]
    ResponseTooLarge {
        /// librdkafka's text.
        reason: String,
    },
    /// A later producer with the same transactional id fenced this one.
    #[error("a later run with the same transactional id has taken over, so this one must not {doing}")]
    TakenOver {
        /// The action that failed.
        doing: &'static str,
    },
    /// Kafka refuses what a setting, a topic or a record asks for.
    #[error("Kafka refuses to {doing}: {reason}")]
    Refused {
        /// The action that failed.
        doing: &'static str,
        /// Whose the failure is.
        scope: Scope,
        /// librdkafka's text.
        reason: String,
    },
    /// The brokers or the client library do not have what is asked for.
    #[error("Kafka does not support the request to {doing}: {reason}")]
    Unsupported {
        /// The action that failed.
        doing: &'static str,
        /// Whose the failure is.
        scope: Scope,
        /// librdkafka's text.
        reason: String,
    },
    /// Any other failure.
    #[error("Kafka failed to {doing}: {reason}")]
    Other {
        /// The action that failed.
        doing: &'static str,
        /// librdkafka's text.
        reason: String,
    },
}

impl Explain for KafkaError {
    fn kind(&self) -> Kind {
        match self {
            KafkaError::UnknownTopic { .. }
            | KafkaError::TooFewBrokers { .. }
            | KafkaError::TopicRefused { .. }
            | KafkaError::FixedProperty { .. }
            | KafkaError::Property { .. }
            | KafkaError::ResponseTooLarge { .. } => Kind::Config,
            KafkaError::UnknownPartition { .. } | KafkaError::OutOfRange { .. } => Kind::Input,
            KafkaError::Unreachable { .. } | KafkaError::Busy { .. } | KafkaError::Fatal { .. } => Kind::Transient,
            KafkaError::Credentials { .. } | KafkaError::Forbidden { .. } => Kind::Permission,
            KafkaError::NotAssigned { .. } | KafkaError::Fenced { .. } | KafkaError::TakenOver { .. } => Kind::Fenced,
            KafkaError::BadBatch { .. } => Kind::Corrupt,
            KafkaError::Refused {
                scope: Scope::Record, ..
            } => Kind::Input,
            KafkaError::Refused { .. } => Kind::Config,
            KafkaError::Unsupported { .. } | KafkaError::Other { .. } => Kind::Internal,
        }
    }

    fn scope(&self) -> Scope {
        match self {
            KafkaError::UnknownTopic { .. } | KafkaError::TooFewBrokers { .. } | KafkaError::TopicRefused { .. } => {
                Scope::Topic
            }
            KafkaError::UnknownPartition { .. } | KafkaError::OutOfRange { .. } | KafkaError::BadBatch { .. } => {
                Scope::Partition
            }
            KafkaError::Unreachable { .. } => Scope::Broker,
            KafkaError::Credentials { .. } => Scope::Credentials,
            KafkaError::Forbidden {
                resource: Resource::Topic,
                ..
            } => Scope::Topic,
            KafkaError::Busy { scope, .. }
            | KafkaError::Refused { scope, .. }
            | KafkaError::Unsupported { scope, .. } => *scope,
            KafkaError::Forbidden { .. }
            | KafkaError::FixedProperty { .. }
            | KafkaError::Property { .. }
            | KafkaError::ResponseTooLarge { .. }
            | KafkaError::NotAssigned { .. }
            | KafkaError::Fatal { .. }
            | KafkaError::Fenced { .. }
            | KafkaError::TakenOver { .. }
            | KafkaError::Other { .. } => Scope::Process,
        }
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            KafkaError::Unreachable { .. } => {
                "start Kafka, or set kafka.brokers to its addresses; for a port that accepts connections, check \
                 security.protocol under kafka.properties"
            }
            KafkaError::Credentials { reason } if reason.contains("alert") && reason.contains("certificate") => {
                "the broker requires a client certificate of an authority that it trusts: \
                 check ssl.certificate.location and ssl.key.location under kafka.properties"
            }
            KafkaError::Credentials { .. } => "check security.protocol, sasl.* and ssl.* under kafka.properties",
            KafkaError::Forbidden { resource, .. } => match resource {
                Resource::Topic => {
                    "grant this user Describe on the topic, with Read to archive and Write to send (`kafka-acls --add`)"
                }
                Resource::Group => "grant this user Read on the group that kafka.group_id names (`kafka-acls --add`)",
                Resource::Cluster => {
                    "grant this user the right on the cluster: Create or Alter for topics, DescribeConfigs, IdempotentWrite \
                     to send (`kafka-acls --add --cluster`)"
                }
                Resource::TransactionalId => {
                    "grant this user Write and Describe on the transactional id, whose name begins with kivend \
                     (`kafka-acls --add --transactional-id`)"
                }
            },
            KafkaError::Refused { scope, .. } => match scope {
                Scope::Record => "compare the record's size, time and format with the topic's configuration",
                Scope::Topic => {
                    "correct the topic's configuration or its entry under [[topics]]; `kivend topics list` compares them"
                }
                Scope::Process => {
                    "correct kafka.group_id, and the session, transaction and file settings under kafka.properties, to what \
                     the brokers allow"
                }
                _ => "check the logs of the brokers",
            },
            KafkaError::Unsupported { .. } => {
                "update the brokers, or remove the setting under kafka.properties or of the topic that asks for it"
            }
            KafkaError::UnknownTopic { .. } => {
                "`kivend topics create` creates the configured topics; `kivend topics list` lists those that exist"
            }
            KafkaError::UnknownPartition { .. } => "`kivend topics list` shows how many partitions the topic has",
            KafkaError::OutOfRange { .. } => {
                "retention deleted the record, or the topic was created again; `--from earliest` begins at the first \
                 record that is left"
            }
            KafkaError::TooFewBrokers { .. } => "start the other brokers, or lower the topic's replication_factor",
            KafkaError::TopicRefused { .. } => {
                "correct the topic's entry under [[topics]] in the configuration; `kivend config show` prints it"
            }
            KafkaError::FixedProperty { .. } => "remove it from kafka.properties",
            KafkaError::Property { .. } => {
                "correct the property under kafka.properties; librdkafka's CONFIGURATION.md lists all of them with their values"
            }
            KafkaError::ResponseTooLarge { .. } => {
                "increase receive.message.max.bytes under kafka.properties above the max.message.bytes of every topic"
            }
            KafkaError::Fatal { .. } => "start the program again; the archiver continues where the archive ends",
            KafkaError::TakenOver { .. } => {
                "wait for the other run; of this one, readers of committed records see whole transactions only"
            }
            KafkaError::BadBatch { .. } => "check the disks and the logs of the brokers",
            KafkaError::Other { .. } => {
                "check the logs of the brokers; `-v` prints librdkafka's own log lines, and kafka.properties.debug adds to them"
            }
            KafkaError::Busy { .. } | KafkaError::NotAssigned { .. } | KafkaError::Fenced { .. } => return None,
        };
        Some(remedy.to_owned())
    }
}

impl KafkaError {
    /// An error of librdkafka while `doing` something, such as "list the topics".
    #[must_use]
    pub fn from_code(code: Code, doing: &'static str, reason: String) -> KafkaError {
        // librdkafka gives its own limit on responses the code of a damaged batch. Only its text tells.
        if code == Code::BadMessage && reason.contains("receive.message.max.bytes") {
            return KafkaError::ResponseTooLarge { reason };
        }
        let (cause, scope) = codes::meaning(code);
        match cause {
            Cause::Passes => KafkaError::Busy { doing, scope, reason },
            Cause::Login => KafkaError::Credentials { reason },
            Cause::Forbidden(resource) => KafkaError::Forbidden {
                doing,
                resource,
                reason,
            },
            Cause::Fenced => KafkaError::Fenced { doing, reason },
            Cause::TakenOver => KafkaError::TakenOver { doing },
            Cause::Damaged => KafkaError::BadBatch { reason },
            Cause::Fatal => KafkaError::Fatal { reason },
            Cause::Refused => KafkaError::Refused { doing, scope, reason },
            Cause::Unsupported => KafkaError::Unsupported { doing, scope, reason },
            Cause::Unexpected => KafkaError::Other { doing, reason },
        }
    }

    /// An error of librdkafka about `topic`, while `doing` something.
    pub(super) fn of_topic(code: Code, doing: &'static str, topic: &str) -> KafkaError {
        KafkaError::from_code(code, doing, format!("{code} for the topic `{topic}`"))
    }

    /// An error of librdkafka about `partition`, while `doing` something.
    pub(super) fn of_partition(code: Code, doing: &'static str, partition: impl fmt::Display) -> KafkaError {
        KafkaError::from_code(code, doing, format!("{code} for {partition}"))
    }

    /// Whether it means that the topic or the partition does not exist.
    #[must_use]
    pub fn is_topic_gone(&self) -> bool {
        matches!(
            self,
            KafkaError::UnknownTopic { .. } | KafkaError::UnknownPartition { .. }
        )
    }

    /// Whether it concerns one topic or its partitions, so that others can go on.
    #[must_use]
    pub fn is_of_one_topic(&self) -> bool {
        self.is_topic_gone() || self.is_topic_forbidden()
    }

    /// Whether a right on the topic is missing.
    #[must_use]
    pub fn is_topic_forbidden(&self) -> bool {
        matches!(
            self,
            KafkaError::Forbidden {
                resource: Resource::Topic,
                ..
            }
        )
    }

    /// An error of rust-rdkafka while `doing` something.
    #[must_use]
    pub fn from_rdkafka(error: &Rdkafka, doing: &'static str) -> KafkaError {
        match error {
            Rdkafka::ClientConfig(_, reason, name, value) => KafkaError::Property {
                name: name.clone(),
                reason: if value.is_empty() {
                    reason.clone()
                } else {
                    reason.replace(value.as_str(), "…")
                },
            },
            Rdkafka::ClientCreation(reason) => KafkaError::Property {
                name: "kafka.properties".to_owned(),
                reason: reason.clone(),
            },
            other => match other.rdkafka_error_code() {
                Some(code) => KafkaError::from_code(code, doing, code.to_string()),
                None => KafkaError::Other {
                    doing,
                    reason: other.to_string(),
                },
            },
        }
    }
}
