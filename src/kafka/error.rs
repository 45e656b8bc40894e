//! What can go wrong with Kafka, in words that tell what to do. Never retries anything.

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Explain, Kind};
use crate::record::position::TopicPartition;

/// A failure of Kafka, or of our way to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// Nothing listens there, or no name resolves.
    #[error("no Kafka broker answered brokers=`{brokers}`")]
    Unreachable {
        /// As configured.
        brokers: String,
    },
    /// TLS or SASL failed.
    #[error("the Kafka brokers refused the connection's credentials reason=`{reason}`")]
    Credentials {
        /// librdkafka's words.
        reason: String,
    },
    /// An ACL forbids it.
    #[error("Kafka does not allow this user to {doing} reason=`{reason}`")]
    Forbidden {
        /// What we were about to do.
        doing: &'static str,
        /// Kafka's words.
        reason: String,
    },
    /// There is no such topic.
    #[error("the topic does not exist topic=`{topic}`")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("the topic has no such partition partition=`{partition}`")]
    UnknownPartition {
        /// Which.
        partition: TopicPartition,
    },
    /// Kafka no longer has, or never had, the offset.
    #[error("Kafka has nothing at this offset partition=`{partition}` offset=`{offset}`")]
    OutOfRange {
        /// Of which partition.
        partition: TopicPartition,
        /// What was asked for.
        offset: i64,
    },
    /// A topic cannot be created so.
    #[error(
        "fewer brokers answered than the topic wants replicas topic=`{topic}` \
         replication_factor=`{replication_factor}` answered=`{answered}`"
    )]
    TooFewBrokers {
        /// Which topic.
        topic: String,
        /// As configured.
        replication_factor: i32,
        /// `id (host:port)`, separated by commas.
        answered: String,
    },
    /// Kafka refused to create or alter a topic.
    #[error("Kafka refused the topic's settings topic=`{topic}` reason=`{reason}`")]
    TopicRefused {
        /// Which topic.
        topic: String,
        /// Kafka's words.
        reason: String,
    },
    /// A property that we set for a reason.
    #[error(
        "the archive's promises rest on a Kafka property that the settings change property=`{name}` value=`{fixed}`"
    )]
    FixedProperty {
        /// The property.
        name: &'static str,
        /// What it must be.
        fixed: &'static str,
    },
    /// librdkafka does not know the property, or not this value.
    #[error("librdkafka does not accept a property property=`{name}` reason=`{reason}`")]
    Property {
        /// The property.
        name: String,
        /// librdkafka's words, without the value.
        reason: String,
    },
    /// A partition that is not ours (any more): neither fetched nor committed.
    #[error("the partition is not assigned to this consumer partition=`{partition}`")]
    NotAssigned {
        /// Which.
        partition: TopicPartition,
    },
    /// The client cannot go on; a new one may.
    #[error("the Kafka client failed for good reason=`{reason}`")]
    Fatal {
        /// librdkafka's words.
        reason: String,
    },
    /// It took too long, or Kafka is busy with itself.
    #[error("Kafka did not manage to {doing} reason=`{reason}`")]
    Busy {
        /// What we were about to do.
        doing: &'static str,
        /// librdkafka's words.
        reason: String,
    },
    /// Another member of the group has the partition now.
    #[error("another member has this consumer's place, which therefore must not {doing} reason=`{reason}`")]
    Fenced {
        /// What we were about to do.
        doing: &'static str,
        /// Kafka's words.
        reason: String,
    },
    /// A record batch that fails its checksum or cannot be decompressed.
    #[error("Kafka delivered bytes that fail their own checks reason=`{reason}`")]
    BadBatch {
        /// librdkafka's words.
        reason: String,
    },
    /// Whoever has the same transactional id later shuts out whoever had it before.
    #[error("another run with the same transactional id has taken over, so this one must not {doing}")]
    TakenOver {
        /// What we were about to do.
        doing: &'static str,
    },
    /// Nothing we have words for.
    #[error("Kafka failed to {doing} reason=`{reason}`")]
    Other {
        /// What we were about to do.
        doing: &'static str,
        /// librdkafka's words.
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
                "start Kafka (here: `deploy/local/cluster up`), or set kafka.brokers to where it runs"
            }
            KafkaError::Credentials { reason } if reason.contains("alert") && reason.contains("certificate") => {
                "the broker wants this client's own certificate, by an authority that it believes: \
                 check ssl.certificate.location and ssl.key.location under kafka.properties"
            }
            KafkaError::Credentials { .. } => "check security.protocol, sasl.* and ssl.* under kafka.properties",
            KafkaError::Forbidden { .. } => "have the missing ACL granted to this user",
            KafkaError::UnknownTopic { .. } => {
                "`kivend topics create` creates the configured topics; `kivend topics list` shows which there are"
            }
            KafkaError::UnknownPartition { .. } => "`kivend topics list` shows how many partitions there are",
            KafkaError::OutOfRange { .. } => {
                "retention deleted it, or the topic was created again; `--from earliest` begins at what is left"
            }
            KafkaError::TooFewBrokers { .. } => "start the other brokers, or lower the topic's replication_factor",
            KafkaError::TopicRefused { .. } => "mend the topic's entry in the configuration",
            KafkaError::FixedProperty { .. } => "remove it from kafka.properties",
            KafkaError::Property { .. } => "the properties and their values are in librdkafka's CONFIGURATION.md",
            KafkaError::Fatal { .. } => "start it again: it continues where the archive ends",
            KafkaError::TakenOver { .. } => "let the other run finish; this one left nothing half sent",
            KafkaError::BadBatch { .. } => "look at the log and the disks of the brokers",
            _ => return None,
        };
        Some(remedy.to_owned())
    }
}

impl KafkaError {
    /// An error of librdkafka's while `doing` something ("list the topics").
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
            code if is_passing(code) => KafkaError::Busy { doing, reason },
            _ => KafkaError::Other { doing, reason },
        }
    }

    /// Whether it says that Kafka has no such topic.
    #[must_use]
    pub fn is_topic_gone(&self) -> bool {
        matches!(
            self,
            KafkaError::UnknownTopic { .. } | KafkaError::UnknownPartition { .. }
        )
    }

    /// An error of rust-rdkafka's while `doing` something.
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

/// Goes away by itself, or by trying again: what librdkafka tries again itself, what Kafka calls retriable (KIP-35's errors
/// whose exception is a `RetriableException`), and a broker that stumbled and does not know over what, which Kafka's own
/// consumer asks again too. Whatever else has no words of its own above is for good: trying again would hide it.
fn is_passing(code: Code) -> bool {
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

/// Whether librdkafka mends it by itself and tells us only for the record: one broker of several went, a coordinator
/// is loading after a start. Worth a debug line, never an alarm.
#[must_use]
pub(crate) fn is_quiet(code: Code) -> bool {
    is_passing(code) && !matches!(code, Code::AllBrokersDown | Code::PollExceeded | Code::Unknown)
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

    /// librdkafka says so to whoever waited for an answer of a broker that has just left the cluster.
    #[test]
    fn a_broker_that_leaves_while_it_is_asked_is_asked_again() {
        let error = KafkaError::from_code(Code::DestroyBroker, "tell offsets", String::new());
        assert_eq!(error.kind(), Kind::Transient);
        assert!(is_quiet(Code::DestroyBroker));
    }

    /// The numbers are the protocol's, of every error that Kafka 4.1 calls retriable, save three that have words of their
    /// own: 2 (a batch that fails its checksum), 3 (no such topic), 103 and 106 (librdkafka tells them as 100).
    #[test]
    fn what_kafka_calls_retriable_is_tried_again() {
        let retriable = [
            5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 88, 89, 100,
        ];
        for number in retriable {
            assert_eq!(kind_of(number), Kind::Transient, "error {number}");
        }
        assert_eq!(kind_of(-1), Kind::Transient, "a broker that stumbled");
    }

    #[test]
    fn what_trying_again_cannot_help_is_for_good() {
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
