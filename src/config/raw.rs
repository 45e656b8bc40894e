//! The settings as written, with types checked and nothing else. The rest of the program uses
//! [`Settings`](super::Settings). docs/SETTINGS.md is made from the comments here.

use serde::Deserialize;

use crate::config::raw_topics::RawTopics;
use crate::config::raw_values::{RawProjectionRule, RawProperties, Scalar};
use crate::config::units::{Size, Span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    /// The prefix of every topic name, so that several shops or tests can share a cluster.
    pub topic_prefix: String,
    /// What is archived: names, patterns with `*` and `?`, or tables. A list replaces the default list.
    pub topics: RawTopics,
    pub topic_defaults: RawTopicDefaults,
    pub routing: RawRouting,
    pub kafka: RawKafka,
    pub store: RawStore,
    pub ingest: RawIngest,
    pub archive: RawArchive,
    pub telemetry: RawTelemetry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTopicDefaults {
    /// The number of replicas of topics that are created and name none.
    pub replication_factor: i32,
    /// Kafka's configuration of topics that are created, such as `retention.ms`; merged with the defaults.
    pub properties: RawProperties,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouting {
    /// The topic of event types without a rule.
    pub default: String,
    /// Which event types go to another topic.
    pub rules: Vec<RawRoutingRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoutingRule {
    /// The topic, without the prefix.
    pub topic: String,
    /// The event types that go to it, compared as they are. None may be in two rules.
    pub event_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafka {
    /// The brokers to begin with, each `host:port`.
    pub brokers: Brokers,
    /// Whether unencrypted connections to other machines are allowed.
    pub allow_plaintext: bool,
    /// The consumer group of the archivers. Those of one group share the partitions.
    pub group_id: String,
    /// Properties of librdkafka, such as `security.protocol`, which override kivend's own.
    pub properties: RawProperties,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    /// The URL of the server; empty for Amazon S3.
    pub endpoint: String,
    /// Whether `http://` to other machines is allowed.
    pub allow_plaintext: bool,
    /// A PEM file with the certificates to trust instead of the system's.
    pub ca_file: String,
    /// The bucket.
    pub bucket: String,
    /// The prefix of every object key, without a slash at either end. One prefix holds one archive.
    pub prefix: String,
    /// The bucket's region.
    pub region: String,
    /// Whether requests are `http://host/bucket/key`, and not `http://bucket.host/key`.
    pub path_style: bool,
    /// The longest time for opening a connection.
    pub connect_timeout: Span,
    /// The longest time for one attempt of a request.
    pub attempt_timeout: Span,
    /// The longest time for all attempts of a request together.
    pub operation_timeout: Span,
    /// Attempts before a failure is reported. The archiver goes on after that until it succeeds.
    pub attempts: u32,
    /// `governance` or `compliance`: Object Lock for every created object. Empty for none.
    pub lock_mode: String,
    /// For how many days objects are locked, 1 to 36525; 0 without `lock_mode`.
    pub lock_days: u32,
    /// Whether every created object gets a legal hold.
    pub legal_hold: bool,
    /// `sse-s3` or `sse-kms`: how the server encrypts created objects. Empty for as the bucket says.
    pub encryption: String,
    /// For `sse-kms`: the key's id, ARN or alias. Empty for the bucket's.
    pub kms_key_id: String,
    /// For `sse-kms`: whether an S3 Bucket Key is used, which asks KMS less often.
    pub bucket_key: bool,
    /// The storage class of created objects, such as `STANDARD_IA` or `GLACIER_IR`. Empty for as the bucket says.
    pub storage_class: String,
    /// The twelve digits of the AWS account that must own the bucket.
    pub expected_owner: String,
    /// Tags of every created object, at most ten.
    pub tags: RawProperties,
    /// A folder instead of a bucket. Of the other settings of `[store]` only `prefix` applies then.
    pub directory: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIngest {
    /// The member of an event that chooses its topic.
    pub event_type_field: String,
    /// The member that becomes the record key: events with the same value stay in order.
    pub key_field: String,
    /// The member that `kivend ingest --sort` sorts by.
    pub time_field: String,
    /// The producer's batch for a partition.
    pub batch_size: Size,
    /// How many milliseconds the producer waits for a batch to fill.
    pub linger_ms: u32,
    /// The longest line that is sent; a longer one is rejected.
    pub max_event_bytes: Size,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArchive {
    /// The name in `archive.json` and of the signing key: lower-case letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// A segment is sealed at this many bytes of records in memory, at most 128MiB.
    pub seal_max_bytes: Size,
    /// A segment is sealed at this many records.
    pub seal_max_records: u64,
    /// A segment is sealed this long after its first record: the longest that a record waits, even where more keep coming.
    pub seal_max_age: Span,
    /// A segment is sealed this long after its last record. Shorter times make more and smaller objects.
    pub seal_max_idle: Span,
    /// Bytes of records in memory over all partitions. At the limit fetching pauses.
    pub memory_budget: Size,
    /// The file with the signing key. Empty for `$XDG_CONFIG_HOME/kivend/<archive name>.key`.
    pub key_file: String,
    /// The signing key itself instead of a file. Set it only as a variable.
    pub key: String,
    pub pkcs11: RawPkcs11,
    /// The archiver's name in its group: `auto` for a free one of this host, empty for none; in a StatefulSet the pod's.
    pub instance_id: String,
    /// The longest time from a request to stop to the end of the process.
    pub shutdown_timeout: Span,
    /// The time between checkpoints while records are archived.
    pub checkpoint_interval: Span,
    /// Consumer groups, also as patterns, whose committed offsets each entry of the log records.
    pub consumer_groups: Vec<String>,
    /// Places to which every checkpoint is copied. Each is a folder, a compacted topic or a bucket.
    pub checkpoint_copies: Vec<RawCheckpointCopy>,
    /// Servers of other parties that cosign checkpoints (C2SP tlog-witness).
    pub witnesses: Vec<RawWitness>,
    /// Typed columns beside the unchanged value. A list replaces the default list.
    pub projection: Vec<RawProjectionRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPkcs11 {
    /// The absolute path of the PKCS#11 library.
    pub module: String,
    /// The number of the slot with the token, or
    pub slot: Scalar,
    /// the token's label.
    pub token: String,
    /// The label of the Ed25519 key. `kivend init` creates it if the token has none.
    pub label: String,
    /// A file with the PIN, readable by its owner only. The variable `KIVEND_PKCS11_PIN` takes its place.
    pub pin_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTelemetry {
    /// The address of the archiver's `/metrics`, `/healthz` and `/readyz`, as `ip:port`. Empty for none.
    pub listen: String,
    /// How many partitions have metrics of their own; the others share one series of each metric.
    pub partition_limit: usize,
    /// What the archiver logs, such as `warn,kivend=debug`. The variable `KIVEND_LOG` wins over it.
    pub log: String,
}

/// One of `directory`, `bucket` and `topic`, with the members of a bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheckpointCopy {
    /// A folder, which must exist; or
    pub directory: Option<String>,
    /// a compacted topic, created if missing; or
    pub topic: Option<String>,
    /// a bucket.
    pub bucket: Option<String>,
    /// The prefix in the bucket.
    pub prefix: Option<String>,
    /// The bucket's server. By default that of `[store]`.
    pub endpoint: Option<String>,
    /// The bucket's region. By default that of `[store]`.
    pub region: Option<String>,
    /// As `store.path_style`, which is the default.
    pub path_style: Option<bool>,
    /// The profile of the AWS files whose credentials are used.
    pub profile: Option<String>,
    /// Whether `http://` to another machine is allowed.
    pub allow_plaintext: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWitness {
    /// The submission prefix: `<url>/add-checkpoint` takes checkpoints.
    pub url: String,
    /// The witness's public key, `name+id+base64`.
    pub key: String,
    /// Where its newest cosigned checkpoint is read. By default `url`.
    pub monitoring_url: Option<String>,
    /// Whether `http://` to another machine is allowed.
    pub allow_plaintext: Option<bool>,
}

/// A list, or one text with commas, which is the only form in an environment variable or a flag.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of `host:port`, or one text with commas between"
)]
pub(super) enum Brokers {
    Text(String),
    List(Vec<String>),
}
