//! The settings as written, with types checked and nothing else. The rest of the program uses
//! [`Settings`](super::Settings).

use serde::Deserialize;

use crate::config::raw_topics::RawTopics;
use crate::config::raw_values::{RawProjectionRule, RawProperties, Scalar};
use crate::config::units::{Size, Span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub topic_prefix: String,
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
    pub replication_factor: i32,
    pub properties: RawProperties,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouting {
    pub default: String,
    pub rules: Vec<RawRoutingRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoutingRule {
    pub topic: String,
    pub event_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafka {
    pub brokers: Brokers,
    pub allow_plaintext: bool,
    pub group_id: String,
    pub properties: RawProperties,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    pub endpoint: String,
    pub allow_plaintext: bool,
    pub ca_file: String,
    pub bucket: String,
    pub prefix: String,
    pub region: String,
    pub path_style: bool,
    pub connect_timeout: Span,
    pub attempt_timeout: Span,
    pub operation_timeout: Span,
    pub attempts: u32,
    pub lock_mode: String,
    pub lock_days: u32,
    pub legal_hold: bool,
    pub encryption: String,
    pub kms_key_id: String,
    pub bucket_key: bool,
    pub storage_class: String,
    pub expected_owner: String,
    pub tags: RawProperties,
    pub directory: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIngest {
    pub event_type_field: String,
    pub key_field: String,
    pub time_field: String,
    pub batch_size: Size,
    pub linger_ms: u32,
    pub max_event_bytes: Size,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArchive {
    pub name: String,
    pub seal_max_bytes: Size,
    pub seal_max_records: u64,
    pub seal_max_age: Span,
    pub seal_max_idle: Span,
    pub memory_budget: Size,
    pub key_file: String,
    pub key: String,
    pub pkcs11: RawPkcs11,
    pub instance_id: String,
    pub shutdown_timeout: Span,
    pub checkpoint_interval: Span,
    pub consumer_groups: Vec<String>,
    pub checkpoint_copies: Vec<RawCheckpointCopy>,
    pub witnesses: Vec<RawWitness>,
    pub projection: Vec<RawProjectionRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPkcs11 {
    pub module: String,
    pub slot: Scalar,
    pub token: String,
    pub label: String,
    pub pin_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTelemetry {
    pub listen: String,
    pub partition_limit: usize,
    pub log: String,
}

/// One of `directory`, `bucket` and `topic`, with the members of a bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheckpointCopy {
    pub directory: Option<String>,
    pub topic: Option<String>,
    pub bucket: Option<String>,
    pub prefix: Option<String>,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub path_style: Option<bool>,
    pub profile: Option<String>,
    pub allow_plaintext: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWitness {
    pub url: String,
    pub key: String,
    pub monitoring_url: Option<String>,
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
