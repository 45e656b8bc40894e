//! Errors of Kafka and of the connection to it, each with its kind and its remedy.

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Explain, Kind};
use crate::record::position::TopicPartition;

/// A failure of Kafka, or of the connection to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// Nothing listens at the addresses, or no name resolves.
    #[error("no Kafka broker answered brokers=`{brokers}`")]
    Unreachable {
        /// The configured addresses.
        brokers: String,
    },
    /// TLS or SASL failed.
    #[error("the Kafka brokers refused the connection's credentials reason=`{reason}`")]
    Credentials {
        /// librdkafka's text.
        reason: String,
    },
    /// No ACL allows it.
    #[error("Kafka does not allow this user to {doing} reason=`{reason}`")]
    Forbidden {
        /// The action that failed.
        doing: &'static str,
        /// Kafka's text.
        reason: String,
    },
    /// The topic does not exist.
    #[error("the topic does not exist topic=`{topic}`")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("the topic has no such partition partition=`{partition}`")]
    UnknownPartition {
        /// The partition.
        partition: TopicPartition,
    },
    /// Kafka no longer has the offset, or has not written it yet.
    #[error("Kafka has no record at this offset partition=`{partition}` offset=`{offset}`")]
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was to be read.
        offset: i64,
    },
    /// There are not enough brokers for the topic's replicas.
    #[error(
        "fewer brokers answered than the topic needs for its replicas topic=`{topic}` \
         replication_factor=`{replication_factor}` answered=`{answered}`"
    )]
    TooFewBrokers {
        /// The topic.
        topic: String,
        /// The configured number of replicas.
        replication_factor: i32,
        /// `id (host:port)`, separated by commas.
        answered: String,
    },
    /// Kafka refused to create or alter a topic.
    #[error("Kafka refused the topic's settings topic=`{topic}` reason=`{reason}`")]
    TopicRefused {
        /// The topic.
        topic: String,
        /// Kafka's text.
        reason: String,
    },
    /// A property that a guarantee of the archive depends on.
    #[error("the settings change a Kafka property that must stay as it is property=`{name}` required=`{fixed}`")]
    FixedProperty {
        /// The property.
        name: &'static str,
        /// Its required value.
        fixed: &'static str,
    },
    /// librdkafka does not know the property, or refuses its value.
    #[error("librdkafka does not accept a property property=`{name}` reason=`{reason}`")]
    Property {
        /// The property.
        name: String,
        /// librdkafka's text, without the value.
        reason: String,
    },
    /// A partition that this consumer must neither fetch nor commit.
    #[error("the partition is not assigned to this consumer partition=`{partition}`")]
    NotAssigned {
        /// The partition.
        partition: TopicPartition,
    },
    /// The client cannot continue, but a new one may.
    #[error("the Kafka client cannot continue reason=`{reason}`")]
    Fatal {
        /// librdkafka's text.
        reason: String,
    },
    /// A time-out or another transient failure.
    #[error("Kafka could not {doing} yet reason=`{reason}`")]
    Busy {
        /// The action that failed.
        doing: &'static str,
        /// librdkafka's text.
        reason: String,
    },
    /// Another member of the group has the partition now.
    #[error("another member of the group replaced this one, which must not {doing} any more reason=`{reason}`")]
    Fenced {
        /// The action that failed.
        doing: &'static str,
        /// Kafka's text.
        reason: String,
    },
    /// A record batch that fails its checksum or cannot be decompressed.
    #[error("Kafka delivered a damaged record batch reason=`{reason}`")]
    BadBatch {
        /// librdkafka's text.
        reason: String,
    },
    /// A later producer with the same transactional id fenced this one.
    #[error("a later run with the same transactional id has taken over, so this one must not {doing}")]
    TakenOver {
        /// The action that failed.
        doing: &'static str,
    },
    /// Any other failure.
    #[error("Kafka failed to {doing} reason=`{reason}`")]
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
            | KafkaError::Property { .. } => Kind::Config,
            KafkaError::UnknownPartition { .. } | KafkaError::OutOfRange { .. } => Kind::Input,
            KafkaError::Unreachable { .. } | KafkaError::Busy { .. } | KafkaError::Fatal { .. } => Kind::Transient,
            KafkaError::Credentials { .. } | KafkaError::Forbidden { .. } => Kind::Permission,
            KafkaError::NotAssigned { .. } | KafkaError::Fenced { .. } | KafkaError::TakenOver { .. } => Kind::Fenced,
            KafkaError::BadBatch { .. } => Kind::Corrupt,
            KafkaError::Other { .. } => Kind::Internal,
        }
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            KafkaError::Unreachable { .. } => {
                "start Kafka (here: `deploy/local/cluster up`), or set kafka.brokers to its addresses"
            }
            KafkaError::Credentials { reason } if reason.contains("alert") && reason.contains("certificate") => {
                "the broker requires a client certificate of an authority that it trusts: \
                 check ssl.certificate.location and ssl.key.location under kafka.properties"
            }
            KafkaError::Credentials { .. } => "check security.protocol, sasl.* and ssl.* under kafka.properties",
            KafkaError::Forbidden { .. } => {
                "ask the cluster's administrator to grant this user the missing ACL (`kafka-acls --add`)"
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
        use Code as C;
        match code {
            C::Authentication | C::SSL | C::SaslAuthenticationFailed | C::UnsupportedSASLMechanism => {
                KafkaError::Credentials { reason }
            }
            C::TopicAuthorizationFailed | C::GroupAuthorizationFailed | C::ClusterAuthorizationFailed => {
                KafkaError::Forbidden { doing, reason }
            }
            C::IllegalGeneration | C::UnknownMemberId | C::FencedInstanceId | C::AssignmentLost => {
                KafkaError::Fenced { doing, reason }
            }
            C::BadMessage | C::BadCompression | C::InvalidMessage => KafkaError::BadBatch { reason },
            C::Fatal => KafkaError::Fatal { reason },
            code if is_transient(code) => KafkaError::Busy { doing, reason },
            _ => KafkaError::Other { doing, reason },
        }
    }

    /// Whether it means that the topic or the partition does not exist.
    #[must_use]
    pub fn is_topic_gone(&self) -> bool {
        matches!(
            self,
            KafkaError::UnknownTopic { .. } | KafkaError::UnknownPartition { .. }
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

/// Whether the failure is transient: librdkafka retries it itself, Kafka calls it retriable (its exception is a
/// `RetriableException`), or it is an unknown server error, which Kafka's own consumer retries too. Other failures are
/// permanent, and retrying them would hide them.
fn is_transient(code: Code) -> bool {
    use Code as C;
    matches!(
        code,
        C::BrokerTransportFailure
            | C::AllBrokersDown
            | C::Resolve
            | C::OperationTimedOut
            | C::MessageTimedOut
            | C::TimedOutQueue
            | C::RequestTimedOut
            | C::WaitingForCoordinator
            | C::CoordinatorLoadInProgress
            | C::CoordinatorNotAvailable
            | C::NotCoordinator
            | C::NotController
            | C::RebalanceInProgress
            | C::LeaderNotAvailable
            | C::NotLeaderForPartition
            | C::BrokerNotAvailable
            | C::DestroyBroker
            | C::ReplicaNotAvailable
            | C::NetworkException
            | C::FencedLeaderEpoch
            | C::UnknownLeaderEpoch
            | C::OffsetNotAvailable
            | C::UnstableOffsetCommit
            | C::ThrottlingQuotaExceeded
            | C::KafkaStorageError
            | C::InProgress
            | C::PreviousInProgress
            | C::PollExceeded
            | C::Retry
            | C::WaitCache
            | C::Outdated
            | C::NotEnoughReplicas
            | C::NotEnoughReplicasAfterAppend
            | C::ConcurrentTransactions
            | C::FetchSessionIdNotFound
            | C::InvalidFetchSessionEpoch
            | C::ListenerNotFound
            | C::PreferredLeaderNotAvailable
            | C::EligibleLeadersNotAvailable
            | C::UnknownTopicId
            | C::RebootstrapRequired
            | C::StaleMemberEpoch
            | C::UnreleasedInstanceId
            | C::Unknown
    )
}

/// Whether librdkafka recovers by itself, as when one broker of several went away or a coordinator is loading. Worth a debug
/// line, but no warning.
#[must_use]
pub(crate) fn is_quiet(code: Code) -> bool {
    is_transient(code) && !matches!(code, Code::AllBrokersDown | Code::PollExceeded | Code::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_property_never_shows_its_value() {
        let error = rdkafka::ClientConfig::new()
            .set("security.protocol", "hunter2")
            .create_native_config()
            .err()
            .unwrap();
        let shown = KafkaError::from_rdkafka(&error, "connect").to_string();
        assert!(
            shown.contains("security.protocol") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn a_loading_coordinator_is_quiet_and_no_broker_at_all_is_not() {
        assert!(is_quiet(Code::CoordinatorLoadInProgress));
        assert!(is_quiet(Code::BrokerTransportFailure));
        assert!(!is_quiet(Code::AllBrokersDown));
        assert!(!is_quiet(Code::SaslAuthenticationFailed));
    }

    /// librdkafka's code for a request to a broker that has just left the cluster.
    #[test]
    fn a_broker_that_leaves_while_it_is_asked_is_transient() {
        let error = KafkaError::from_code(Code::DestroyBroker, "read offsets", String::new());
        assert_eq!(error.kind(), Kind::Transient);
        assert!(is_quiet(Code::DestroyBroker));
    }

    /// The numbers of the protocol for every error that Kafka 4.1 calls retriable, except for 2 (a batch that fails its
    /// checksum) and 3 (no such topic), which have variants of their own, and 103 and 106, which librdkafka reports as 100.
    #[test]
    fn what_kafka_calls_retriable_is_transient() {
        let retriable = [
            5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 88, 89, 100,
        ];
        for number in retriable {
            assert_eq!(kind_of(number), Kind::Transient, "error {number}");
        }
        assert_eq!(kind_of(-1), Kind::Transient, "an unknown server error");
    }

    #[test]
    fn a_failure_that_retrying_cannot_help_is_permanent() {
        // Not supported, malformed, not understood: by version, request, message format, compression.
        for number in [35, 42, 43, 76] {
            assert_eq!(kind_of(number), Kind::Internal, "error {number}");
        }
        for number in [29, 30, 31] {
            assert_eq!(kind_of(number), Kind::Permission, "error {number}");
        }
    }

    fn kind_of(number: i32) -> Kind {
        let code = rdkafka::types::RDKafkaRespErr::try_from(number).unwrap();
        KafkaError::from_code(code.into(), "consume", String::new()).kind()
    }
}
