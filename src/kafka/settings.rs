//! librdkafka's configuration from the settings: what every client has, and what each kind of client adds.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::{KafkaSettings, Properties};
use crate::kafka::error::KafkaError;

/// Properties that a guarantee of the archive depends on. Another value is refused rather than silently replaced.
const FIXED: [(&str, &str); 6] = [
    // The bucket decides on progress: only the archiver commits, and only after a link.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A jump to another offset would silently skip records. The archiver decides what to do when an offset is out of range.
    ("auto.offset.reset", "error"),
    // Records of aborted transactions are not archived.
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    ("check.crcs", "true"),
];

/// The first back-off before a client connects to a broker again; it doubles up to 10 s. Half of it also passes between the
/// first connections to two brokers, so that the default of 100 ms delays a short command.
const RECONNECT_BACKOFF_MS: &str = "20";

/// How long a broker keeps a fetch that finds nothing, for a client that waits for records to come.
const FOLLOWING: (&str, &str) = ("fetch.wait.max.ms", "100");

/// Defaults that make a consumer fast, measured on three local brokers. `kafka.properties` wins over them.
const FETCHING: [(&str, &str); 5] = [
    // The default of 1,000 ms starves a consumer that is faster than its queue.
    ("fetch.queue.backoff.ms", "2"),
    // Limits what the whole client prefetches, since all partitions share one queue. With the default of 1 MiB for each
    // partition and request, and six partitions, a higher limit is not faster and takes more memory.
    ("queued.max.messages.kbytes", "16384"),
    // A broker answers a connection's fetches one after the other: one at the end of a partition that was read makes the next
    // partition wait as long as this.
    ("fetch.wait.max.ms", "5"),
    // The default strategies stop the whole group when one partition moves.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // Long enough for a seal and its upload between two polls while the store stalls.
    ("max.poll.interval.ms", "300000"),
];

/// The archiver encodes records more slowly than it could fetch them, so that prefetching more only takes memory. A response
/// has up to [`FETCHED_BYTES`] of each partition and is decompressed at once, beside what is queued.
const ARCHIVING: [(&str, &str); 4] = [
    FOLLOWING,
    ("queued.max.messages.kbytes", "4096"),
    (FETCHED_BYTES, "262144"),
    // How long new partitions, and topics that were created, go unseen. The default is five minutes.
    ("topic.metadata.refresh.interval.ms", "15000"),
];

/// The name of the limit of a partition in a response. librdkafka has no limit for the response that would not starve some
/// partitions.
const FETCHED_BYTES: &str = "fetch.message.max.bytes";
/// What all responses together may have, in bytes, where each partition's share is within [`SHARES`].
const FETCHED_TOTAL: usize = 7 << 20;
/// The least is more than a batch of a megabyte after lz4; of larger batches a broker puts one into a response. Above the most
/// there are hardly fewer requests.
const SHARES: std::ops::RangeInclusive<usize> = 256 << 10..=1 << 20;

/// The largest response that is read. It must hold the largest record batch of any topic (`max.message.bytes`, up to 256 MiB in
/// practice), because a broker sends one that is larger than all fetch sizes by itself. librdkafka's default of 100 MB makes it
/// close the connection again and again.
const RECEIVE_MAX_BYTES: &str = "1073741824";

/// What every client has: addresses, name, and the properties of the settings, which win over our defaults.
///
/// # Errors
/// A fixed property that the settings set to another value.
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
    config.set("receive.message.max.bytes", RECEIVE_MAX_BYTES);
    // KIP-714: clients push their metrics to the brokers by default.
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

/// A client that reads what is there, without a group. It can neither join one nor commit; see [`group_config`].
///
/// # Errors
/// As [`client_config`].
pub fn reader_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    let mut config = client_config(settings)?;
    // With Kafka 4's group protocol (KIP-848) the broker assigns partitions, and librdkafka refuses a strategy.
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

/// A client that reads without a group, and waits for records to come.
///
/// # Errors
/// As [`client_config`].
pub fn follower_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    let mut config = reader_config(settings)?;
    let (name, value) = FOLLOWING;
    if settings.properties.get(name).is_none() {
        config.set(name, value);
    }
    Ok(config)
}

/// A client that also sees open and aborted transactions, for questions about them. What it reads is never archived.
///
/// # Errors
/// As [`client_config`].
pub fn uncommitted_config(settings: &KafkaSettings) -> Result<ClientConfig, KafkaError> {
    let mut config = reader_config(settings)?;
    config.set("isolation.level", "read_uncommitted");
    Ok(config)
}

/// The settings of a consumer that gets at most this many partitions: the fewer, the more it fetches of each at once, because a
/// broker's work for a request hardly depends on its size.
#[must_use]
pub fn fetching_of(settings: &KafkaSettings, partitions: usize) -> KafkaSettings {
    let share = (FETCHED_TOTAL / partitions.max(1)).clamp(*SHARES.start(), *SHARES.end());
    let ours: Properties = [(FETCHED_BYTES.to_owned(), share.to_string())].into_iter().collect();
    KafkaSettings {
        properties: ours.overridden_by(&settings.properties),
        ..settings.clone()
    }
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
    fn only_clients_that_wait_for_records_let_brokers_wait_for_them() {
        let name = "fetch.wait.max.ms";
        let wait = |config: ClientConfig| config.get(name).unwrap().parse::<u32>().unwrap();
        let ours = with("client.rack", "a");
        assert!(wait(reader_config(&ours).unwrap()) < 10);
        assert_eq!(wait(follower_config(&ours).unwrap()), 100);
        assert_eq!(wait(group_config(&ours).unwrap()), 100);
        let theirs = with(name, "77");
        for config in [reader_config, follower_config, group_config] {
            assert_eq!(wait(config(&theirs).unwrap()), 77);
        }
    }

    #[test]
    fn the_fewer_partitions_the_more_is_fetched_of_each_within_one_limit() {
        let of = |partitions, settings: &KafkaSettings| {
            let config = group_config(&fetching_of(settings, partitions)).unwrap();
            config.get(FETCHED_BYTES).unwrap().parse::<usize>().unwrap()
        };
        let ours = with("client.rack", "a");
        let shares = [0, 1, 7, 14, 28, 29, 10_000].map(|partitions| of(partitions, &ours));
        assert_eq!(
            shares,
            [1 << 20, 1 << 20, 1 << 20, 512 << 10, 256 << 10, 256 << 10, 256 << 10]
        );
        assert_eq!(of(14, &with(FETCHED_BYTES, "7")), 7);
    }

    #[test]
    fn with_the_brokers_group_protocol_no_property_is_set_that_it_refuses() {
        let config = group_config(&with("group.protocol", "consumer")).unwrap();
        config.create_native_config().unwrap();
        assert_eq!(config.get("partition.assignment.strategy"), None);
    }

    #[test]
    fn a_fixed_property_cannot_be_changed() {
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
