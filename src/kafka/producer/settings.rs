//! The producer's part of librdkafka's configuration.

use rdkafka::ClientConfig;

use crate::config::KafkaSettings;
use crate::kafka::error::KafkaError;
use crate::kafka::settings::client_config;

/// Properties that a guarantee depends on. Another value is refused rather than silently replaced.
const FIXED: [(&str, &str); 4] = [
    // An acknowledged record is on every replica in sync, once, and in the order sent.
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // Java's partitioner: events with one key go to one partition, whichever client sends them.
    ("partitioner", "murmur2_random"),
    // A misspelt topic must not be created with the cluster's default settings.
    ("allow.auto.create.topics", "false"),
];

/// Defaults, which `kafka.properties` may replace.
const DEFAULTS: [(&str, &str); 5] = [
    ("max.in.flight.requests.per.connection", "5"),
    ("compression.type", "lz4"),
    // A record that was not acknowledged in this time has failed.
    ("message.timeout.ms", "60000"),
    // The producer limits what is in flight, not librdkafka's queue.
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "1048576"),
];

/// librdkafka's other names for properties: setting one of these sets the property.
const ALIASES: [(&str, &str); 5] = [
    ("acks", "request.required.acks"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("compression.type", "compression.codec"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("max.in.flight.requests.per.connection", "max.in.flight"),
];

/// How records are batched, and how large they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// Maximum size of a batch, which goes to one partition.
    pub batch_size_bytes: u32,
    /// How long a batch waits for more records.
    pub linger_ms: u32,
    /// Maximum size of a record's value.
    pub record_max_bytes: usize,
    /// Enables transactions. Without it, readers see records as soon as they are acknowledged.
    pub transactional_id: Option<String>,
}

pub(super) fn producer_config(settings: &KafkaSettings, sending: &Sending) -> Result<ClientConfig, KafkaError> {
    let set = |name: &str| {
        let alias = ALIASES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, alias)| *alias);
        let by_alias = || settings.properties.get(alias?);
        settings.properties.get(name).or_else(by_alias)
    };
    for (name, fixed) in FIXED {
        let is_fixed = |value: &str| value == fixed || (name == "acks" && value == "-1");
        if set(name).is_some_and(|value| !is_fixed(value)) {
            return Err(KafkaError::FixedProperty { name, fixed });
        }
    }
    // A key may be as long as its value. `batch.size` limits a batch of several records all the same.
    let message_max_bytes = sending.record_max_bytes.saturating_mul(2).clamp(1_000, 1_000_000_000);
    let mut config = client_config(settings)?;
    let ours = [
        ("batch.size", sending.batch_size_bytes.to_string()),
        ("linger.ms", sending.linger_ms.to_string()),
        ("message.max.bytes", message_max_bytes.to_string()),
    ];
    let defaults = DEFAULTS.map(|(name, value)| (name, value.to_owned()));
    for (name, value) in ours.into_iter().chain(defaults) {
        if set(name).is_none() {
            config.set(name, value);
        }
    }
    for (name, value) in FIXED {
        config.set(name, value);
    }
    match &sending.transactional_id {
        Some(id) => config.set("transactional.id", id),
        // With an id from the properties, each run would fence all others.
        None => config.remove("transactional.id"),
    };
    Ok(config)
}

/// How long a batch of a restore waits for more records.
const REPLAY_LINGER_MS: u32 = 20;
/// The largest record of a restore, as librdkafka bounds it; a topic's own limit is lower.
const REPLAY_RECORD_MAX_BYTES: usize = 500_000_000;

/// A producer of whole records with this transactional id. The size of batches is still to be set.
pub(in crate::kafka) fn replay_config(settings: &KafkaSettings, id: &str) -> Result<ClientConfig, KafkaError> {
    let sending = Sending {
        batch_size_bytes: 1_000_000,
        linger_ms: REPLAY_LINGER_MS,
        record_max_bytes: REPLAY_RECORD_MAX_BYTES,
        transactional_id: Some(id.to_owned()),
    };
    producer_config(settings, &sending)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDING: Sending = Sending {
        batch_size_bytes: 1_000_000,
        linger_ms: 10,
        record_max_bytes: 1_000_000,
        transactional_id: None,
    };

    fn with(pairs: &[(&str, &str)]) -> KafkaSettings {
        KafkaSettings {
            brokers: vec!["localhost:9092".to_owned()],
            group_id: "test".to_owned(),
            properties: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn librdkafka_accepts_every_property_we_set() {
        let config = producer_config(&with(&[]), &SENDING).unwrap();
        config.create_native_config().unwrap();
        assert_eq!(config.get("partitioner"), Some("murmur2_random"));
        assert_eq!(config.get("batch.size"), Some("1000000"));
    }

    #[test]
    fn a_fixed_property_cannot_be_changed() {
        for (name, value) in [
            ("acks", "1"),
            ("request.required.acks", "0"),
            ("enable.idempotence", "false"),
            ("partitioner", "consistent"),
        ] {
            assert!(producer_config(&with(&[(name, value)]), &SENDING).is_err(), "{name}");
        }
        assert!(producer_config(&with(&[("acks", "-1"), ("enable.idempotence", "true")]), &SENDING).is_ok());
    }

    #[test]
    fn a_property_of_the_settings_wins_by_any_of_its_names() {
        let config = producer_config(
            &with(&[("compression.codec", "zstd"), ("batch.size", "16384")]),
            &SENDING,
        )
        .unwrap();
        assert_eq!(
            (config.get("compression.type"), config.get("batch.size")),
            (None, Some("16384"))
        );
    }
}
