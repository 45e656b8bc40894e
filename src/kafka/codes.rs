//! What each error code of Kafka and of librdkafka means: does it pass, and whose is it. This is the only place that decides so.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::Scope::{self, Broker, Credentials, Partition, Process, Record, Topic};

/// What a right is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// One topic.
    Topic,
    /// The consumer group.
    Group,
    /// The cluster.
    Cluster,
    /// The transactional id of a producer.
    TransactionalId,
}

/// What a code means. Whose it is, is apart from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It passes: librdkafka retries it itself, Kafka calls it retriable, or it is an unknown server error, which Kafka's own
    /// consumer retries too. Nothing else passes, and retrying would hide it.
    Passes,
    /// TLS or SASL failed.
    Login,
    /// No ACL allows it.
    Forbidden(Resource),
    /// Another member or a later run has taken over.
    Fenced,
    /// A later producer with the same transactional id has taken over.
    TakenOver,
    /// A record batch that fails its checksum or cannot be decompressed.
    Damaged,
    /// The client cannot continue, but a new one may.
    Fatal,
    /// The broker refuses what a setting, a topic or a record asks for.
    Refused,
    /// The broker or the client does not have what is asked for.
    Unsupported,
    /// A code that no request should get, or that is no error.
    Unexpected,
}

use Cause::{Damaged, Fatal, Fenced, Forbidden, Login, Passes, Refused, TakenOver, Unexpected, Unsupported};

/// Every code of the client library. Each is in one row.
#[rustfmt::skip]
const TABLE: &[(Cause, Scope, &[Code])] = &[
    (Passes, Broker, &[
        Code::BrokerTransportFailure, Code::AllBrokersDown, Code::Resolve, Code::OperationTimedOut, Code::MessageTimedOut,
        Code::TimedOutQueue, Code::RequestTimedOut, Code::WaitingForCoordinator, Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable, Code::NotCoordinator, Code::NotController, Code::BrokerNotAvailable,
        Code::DestroyBroker, Code::NetworkException, Code::ThrottlingQuotaExceeded, Code::FetchSessionIdNotFound,
        Code::InvalidFetchSessionEpoch, Code::ListenerNotFound, Code::RebootstrapRequired, Code::NodeUpdate,
        Code::UnknownBroker, Code::Unknown,
    ]),
    (Passes, Partition, &[
        Code::LeaderNotAvailable, Code::NotLeaderForPartition, Code::ReplicaNotAvailable, Code::FencedLeaderEpoch,
        Code::UnknownLeaderEpoch, Code::OffsetNotAvailable, Code::UnstableOffsetCommit, Code::KafkaStorageError,
        Code::NotEnoughReplicas, Code::NotEnoughReplicasAfterAppend, Code::ISRInsufficient,
        Code::PreferredLeaderNotAvailable, Code::EligibleLeadersNotAvailable,
    ]),
    (Passes, Topic, &[Code::UnknownTopicId, Code::ReassignmentInProgress]),
    (Passes, Process, &[
        Code::RebalanceInProgress, Code::InProgress, Code::PreviousInProgress, Code::PollExceeded, Code::Retry,
        Code::WaitCache, Code::Outdated, Code::ConcurrentTransactions, Code::StaleMemberEpoch,
        Code::UnreleasedInstanceId, Code::MemberIdRequired, Code::QueueFull, Code::Interrupted,
        Code::UnknownSubscriptionId, Code::TelemetryTooLarge,
    ]),
    // Another record of the batch is at fault: without that one it is taken.
    (Passes, Record, &[Code::InvalidDifferentRecord]),
    (Login, Credentials, &[
        Code::Authentication, Code::SSL, Code::SaslAuthenticationFailed, Code::UnsupportedSASLMechanism,
        Code::IllegalSASLState, Code::UnacceptableCredential, Code::DelegationTokenAuthDisabled,
        Code::DelegationTokenNotFound, Code::DelegationTokenOwnerMismatch, Code::DelegationTokenRequestNotAllowed,
        Code::DelegationTokenAuthorizationFailed, Code::DelegationTokenExpired,
    ]),
    (Forbidden(Resource::Topic), Topic, &[Code::TopicAuthorizationFailed]),
    (Forbidden(Resource::Group), Process, &[Code::GroupAuthorizationFailed]),
    (Forbidden(Resource::Cluster), Process, &[Code::ClusterAuthorizationFailed]),
    (Forbidden(Resource::TransactionalId), Process, &[Code::TransactionalIdAuthorizationFailed]),
    (Fenced, Process, &[
        Code::IllegalGeneration, Code::UnknownMemberId, Code::FencedInstanceId, Code::AssignmentLost,
        Code::FencedMemberEpoch, Code::Fenced,
    ]),
    (TakenOver, Process, &[Code::ProducerFenced, Code::InvalidProducerEpoch]),
    (Damaged, Partition, &[Code::BadMessage, Code::BadCompression, Code::InvalidMessage]),
    (Fatal, Process, &[Code::Fatal]),
    (Refused, Record, &[
        Code::MessageSizeTooLarge, Code::MessageBatchTooLarge, Code::InvalidMessageSize, Code::InvalidRecord,
        Code::InvalidTimestamp, Code::KeySerialization, Code::ValueSerialization, Code::KeyDeserialization,
        Code::ValueDeserialization,
    ]),
    (Refused, Partition, &[
        Code::UnknownPartition, Code::OffsetOutOfRange, Code::NoOffset, Code::AutoOffsetReset, Code::LogTruncation,
        Code::OffsetMetadataTooLarge, Code::InvalidCommitOffsetSize, Code::UnknownProducerId,
        Code::OperationNotAttempted,
    ]),
    (Refused, Topic, &[
        Code::UnknownTopic, Code::UnknownTopicOrPartition, Code::InvalidTopic, Code::TopicAlreadyExists,
        Code::InvalidPartitions, Code::InvalidReplicationFactor, Code::InvalidReplicaAssignment, Code::InvalidConfig,
        Code::PolicyViolation, Code::TopicDeletionDisabled, Code::ResourceNotFound, Code::DuplicateResource,
    ]),
    (Refused, Broker, &[
        Code::StaleControllerEpoch, Code::StaleBrokerEpoch, Code::TransactionCoordinatorFenced, Code::LogDirNotFound,
        Code::InconsistentVoterSet, Code::InvalidUpdateVersion, Code::FeatureUpdateFailed,
        Code::PrincipalDeserializationFailure,
    ]),
    (Refused, Process, &[
        Code::InvalidRequiredAcks, Code::InconsistentGroupProtocol, Code::InvalidGroupId, Code::InvalidSessionTimeout,
        Code::InvalidTransactionTimeout, Code::GroupMaxSizeReached, Code::GroupSubscribedToTopic,
        Code::UnsupportedAssignor, Code::NonEmptyGroup, Code::GroupIdNotFound, Code::UnknownGroup,
        Code::UnknownProtocol, Code::NotConfigured, Code::SecurityDisabled, Code::InvalidPrincipalType,
        Code::FileSystem, Code::CriticalSystemResource,
    ]),
    (Unsupported, Topic, &[Code::UnsupportedForMessageFormat, Code::UnsupportedCompressionType]),
    (Unsupported, Broker, &[Code::UnsupportedVersion, Code::UnsupportedFeature, Code::NotImplemented]),
    (Unexpected, Process, &[
        Code::NoError, Code::BrokerDestroy, Code::Fail, Code::PartitionEOF, Code::InvalidArgument,
        Code::ExistingSubscription, Code::AssignPartitions, Code::RevokePartitions, Code::Conflict, Code::State,
        Code::Partial, Code::ReadOnly, Code::NoEnt, Code::Underflow, Code::InvalidType, Code::PurgeQueue,
        Code::PurgeInflight, Code::Inconsistent, Code::GaplessGuarantee, Code::Application, Code::Noop,
        Code::InvalidRequest, Code::OutOfOrderSequenceNumber, Code::DuplicateSequenceNumber,
        Code::InvalidTransactionalState, Code::InvalidProducerIdMapping, Code::ElectionNotNeeded,
        Code::NoReassignmentInProgress,
    ]),
];

/// What a code means, and whose it is. A code that the table lacks is one that a newer client library has.
pub(super) fn meaning(code: Code) -> (Cause, Scope) {
    let row = TABLE.iter().find(|(_, _, codes)| codes.contains(&code));
    row.map_or((Unexpected, Process), |(cause, scope, _)| (*cause, *scope))
}

/// Whether librdkafka recovers by itself, as when one broker of several went away or a coordinator is loading. Worth a debug
/// line, but no warning.
#[must_use]
pub(crate) fn is_quiet(code: Code) -> bool {
    meaning(code).0 == Passes && !matches!(code, Code::AllBrokersDown | Code::PollExceeded | Code::Unknown)
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaRespErr;

    use super::*;
    use crate::error::{Explain as _, Kind};
    use crate::kafka::error::KafkaError;

    /// The codes that the client library can return, by their numbers.
    fn all() -> impl Iterator<Item = (i32, Code)> {
        let numbers = (-199..=-101).chain(-1..=1_000);
        numbers.filter_map(|number| Some((number, RDKafkaRespErr::try_from(number).ok()?.into())))
    }

    fn of(number: i32) -> KafkaError {
        let code = RDKafkaRespErr::try_from(number).unwrap();
        KafkaError::from_code(code.into(), "consume", String::new())
    }

    #[test]
    fn every_code_is_in_one_row() {
        let mut count = 0;
        for (number, code) in all().filter(|(_, code)| *code != Code::EndAll) {
            let rows = TABLE.iter().filter(|(_, _, codes)| codes.contains(&code)).count();
            assert_eq!(rows, 1, "{number} {code:?}");
            count += 1;
        }
        assert!(count > 160, "{count}");
    }

    #[test]
    fn every_error_keeps_the_two_answers_of_its_row_and_says_what_to_do() {
        for (number, code) in all() {
            let (cause, scope) = meaning(code);
            let error = KafkaError::from_code(code, "read a record", "reason".to_owned());
            assert_eq!(
                error.kind() == Kind::Transient,
                matches!(cause, Passes | Fatal),
                "{number} {code:?}"
            );
            assert_eq!(error.scope(), scope, "{number} {code:?}");
            let remedy = error.remedy().unwrap_or_else(|| error.kind().remedy().to_owned());
            assert!(!remedy.contains("developers of kivend"), "{number} {code:?}: {remedy}");
        }
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
            assert_eq!(of(number).kind(), Kind::Transient, "error {number}");
        }
        assert_eq!(of(-1).kind(), Kind::Transient, "an unknown server error");
    }

    #[test]
    fn a_failure_that_retrying_cannot_help_is_permanent() {
        // Not supported, malformed, not understood: by version, request, message format, compression.
        for number in [35, 42, 43, 76] {
            assert_eq!(of(number).kind(), Kind::Internal, "error {number}");
        }
        for number in [29, 30, 31] {
            assert_eq!(of(number).kind(), Kind::Permission, "error {number}");
        }
    }

    #[test]
    fn rights_on_one_topic_are_that_topics_and_others_are_everybodys() {
        assert!(of(29).scope().spares_other_partitions());
        for number in [30, 31, 53, 58] {
            assert!(!of(number).scope().spares_other_partitions(), "error {number}");
        }
        for (number, right) in [
            (29, "on the topic"),
            (30, "on the group"),
            (31, "on the cluster"),
            (53, "transactional id"),
        ] {
            let remedy = of(number).remedy().unwrap();
            assert!(remedy.contains(right), "{number}: {remedy}");
        }
    }
}
