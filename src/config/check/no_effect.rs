//! Settings that never take effect because of others: of a store that is not chosen, of a protocol that is not spoken, of a limit
//! that another always precedes.

use crate::config::check::problem::NoEffect;
use crate::config::load::{Entry, Loaded};
use crate::config::pkcs11::PIN_VARIABLE;
use crate::config::settings::{Settings, StoreBackend};
use crate::config::transport::is_plaintext_endpoint;

/// What `[store]` says of a folder; everything else is of a bucket.
const OF_A_FOLDER: [&str; 2] = ["store.directory", "store.prefix"];
/// Librdkafka's names for the list of brokers.
const BROKERS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

pub(super) fn no_effect(loaded: &Loaded) -> Vec<NoEffect> {
    let settings = &loaded.settings;
    let mut found = store(loaded);
    found.extend(kafka(settings));
    found.extend(signing_key(loaded));
    found.extend(limits(settings));
    if settings.topics.is_empty() {
        found.extend(topic_defaults(loaded));
    }
    if settings.telemetry.listen.is_none() && loaded.is_set("telemetry.partition_limit") {
        let why = "telemetry.listen is empty, so no metrics are served";
        found.push(NoEffect::new("telemetry.partition_limit", why));
    }
    found
}

fn store(loaded: &Loaded) -> Vec<NoEffect> {
    let StoreBackend::S3(s3) = &loaded.settings.store.backend else {
        let of_bucket = loaded
            .entries
            .iter()
            .filter(|entry| entry.key.starts_with("store.") && !OF_A_FOLDER.contains(&entry.key.as_str()));
        let why = "the archive is in a folder (store.directory), and this setting is of a bucket";
        return of_bucket.map(|entry| NoEffect::new(&entry.key, why)).collect();
    };
    let mut found = Vec::new();
    let endpoint = s3.endpoint.as_deref().unwrap_or_default();
    if s3.ca_file.is_some() && endpoint.starts_with("http://") {
        found.push(NoEffect::new(
            "store.ca_file",
            "store.endpoint is http://, so there is no certificate",
        ));
    }
    let allows = |entry: &&Entry| entry.key == "store.allow_plaintext" && entry.value == true;
    if loaded.entries.iter().any(|entry| allows(&entry)) && !endpoint.is_empty() && !is_plaintext_endpoint(endpoint) {
        let why = "store.endpoint is encrypted or on this machine";
        found.push(NoEffect::new("store.allow_plaintext", why));
    }
    for (key, longer, than, limit) in [
        (
            "store.connect_timeout",
            s3.connect_timeout,
            "store.attempt_timeout",
            s3.attempt_timeout,
        ),
        (
            "store.attempt_timeout",
            s3.attempt_timeout,
            "store.operation_timeout",
            s3.operation_timeout,
        ),
    ] {
        if longer > limit {
            found.push(NoEffect::new(
                key,
                format!("{than} is shorter, so it always ends first"),
            ));
        }
    }
    found
}

fn kafka(settings: &Settings) -> Vec<NoEffect> {
    let properties = &settings.kafka.properties;
    let protocol = properties
        .get("security.protocol")
        .unwrap_or("plaintext")
        .to_ascii_lowercase();
    let mut found = Vec::new();
    for (name, _) in properties.iter() {
        let is_unused = name.starts_with("ssl.") && !protocol.ends_with("ssl")
            || name.starts_with("sasl.") && !protocol.starts_with("sasl");
        if is_unused {
            let why = format!("security.protocol is {protocol}");
            found.push(of_property("kafka.properties", name, why));
        }
    }
    if let Some(name) = BROKERS.iter().find(|name| properties.get(name).is_some()) {
        found.push(NoEffect::new(
            "kafka.brokers",
            format!("the property {name} replaces it"),
        ));
    }
    found
}

fn signing_key(loaded: &Loaded) -> Vec<NoEffect> {
    let archive = &loaded.settings.archive;
    let mut found = Vec::new();
    if archive.key.is_some() {
        found.push(NoEffect::new(
            "archive.key_file",
            "archive.key holds the signing key, so no file is read",
        ));
    }
    if archive.pkcs11.as_ref().is_some_and(|token| token.pin.is_some()) {
        let why = format!("the variable {PIN_VARIABLE} holds the PIN, so no file is read");
        found.push(NoEffect::new("archive.pkcs11.pin_file", why));
    }
    found
}

/// Kafka's settings of topics that are created.
fn topic_defaults(loaded: &Loaded) -> Vec<NoEffect> {
    let properties = "topic_defaults.properties";
    let names = loaded
        .entries
        .iter()
        .filter_map(|entry| entry.key.strip_prefix(properties)?.strip_prefix('.'));
    let why = "no entry of `topics` has `partitions`, so no topic is created";
    names.map(|name| of_property(properties, name, why)).collect()
}

fn of_property(properties: &str, name: &str, message: impl Into<String>) -> NoEffect {
    let mut setting = NoEffect::new(properties, message);
    setting.path.push(name.to_owned());
    setting
}

fn limits(settings: &Settings) -> Vec<NoEffect> {
    let archive = &settings.archive;
    if archive.seal_max_idle < archive.seal_max_age {
        return Vec::new();
    }
    let why = "archive.seal_max_age is not longer, so a segment is always sealed by its age first";
    vec![NoEffect::new("archive.seal_max_idle", why)]
}
