//! From settings to librdkafka's configuration: what every client shares, and what each kind of client adds. Never
//! opens a connection.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::KafkaSettings;
use crate::kafka::error::KafkaError;

/// Properties that a promise of the archive rests on; another value is refused instead of silently overruled.
const FIXED: [(&str, &str); 6] = [
    // The bucket is the authority on progress: nobody but the archive commits, and only after a link.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Jumping to another offset would skip records in silence: out of range is an event that the archive answers.
    ("auto.offset.reset", "error"),
    // What a transaction takes back is no record.
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    ("check.crcs", "true"),
];

/// What every client waits at first before it connects to a broker again, doubled each time (up to 10 s). Half of it
/// passes between the first connections to two brokers too: with the default of 100 ms, a short command waits for that.
const RECONNECT_BACKOFF_MS: &str = "20";

/// What makes a consumer fast, measured on three local brokers; `kafka.properties` may say otherwise.
const FETCHING: [(&str, &str); 5] = [
    // The default of 1,000 ms starves a consumer that is faster than its queue.
    ("fetch.queue.backoff.ms", "2"),
    // Of the whole client, since all partitions share one queue: bounds what is prefetched. Together with the default
    // of 1 MiB a partition and request, measured with six partitions: more is no faster, and costs memory.
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.wait.max.ms", "100"),
    // Without it, a partition that moved keeps its old owner until the whole group stopped.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // Long enough for a seal and its upload between two polls, should the store stall.
    ("max.poll.interval.ms", "300000"),
];

/// The archiver takes records no faster than it encodes them: what is prefetched beyond that is memory for nothing, and a
/// broker's answer, which holds this share of each of its partitions, is unpacked at once. The share is still larger than
/// a batch of a megabyte that lz4 has packed; of larger batches a broker gives one an answer.
const ARCHIVING: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "8192"),
    ("fetch.message.max.bytes", "262144"),
];

/// What every client shares: addresses, name, and the properties of the settings, which win over ours.
///
/// # Errors
/// A property that the archive's promises fix and that the settings set otherwise.
pub fn client_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    for (name, fixed) in FIXED {
        if settings.properties.get(name).is_some_and(|value| value != fixed) {
            return Err(KafkaError::FixedProperty { name, fixed });
        }
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", settings.brokers.join(","));
    config.set("client.id", "kivend");
    config.set("reconnect.backoff.ms", RECONNECT_BACKOFF_MS);
    // Kafka may ask clients for their metrics (KIP-714): ours are ours.
    config.set("enable.metrics.push", "false");
    config.set_log_level(if settings.properties.get("debug").is_some() {
        RDKafkaLogLevel::Debug
    } else {
        RDKafkaLogLevel::Info
    });
    config.extend(
        settings
            .properties
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    Ok(config)
}

/// A client that reads. Without a group it can neither join one nor commit; see [`group_config`].
///
/// # Errors
/// As [`client_config`].
pub fn reader_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    let mut config = client_config(settings)?;
    // With Kafka 4's own protocol (KIP-848) the broker assigns, and the client accepts no strategy.
    let assigned_by_broker = config.get("group.protocol") == Some("consumer");
    for (name, value) in FETCHING {
        if config.get(name).is_none() && !(assigned_by_broker && name == "partition.assignment.strategy") {
            config.set(name, value);
        }
    }
    for (name, value) in FIXED {
        config.set(name, value);
    }
    config.remove("group.id");
    Ok(config)
}

/// A client of the archivers' group.
///
/// # Errors
/// As [`client_config`].
pub fn group_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    let mut config = reader_config(settings)?;
    for (name, value) in ARCHIVING {
        if settings.properties.get(name).is_none() {
            config.set(name, value);
        }
    }
    config.set("group.id", &settings.group_id);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> KafkaSettings {
        KafkaSettings {
            brokers: vec!["localhost:9092".to_owned()],
            group_id: "kivend-archiver".to_owned(),
            properties: [(name.to_owned(), value.to_owned())].into_iter().collect(),
        }
    }

    #[test]
    fn a_property_of_the_settings_wins_over_our_defaults() {
        let config = group_config(&with("fetch.queue.backoff.ms", "7")).unwrap();
        assert_eq!(config.get("fetch.queue.backoff.ms"), Some("7"));
    }

    #[test]
    fn with_the_brokers_own_group_protocol_no_property_is_set_that_it_refuses() {
        let config = group_config(&with("group.protocol", "consumer")).unwrap();
        config.create_native_config().unwrap();
        assert_eq!(config.get("partition.assignment.strategy"), None);
    }

    #[test]
    fn a_property_that_a_promise_rests_on_cannot_be_changed() {
        for (name, _) in FIXED {
            assert!(client_config(&with(name, "something else")).is_err(), "{name}");
        }
        assert!(client_config(&with("isolation.level", "read_committed")).is_ok());
    }

    #[test]
    fn a_reader_has_no_group_even_if_the_properties_name_one() {
        assert_eq!(reader_config(&with("group.id", "mine")).unwrap().get("group.id"), None);
    }

    #[test]
    fn librdkafka_accepts_every_property_we_set() {
        group_config(&with("client.rack", "a"))
            .unwrap()
            .create_native_config()
            .unwrap();
    }
}
