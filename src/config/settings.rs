//! The types of the validated settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::instance_id::InstanceId;
use crate::config::projection_rule::ProjectionRule;
use crate::config::properties::Properties;
use crate::config::secret::Secret;
use crate::config::selection::TopicSelection;

/// The greatest `archive.seal_max_bytes`: a segment of so many bytes and one large record more fit into an object.
pub const SEAL_MAX_BYTES_LIMIT: usize = 128 << 20;

/// All settings, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The prefix of every topic name; already applied to the names in here.
    pub topic_prefix: String,
    /// The topics that `kivend topics create` creates, in the order of the file; names are unique.
    pub topics: Vec<TopicSettings>,
    /// The topics that are archived.
    pub archived: TopicSelection,
    /// The number of replicas of topics that name none.
    pub default_replication_factor: i32,
    /// `[routing]`
    pub routing: RoutingSettings,
    /// `[kafka]`
    pub kafka: KafkaSettings,
    /// `[store]`
    pub store: StoreSettings,
    /// `[ingest]`
    pub ingest: IngestSettings,
    /// `[archive]`
    pub archive: ArchiveSettings,
    /// `[telemetry]`
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// The full name of the topic that a user calls `name`: a configured topic may be named with or without the
    /// prefix, any other name is taken unchanged.
    #[must_use]
    pub fn topic_name(&self, name: &str) -> String {
        let prefixed = format!("{}{name}", self.topic_prefix);
        let is_full = !self.topic_prefix.is_empty() && name.starts_with(&self.topic_prefix);
        let is_meant = self.archived.is_named(&prefixed) || !is_full && self.archived.takes(&prefixed);
        if is_meant { prefixed } else { name.to_owned() }
    }
}

/// The desired configuration of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// The name with the prefix.
    pub name: String,
    /// The number of partitions, at least 1.
    pub partitions: i32,
    /// The number of replicas, at least 1.
    pub replication_factor: i32,
    /// Kafka's topic configuration, such as `retention.ms`.
    pub properties: Properties,
}

/// Which topic an event goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingSettings {
    /// The topic of event types without a rule; with the prefix.
    pub default: String,
    /// No event type is in two rules.
    pub rules: Vec<RoutingRule>,
}

/// The event types of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingRule {
    /// The topic's name with the prefix.
    pub topic: String,
    /// The event types that go to this topic.
    pub event_types: Vec<String>,
}

/// How to reach Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaSettings {
    /// `host:port` each; not empty.
    pub brokers: Vec<String>,
    /// The consumer group of the archiver.
    pub group_id: String,
    /// Properties of librdkafka, which override the program's own.
    pub properties: Properties,
}

impl KafkaSettings {
    /// How long a member that died stays in the group: librdkafka's default, unless a property says otherwise.
    #[must_use]
    pub fn session_timeout(&self) -> Duration {
        let configured = self.properties.get("session.timeout.ms").and_then(|ms| ms.parse().ok());
        Duration::from_millis(configured.unwrap_or(45_000))
    }
}

/// The store of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// A bucket or a folder.
    pub backend: StoreBackend,
    /// The prefix of every object key: empty, or without a slash at either end.
    pub prefix: String,
}

/// The kind of store.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and nothing copies them on a hot path"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreBackend {
    /// A bucket on S3 or a compatible server.
    S3(S3Settings),
    /// A folder.
    Directory(PathBuf),
}

/// A bucket. Credentials are not settings; they come from the AWS credential chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// The server's URL; none for Amazon S3.
    pub endpoint: Option<String>,
    /// A file of CA certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The bucket's name.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The form of request URLs.
    pub addressing: Addressing,
    /// A profile of the AWS files whose credentials are used alone; none for the AWS credential chain.
    pub profile: Option<String>,
    /// The timeout for opening a connection.
    pub connect_timeout: Duration,
    /// The timeout of one attempt of a request.
    pub attempt_timeout: Duration,
    /// The timeout of a request with all its attempts.
    pub operation_timeout: Duration,
    /// Attempts before a transient error is reported; at least 1.
    pub attempts: u32,
    /// The Object Lock of every created object.
    pub lock: ObjectLock,
    /// How objects are created.
    pub objects: ObjectSettings,
    /// The AWS account that must own the bucket.
    pub expected_owner: Option<String>,
}

/// How objects are created; what is none is left to the bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSettings {
    /// How the server encrypts them.
    pub encryption: Option<Encryption>,
    /// Their storage class.
    pub storage_class: Option<String>,
    /// Their tags, by name.
    pub tags: Vec<(String, String)>,
}

/// How a server encrypts an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of the store (SSE-S3).
    S3,
    /// With a key of the key service (SSE-KMS).
    Kms {
        /// The key's id, ARN or alias; none for the bucket's, or that of the account.
        key_id: Option<String>,
        /// Whether one key for the bucket saves requests to the key service.
        bucket_key: bool,
    },
}

/// Object Lock for every created object; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectLock {
    /// How long an object can be neither deleted nor overwritten.
    pub retention: Option<Retention>,
    /// Locks objects until a user with the right `s3:PutObjectLegalHold` removes the hold.
    pub legal_hold: bool,
}

/// A retention that begins when an object is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Who may end it early.
    pub mode: LockMode,
    /// At least 1.
    pub days: u32,
}

/// Who may end a retention early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Users with the right `s3:BypassGovernanceRetention`.
    Governance,
    /// No user.
    Compliance,
}

/// The position of the bucket's name in a request URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `http://host/bucket/key`
    Path,
    /// `http://bucket.host/key`
    VirtualHost,
}

/// How events are read and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    /// The member that routes an event.
    pub event_type_field: String,
    /// The member that becomes the record key.
    pub key_field: String,
    /// The member that `--sort` orders by.
    pub time_field: String,
    /// The producer's batch per partition.
    pub batch_size_bytes: u32,
    /// How long the producer waits for a batch to fill.
    pub linger_ms: u32,
    /// The maximum length of a line; a longer one is rejected.
    pub max_event_bytes: usize,
}

/// How records are archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// The archive's name; matches `[a-z0-9][a-z0-9._-]{0,62}`.
    pub name: String,
    /// A segment is sealed at this many bytes in memory,
    pub seal_max_bytes: usize,
    /// or at this many records,
    pub seal_max_records: usize,
    /// or this long after its first record,
    pub seal_max_age: Duration,
    /// or this long after its last record.
    pub seal_max_idle: Duration,
    /// Buffered bytes over all partitions; at least `seal_max_bytes`.
    pub memory_budget_bytes: usize,
    /// The file with the signing key; none if it is not set and there is no home folder, which gives its default.
    pub key_file: Option<PathBuf>,
    /// The signing key itself; if set, `key_file` is not read.
    pub key: Option<Secret>,
    /// A token that holds the signing key, or the one that the next rotation adds.
    pub pkcs11: Option<Pkcs11Settings>,
    /// The archiver's name in its group.
    pub instance_id: InstanceId,
    /// The longest time from a request to stop to the end of the process.
    pub shutdown_timeout: Duration,
    /// The time between checkpoints while heads move.
    pub checkpoint_interval: Duration,
    /// The consumer groups whose committed offsets every entry of the log records.
    pub consumer_groups: Vec<String>,
    /// Where every checkpoint is copied to.
    pub checkpoint_copies: Vec<CheckpointCopy>,
    /// Who is asked to cosign every checkpoint; no key is listed twice.
    pub witnesses: Vec<WitnessSettings>,
    /// The typed columns in the order of the file.
    pub projection: Vec<ProjectionRule>,
}

/// A token (a hardware security module or smart card) that is reached through a PKCS#11 library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Settings {
    /// The library.
    pub module: PathBuf,
    /// The token.
    pub token: TokenName,
    /// The label of the signing key; none if the key comes from a file.
    pub label: Option<String>,
    /// The PIN of the token's user.
    pub pin: Option<Secret>,
    /// A file with that PIN; not read if `pin` is set.
    pub pin_file: Option<PathBuf>,
}

/// How a token is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenName {
    /// The token in the slot with this number.
    Slot(u64),
    /// The token with this label.
    Label(String),
}

/// The archiver's metrics and probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// The address to serve them on; none opens no port.
    pub listen: Option<SocketAddr>,
    /// How many partitions have series of their own; the others share one of each metric.
    pub partition_limit: usize,
    /// What the daemon logs, as in `KIVEND_LOG`; empty for what `-v` and `-q` say.
    pub log: String,
}

/// A place for copies of checkpoints, which the owner of the bucket should not be able to change.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and nothing copies them on a hot path"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointCopy {
    /// A folder or a bucket.
    Store(StoreSettings),
    /// A compacted topic with one partition; created if missing.
    Topic(TopicSettings),
}

/// A witness of the archive's log (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    /// The submission prefix: `<url>/add-checkpoint` takes checkpoints. Without a slash at its end.
    pub url: String,
    /// The public key as text, not parsed yet.
    pub key: String,
    /// The monitoring prefix, where the newest cosigned checkpoint is read. Without a slash at its end.
    pub monitoring_url: String,
}
