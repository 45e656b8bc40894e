//! The settings as typed, validated values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::properties::Properties;
use crate::config::secret::Secret;

/// Everything that can be set, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Written before every topic name; already applied to every name in here.
    pub topic_prefix: String,
    /// In the order of the file; never empty, names are unique.
    pub topics: Vec<TopicSettings>,
    /// Which topic an event goes to.
    pub routing: RoutingSettings,
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// Where the archive is.
    pub store: StoreSettings,
    /// How events are read and sent.
    pub ingest: IngestSettings,
    /// How records become segments.
    pub archive: ArchiveSettings,
    /// Metrics and health.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// The full name of the topic that a user calls `name`: a configured topic may be named with or without the
    /// prefix, any other name is taken as it stands.
    #[must_use]
    pub fn topic_name(&self, name: &str) -> String {
        let prefixed = format!("{}{name}", self.topic_prefix);
        let configured = self.topics.iter().any(|topic| topic.name == prefixed);
        if configured { prefixed } else { name.to_owned() }
    }
}

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// With the prefix.
    pub name: String,
    /// At least 1.
    pub partitions: i32,
    /// At least 1.
    pub replication_factor: i32,
    /// Kafka's topic configuration, such as `retention.ms`.
    pub properties: Properties,
}

/// Which topic an event goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingSettings {
    /// The topic of every event type that no rule names; with the prefix.
    pub default: String,
    /// No event type stands in two rules.
    pub rules: Vec<RoutingRule>,
}

/// The event types of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingRule {
    /// With the prefix.
    pub topic: String,
    /// The event types that go to the topic.
    pub event_types: Vec<String>,
}

/// How to reach Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaSettings {
    /// `host:port` each; never empty.
    pub brokers: Vec<String>,
    /// The archivers' consumer group.
    pub group_id: String,
    /// librdkafka's properties, which win over what the program sets by itself.
    pub properties: Properties,
}

/// Where the archive lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The kind of store.
    pub backend: StoreBackend,
    /// Under which every key is written: empty, or without a slash at either end.
    pub prefix: String,
}

/// What kind of store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreBackend {
    /// Amazon S3 or a compatible server.
    S3(S3Settings),
    /// A local folder.
    Directory(PathBuf),
}

/// A bucket. Credentials are never settings: they come from the usual AWS chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// None for Amazon S3 itself.
    pub endpoint: Option<String>,
    /// Certificates in PEM to be believed instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The bucket's name.
    pub bucket: String,
    /// The AWS region.
    pub region: String,
    /// Where the bucket's name is in a request.
    pub addressing: Addressing,
    /// Of the AWS files, whose credentials are then the only ones; else the usual chain finds them.
    pub profile: Option<String>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one try of a request may take.
    pub attempt_timeout: Duration,
    /// How long a request may take with all its tries.
    pub operation_timeout: Duration,
    /// How often a request is tried before a transient error is reported; at least 1.
    pub attempts: u32,
    /// What every object is created with.
    pub lock: ObjectLock,
}

/// How the bucket is asked to keep each object from being deleted or overwritten. Nothing is asked by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectLock {
    /// How long an object is kept at least.
    pub retention: Option<Retention>,
    /// Until somebody with the right to takes it off.
    pub legal_hold: bool,
}

/// From the moment of its creation on.
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
    /// Whoever has the right `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody.
    Compliance,
}

/// Where the bucket's name stands in a request.
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
    /// The name of the field with an event's type.
    pub event_type_field: String,
    /// The name of the field with an event's record key.
    pub key_field: String,
    /// The name of the field with an event's time.
    pub time_field: String,
    /// Maximum size of a batch.
    pub batch_size_bytes: u32,
    /// How long a batch waits for more records.
    pub linger_ms: u32,
    /// Maximum length of a line.
    pub max_event_bytes: usize,
}

/// How records become segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// Matches `[a-z0-9][a-z0-9._-]{0,62}`.
    pub name: String,
    /// A segment is sealed at this many bytes,
    pub seal_max_bytes: usize,
    /// at this many records,
    pub seal_max_records: usize,
    /// at this age,
    pub seal_max_age: Duration,
    /// or when no record came for this long.
    pub seal_max_idle: Duration,
    /// Over all partitions; at least `seal_max_bytes`.
    pub memory_budget_bytes: usize,
    /// The file with the signing key.
    pub key_file: PathBuf,
    /// The signing key itself; then no file is read.
    pub key: Option<Secret>,
    /// Time between two checkpoints.
    pub checkpoint_interval: Duration,
    /// Second places for checkpoints.
    pub checkpoint_copies: Vec<CheckpointCopy>,
    /// Columns in the order of the file.
    pub projection: Vec<ProjectionRule>,
}

/// One typed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionRule {
    /// The column's name.
    pub column: String,
    /// A JSON pointer (RFC 6901).
    pub path: String,
    /// The column's type.
    pub column_type: ColumnType,
}

/// Where the archiver tells how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// None: no port is opened.
    pub listen: Option<SocketAddr>,
}

/// A second place for checkpoints, out of the reach of whoever owns the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointCopy {
    /// A folder, or a bucket.
    Store(StoreSettings),
    /// A compacted topic with one partition, made where it is missing.
    Topic(TopicSettings),
}

/// The type of a typed column, as `type` of `[[archive.projection]]` and of the footer's `projection` spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text.
    String,
    /// A signed integer of 64 bits.
    Int64,
    /// A floating-point number of 64 bits.
    Float64,
    /// True or false.
    Bool,
    /// A time in microseconds (UTC).
    TimestampUs,
    /// Any JSON value, as text.
    Json,
}

impl ColumnType {
    /// The spelling in settings and footers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ColumnType::String => "string",
            ColumnType::Int64 => "int64",
            ColumnType::Float64 => "float64",
            ColumnType::Bool => "bool",
            ColumnType::TimestampUs => "timestamp_us",
            ColumnType::Json => "json",
        }
    }
}
