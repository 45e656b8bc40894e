//! Turns the settings as written into validated settings. An error names the setting.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::brokers::check_broker;
use crate::config::checkpoint_copies::checkpoint_copies;
use crate::config::instance_id::InstanceId;
use crate::config::invalid::{Invalid, require};
use crate::config::objects::{expected_owner, objects};
use crate::config::pkcs11::pkcs11;
use crate::config::raw::{Brokers, Raw, RawArchive, RawCheckpointCopy, RawIngest, RawKafka, RawStore, RawTelemetry};
use crate::config::s3_address;
use crate::config::secret::Secret;
use crate::config::selection::TopicSelection;
use crate::config::settings::{
    Addressing, ArchiveSettings, CheckpointCopy, IngestSettings, KafkaSettings, LockMode, ObjectLock, Retention,
    S3Settings, SEAL_MAX_BYTES_LIMIT, Settings, StoreBackend, StoreSettings, TelemetrySettings,
};
use crate::config::topics::{projection, properties, routing, topics};
use crate::config::transport::{is_plaintext_endpoint, plaintext_broker};
use crate::config::units::Size;
use crate::config::witnesses::witnesses;

/// The topics, without the prefix, in which `ingest --exactly-once` and `restore` keep their progress.
pub const LEDGERS: [&str; 2] = ["kivend-ingest", "kivend-restore"];

/// What the program is told beside its settings.
pub(super) struct Surroundings<'a> {
    /// The default folder of the signing key file.
    pub config_home: Option<&'a Path>,
    /// The PIN of the token that holds the signing key.
    pub pin: Option<&'a str>,
}

pub(super) fn validate(raw: Raw, around: &Surroundings<'_>) -> Result<Settings, Invalid> {
    let prefix = &raw.topic_prefix;
    let topics = topics(raw.topics.0, &raw.topic_defaults, prefix)?;
    let store = store(raw.store)?;
    let archive = archive(raw.archive, around, |written| {
        checkpoint_copies(written, &store, &topics.archived, &raw.topic_defaults)
    })?;
    let largest = topics
        .archived
        .iter()
        .filter_map(|rule| rule.overrides.seal_max_bytes)
        .max();
    require(
        largest.is_none_or(|bytes| bytes <= archive.memory_budget_bytes),
        "topics",
        "seal_max_bytes must be at most archive.memory_budget, so that one segment fits",
    )?;
    let routing = routing(raw.routing, prefix, &topics)?;
    let own = own_topics(&archive, prefix);
    Ok(Settings {
        routing,
        kafka: kafka(raw.kafka)?,
        archive,
        store,
        ingest: ingest(raw.ingest)?,
        telemetry: telemetry(&raw.telemetry)?,
        topics: topics.created,
        archived: TopicSelection::new(topics.archived, own),
        default_replication_factor: raw.topic_defaults.replication_factor,
        topic_prefix: raw.topic_prefix,
    })
}

/// The topics in which kivend keeps what it knows.
fn own_topics(archive: &ArchiveSettings, prefix: &str) -> Vec<String> {
    let copies = archive.checkpoint_copies.iter().filter_map(|copy| match copy {
        CheckpointCopy::Topic(topic) => Some(topic.name.clone()),
        CheckpointCopy::Store(_) => None,
    });
    let ledgers = LEDGERS.map(|name| format!("{prefix}{name}"));
    copies.chain(ledgers).collect()
}

fn kafka(written: RawKafka) -> Result<KafkaSettings, Invalid> {
    let brokers: Vec<String> = match written.brokers {
        Brokers::Text(text) => text.split(',').map(|broker| broker.trim().to_owned()).collect(),
        Brokers::List(list) => list,
    };
    require(!brokers.is_empty(), "kafka.brokers", "at least one broker is needed")?;
    for broker in &brokers {
        check_broker(broker)?;
    }
    require(!written.group_id.is_empty(), "kafka.group_id", "must not be empty")?;
    let properties = properties(&written.properties);
    let unencrypted = plaintext_broker(&brokers, &properties).filter(|_| !written.allow_plaintext);
    require(
        unencrypted.is_none(),
        "kafka.brokers",
        format!(
            "the broker `{}` is not on this machine, and records would travel to it unencrypted: set security.protocol to SSL or SASL_SSL under kafka.properties, or kafka.allow_plaintext = true on a trusted network",
            unencrypted.unwrap_or_default()
        ),
    )?;
    Ok(KafkaSettings {
        brokers,
        group_id: written.group_id,
        properties,
    })
}

fn store(written: RawStore) -> Result<StoreSettings, Invalid> {
    let prefix = &written.prefix;
    let slashed = prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//");
    require(
        !slashed,
        "store.prefix",
        format!("`{prefix}` must not begin or end with a slash, nor contain two in a row"),
    )?;
    let stepping = prefix.split('/').any(|part| part == "." || part == "..");
    require(
        !stepping,
        "store.prefix",
        format!("`{prefix}` must not have `.` or `..` between slashes"),
    )?;
    let backend = if written.directory.is_empty() {
        StoreBackend::S3(s3(&written)?)
    } else {
        StoreBackend::Directory(PathBuf::from(&written.directory))
    };
    Ok(StoreSettings {
        backend,
        prefix: written.prefix,
    })
}

fn s3(written: &RawStore) -> Result<S3Settings, Invalid> {
    let endpoint = &written.endpoint;
    let is_url = endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://");
    require(is_url, "store.endpoint", "must begin with http:// or https://")?;
    // The endpoint is printed and logged.
    require(
        !endpoint.contains('@'),
        "store.endpoint",
        "must not contain credentials: set them in the environment or in the AWS files",
    )?;
    require(
        written.allow_plaintext || !is_plaintext_endpoint(endpoint),
        "store.endpoint",
        "the store is not on this machine, and records would travel to it unencrypted: use https (with store.ca_file for a private CA), or set store.allow_plaintext = true on a trusted network",
    )?;
    s3_address::check(endpoint, &written.bucket, written.path_style)?;
    require(!written.region.is_empty(), "store.region", "must not be empty")?;
    require(written.attempts >= 1, "store.attempts", "must be at least 1")?;
    for (key, timeout) in [
        ("store.connect_timeout", written.connect_timeout.0),
        ("store.attempt_timeout", written.attempt_timeout.0),
        ("store.operation_timeout", written.operation_timeout.0),
    ] {
        require(timeout > Duration::ZERO, key, "must be longer than 0s")?;
    }
    Ok(S3Settings {
        endpoint: (!endpoint.is_empty()).then(|| endpoint.trim_end_matches('/').to_owned()),
        ca_file: (!written.ca_file.is_empty()).then(|| PathBuf::from(&written.ca_file)),
        bucket: written.bucket.clone(),
        region: written.region.clone(),
        addressing: if written.path_style {
            Addressing::Path
        } else {
            Addressing::VirtualHost
        },
        profile: None,
        connect_timeout: written.connect_timeout.0,
        attempt_timeout: written.attempt_timeout.0,
        operation_timeout: written.operation_timeout.0,
        attempts: written.attempts,
        lock: lock(written)?,
        objects: objects(written)?,
        expected_owner: expected_owner(&written.expected_owner)?,
    })
}

fn ingest(written: RawIngest) -> Result<IngestSettings, Invalid> {
    for (key, field) in [
        ("ingest.event_type_field", &written.event_type_field),
        ("ingest.key_field", &written.key_field),
        ("ingest.time_field", &written.time_field),
    ] {
        require(!field.is_empty(), key, "must not be empty")?;
    }
    // librdkafka's bounds for `batch.size` and `linger.ms`.
    let batch = written.batch_size.0;
    require(
        (1..=i32::MAX as u64).contains(&batch),
        "ingest.batch_size",
        "must be 1B to 2147483647B",
    )?;
    require(written.linger_ms <= 900_000, "ingest.linger_ms", "must be 0 to 900000")?;
    let max_event_bytes = bytes("ingest.max_event_bytes", written.max_event_bytes)?;
    require(
        max_event_bytes <= 1_000_000_000,
        "ingest.max_event_bytes",
        "must be at most 1GB",
    )?;
    Ok(IngestSettings {
        event_type_field: written.event_type_field,
        key_field: written.key_field,
        time_field: written.time_field,
        batch_size_bytes: u32::try_from(batch).unwrap_or(u32::MAX),
        linger_ms: written.linger_ms,
        max_event_bytes,
    })
}

/// The longest retention, a hundred years: a retention in compliance mode cannot be undone.
const LOCK_MAX_DAYS: u32 = 36_525;

fn lock(written: &RawStore) -> Result<ObjectLock, Invalid> {
    let mode = match written.lock_mode.as_str() {
        "" => None,
        "governance" => Some(LockMode::Governance),
        "compliance" => Some(LockMode::Compliance),
        other => {
            let reason = format!("must be governance, compliance or empty, not `{other}`");
            return Err(Invalid::new("store.lock_mode", reason));
        }
    };
    let days = written.lock_days;
    let fits = if mode.is_some() { 1..=LOCK_MAX_DAYS } else { 0..=0 };
    require(
        fits.contains(&days),
        "store.lock_days",
        "must be 1 to 36525 with store.lock_mode, and 0 without",
    )?;
    Ok(ObjectLock {
        retention: mode.map(|mode| Retention { mode, days }),
        legal_hold: written.legal_hold,
    })
}

fn archive(
    written: RawArchive,
    around: &Surroundings<'_>,
    copies: impl FnOnce(Vec<RawCheckpointCopy>) -> Result<Vec<CheckpointCopy>, Invalid>,
) -> Result<ArchiveSettings, Invalid> {
    let is_valid_name = is_archive_name(&written.name);
    require(
        is_valid_name,
        "archive.name",
        format!("must match [a-z0-9][a-z0-9._-]{{0,62}}, not `{}`", written.name),
    )?;
    let seal_max_bytes = bytes("archive.seal_max_bytes", written.seal_max_bytes)?;
    let why = "must be at most 128MiB, so that one large record more fits into the segment's object";
    require(seal_max_bytes <= SEAL_MAX_BYTES_LIMIT, "archive.seal_max_bytes", why)?;
    let memory_budget_bytes = bytes("archive.memory_budget", written.memory_budget)?;
    let why = "must be at least archive.seal_max_bytes, so that one segment fits";
    require(memory_budget_bytes >= seal_max_bytes, "archive.memory_budget", why)?;
    let seal_max_records = usize::try_from(written.seal_max_records).unwrap_or(usize::MAX);
    require(seal_max_records >= 1, "archive.seal_max_records", "must be at least 1")?;
    let intervals = [
        ("archive.seal_max_age", written.seal_max_age.0),
        ("archive.seal_max_idle", written.seal_max_idle.0),
        ("archive.shutdown_timeout", written.shutdown_timeout.0),
        ("archive.checkpoint_interval", written.checkpoint_interval.0),
    ];
    for (key, interval) in intervals {
        require(interval > Duration::ZERO, key, "must be longer than 0s")?;
    }
    Ok(ArchiveSettings {
        pkcs11: pkcs11(&written, around.pin)?,
        key_file: key_file(&written, around.config_home),
        key: (!written.key.is_empty()).then(|| Secret::new(written.key)),
        name: written.name,
        seal_max_bytes,
        seal_max_records,
        seal_max_age: written.seal_max_age.0,
        seal_max_idle: written.seal_max_idle.0,
        memory_budget_bytes,
        instance_id: InstanceId::of(&written.instance_id)?,
        shutdown_timeout: written.shutdown_timeout.0,
        checkpoint_interval: written.checkpoint_interval.0,
        consumer_groups: written.consumer_groups.clone(),
        checkpoint_copies: copies(written.checkpoint_copies)?,
        witnesses: witnesses(written.witnesses)?,
        projection: projection(written.projection),
    })
}

fn key_file(written: &RawArchive, config_home: Option<&Path>) -> Option<PathBuf> {
    if written.key_file.is_empty() {
        return Some(config_home?.join(format!("{}.key", written.name)));
    }
    Some(PathBuf::from(&written.key_file))
}

fn telemetry(written: &RawTelemetry) -> Result<TelemetrySettings, Invalid> {
    let refused = |_| {
        Invalid::new(
            "telemetry.listen",
            format!("must be `ip:port`, such as 127.0.0.1:9464, not `{}`", written.listen),
        )
    };
    let listen = Some(&written.listen).filter(|listen| !listen.is_empty());
    Ok(TelemetrySettings {
        listen: listen.map(|listen| listen.parse().map_err(refused)).transpose()?,
        partition_limit: written.partition_limit,
        log: written.log.clone(),
    })
}

/// A size of memory, at least one byte.
fn bytes(key: &'static str, size: Size) -> Result<usize, Invalid> {
    require(size.0 >= 1, key, "must be at least 1B")?;
    usize::try_from(size.0)
        .map_err(|_| Invalid::new(key, "must not be larger than this machine can address".to_owned()))
}

fn is_archive_name(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    first && rest && name.len() <= 63
}
