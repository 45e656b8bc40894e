//! Checks Kafka: the brokers, the configured topics, their replicas, and how much time retention leaves.

use crate::app::doctor::check::{Check, listed};
use crate::app::doctor::{open_transactions, retention};
use crate::config::{Settings, TopicSettings};
use crate::kafka::cluster::{Broker, TopicLayout};
use crate::kafka::error::KafkaError;
use crate::kafka::topics::{Difference, Topics};

const BROKERS: &str = "brokers";
const TOPICS: &str = "topics";
const IN_SYNC: &str = "in_sync";
const RETENTION: &str = "retention_against_lag";
const OPEN_TRANSACTIONS: &str = "open_transactions";

/// Runs all checks of Kafka. Blocks.
pub fn examine(settings: &Settings, now_ms: i64) -> Vec<Check> {
    let asked = Topics::connect(&settings.kafka).and_then(|topics| Ok((topics.cluster().brokers()?, topics)));
    let (brokers, topics) = match asked {
        Ok(answered) => answered,
        Err(error) => {
            let unasked =
                [TOPICS, IN_SYNC, RETENTION, OPEN_TRANSACTIONS].map(|name| Check::skipped(name, "no broker answered"));
            return [vec![Check::error(BROKERS, &error)], unasked.to_vec()].concat();
        }
    };
    let mut checks = vec![check_brokers(&brokers, &settings.topics)];
    match TopicState::ask_all(&topics, settings) {
        Ok(states) => {
            checks.push(check_topics(&states));
            checks.push(check_in_sync(&states));
            checks.push(check_retention(settings, &states, now_ms));
            checks.push(check_open_transactions(settings, &states, now_ms));
        }
        Err(error) => {
            checks.push(Check::error(TOPICS, &error));
            checks.extend(
                [IN_SYNC, RETENTION, OPEN_TRANSACTIONS]
                    .map(|name| Check::skipped(name, "the topics could not be read")),
            );
        }
    }
    checks
}

/// An archived or configured topic and its state in Kafka.
struct TopicState<'a> {
    name: String,
    /// How it should be; `None` for a topic that is only archived.
    topic: Option<&'a TopicSettings>,
    /// As configured, else as Kafka says.
    retention_ms: Option<i64>,
    /// `None` if the topic does not exist.
    layout: Option<TopicLayout>,
    differences: Vec<Difference>,
}

impl TopicState<'_> {
    /// The configured topics, then the others that are archived.
    fn ask_all<'a>(topics: &Topics, settings: &'a Settings) -> Result<Vec<TopicState<'a>>, KafkaError> {
        let configured = settings.topics.iter().map(|topic| TopicState::ask(topics, topic));
        let mut states = configured.collect::<Result<Vec<_>, _>>()?;
        let found = topics.cluster().archived_topics(&settings.archived)?;
        let mut missing: Vec<&str> = settings.archived.names().collect();
        missing.retain(|name| !found.iter().any(|layout| *layout.name == **name));
        let found = found.into_iter().map(|layout| (layout.name.to_string(), Some(layout)));
        for (name, layout) in found.chain(missing.into_iter().map(|name| (name.to_owned(), None))) {
            if settings.topics.iter().any(|topic| topic.name == name) {
                continue;
            }
            states.push(TopicState {
                retention_ms: match layout {
                    Some(_) => topics.retention_ms(&name)?,
                    None => None,
                },
                name,
                topic: None,
                layout,
                differences: Vec::new(),
            });
        }
        Ok(states)
    }

    fn ask<'a>(topics: &Topics, topic: &'a TopicSettings) -> Result<TopicState<'a>, KafkaError> {
        let layout = topics.cluster().find_topic(&topic.name)?;
        let differences = if layout.is_some() {
            topics.differences(topic)?
        } else {
            Vec::new()
        };
        let retention_ms = topic.properties.get("retention.ms").and_then(|text| text.parse().ok());
        Ok(TopicState {
            name: topic.name.clone(),
            topic: Some(topic),
            retention_ms,
            layout,
            differences,
        })
    }

    fn describe_differences(&self) -> impl Iterator<Item = String> {
        let name = &self.name;
        self.differences
            .iter()
            .map(move |d| format!("{name}: {} is {}, configured is {}", d.setting, d.found, d.wanted))
    }
}

/// There must be a broker for each replica of a topic.
fn check_brokers(brokers: &[Broker], topics: &[TopicSettings]) -> Check {
    let answered = listed(
        brokers
            .iter()
            .map(|broker| format!("{} ({})", broker.id, broker.address)),
    );
    let wanted = topics.iter().map(|topic| topic.replication_factor).max().unwrap_or(1);
    let count = i32::try_from(brokers.len()).unwrap_or(i32::MAX);
    if count < wanted {
        let detail = format!("{count} brokers answered, topics need {wanted} replicas: {answered}");
        return Check::failed(
            BROKERS,
            detail,
            "start the other brokers, or lower topic_defaults.replication_factor",
        );
    }
    Check::ok(BROKERS, format!("{count} answered: {answered}"))
}

/// The configured topics must exist with the configured settings.
fn check_topics(states: &[TopicState<'_>]) -> Check {
    let missing: Vec<_> = states.iter().filter(|s| s.layout.is_none()).map(|s| &s.name).collect();
    if !missing.is_empty() {
        return Check::failed(
            TOPICS,
            format!("missing: {}", listed(missing)),
            "create them with `kivend topics create`, which creates the topics of the settings that have a number of partitions",
        );
    }
    let different: Vec<_> = states.iter().flat_map(TopicState::describe_differences).collect();
    if !different.is_empty() {
        let remedy =
            "change `topics` and `topic_defaults` in the settings, or the topics with `kivend topics create --alter`";
        return Check::warning(TOPICS, listed(different), remedy);
    }
    let names = |configured: bool| {
        let of_kind = states.iter().filter(move |s| s.topic.is_some() == configured);
        listed(of_kind.map(|s| &s.name))
    };
    let others = states.iter().filter(|s| s.topic.is_none()).count();
    let detail = match (states.len() - others, others) {
        (0, 0) => "no topic matches the patterns yet".to_owned(),
        (0, _) => format!("{others} archived: {}", names(false)),
        (_, 0) => format!("as configured: {}", names(true)),
        _ => format!(
            "as configured: {}; {others} others archived: {}",
            names(true),
            names(false)
        ),
    };
    Check::ok(TOPICS, detail)
}

/// All replicas must be in sync, or at least `min.insync.replicas` of them.
fn check_in_sync(states: &[TopicState<'_>]) -> Check {
    let (mut unwritable, mut behind) = (Vec::new(), Vec::new());
    for TopicState {
        name, topic, layout, ..
    } in states
    {
        let wanted = topic
            .and_then(|topic| topic.properties.get("min.insync.replicas"))
            .and_then(|n| n.parse().ok())
            .unwrap_or(1_usize);
        for partition in layout.iter().flat_map(|layout| &layout.partitions) {
            let (in_sync, all) = (partition.in_sync.len(), partition.replicas.len());
            let described = format!("{name}/{} has {in_sync} of {all}", partition.partition);
            if partition.leader < 0 || in_sync < wanted {
                unwritable.push(described);
            } else if in_sync < all {
                behind.push(described);
            }
        }
    }
    let remedy = "start the missing brokers, and look in the logs of those that lag";
    if !unwritable.is_empty() {
        return Check::failed(
            IN_SYNC,
            format!("too few replicas in sync to write: {}", listed(unwritable)),
            remedy,
        );
    }
    if !behind.is_empty() {
        return Check::warning(IN_SYNC, format!("replicas out of sync: {}", listed(behind)), remedy);
    }
    let partitions: usize = states
        .iter()
        .filter_map(|s| Some(s.layout.as_ref()?.partitions.len()))
        .sum();
    if partitions == 0 {
        return Check::skipped(IN_SYNC, "there are no topics yet");
    }
    Check::ok(IN_SYNC, format!("{partitions} partitions, all replicas in sync"))
}

fn check_retention(settings: &Settings, states: &[TopicState<'_>], now_ms: i64) -> Check {
    let found = states.iter().filter_map(|s| Some((s.retention_ms, s.layout.as_ref()?)));
    match retention::ask(&settings.kafka, found, now_ms) {
        Ok(partitions) => retention::check(RETENTION, &partitions),
        Err(error) => Check::error(RETENTION, &error),
    }
}

fn check_open_transactions(settings: &Settings, states: &[TopicState<'_>], now_ms: i64) -> Check {
    let found = states.iter().filter_map(|s| s.layout.as_ref());
    match open_transactions::ask(&settings.kafka, found) {
        Ok(open) => open_transactions::check(OPEN_TRANSACTIONS, &open, &settings.kafka.brokers.join(","), now_ms),
        Err(error) => Check::error(OPEN_TRANSACTIONS, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::config::{Sources, load};
    use crate::kafka::cluster::PartitionLayout;

    fn topics() -> Vec<TopicSettings> {
        let sources = Sources {
            config_home: Some("/nowhere".into()),
            ..Sources::default()
        };
        load(&sources).unwrap().settings.topics
    }

    fn layout(topic: &TopicSettings, in_sync: usize) -> TopicLayout {
        let replicas: Vec<i32> = (1..=topic.replication_factor).collect();
        let partition = |partition| PartitionLayout {
            partition,
            leader: 1,
            in_sync: replicas[..in_sync].to_vec(),
            replicas: replicas.clone(),
        };
        TopicLayout {
            name: topic.name.as_str().into(),
            partitions: (0..topic.partitions).map(partition).collect(),
        }
    }

    #[test]
    fn fewer_brokers_than_replicas_fail_and_the_brokers_are_named() {
        let brokers = [Broker {
            id: 2,
            address: "localhost:9093".to_owned(),
        }];
        let check = check_brokers(&brokers, &topics());
        assert_eq!(check.status, Status::Failed);
        assert_eq!(
            check.detail,
            "1 brokers answered, topics need 3 replicas: 2 (localhost:9093)"
        );
    }

    fn state(topic: &TopicSettings, in_sync: usize) -> TopicState<'_> {
        TopicState {
            name: topic.name.clone(),
            topic: Some(topic),
            retention_ms: None,
            layout: Some(layout(topic, in_sync)),
            differences: Vec::new(),
        }
    }

    #[test]
    fn a_missing_topic_fails_and_a_different_one_warns() {
        let topics = topics();
        let mut states: Vec<_> = topics.iter().map(|topic| state(topic, 3)).collect();
        assert_eq!(check_topics(&states).status, Status::Ok);
        let [setting, wanted, found] = ["retention.ms", "604800000", "1000"].map(str::to_owned);
        states[1].differences.push(Difference { setting, wanted, found });
        let check = check_topics(&states);
        assert_eq!(check.status, Status::Warning);
        assert_eq!(check.detail, "payments: retention.ms is 1000, configured is 604800000");
        states[2].layout = None;
        assert_eq!(check_topics(&states).detail, "missing: orders");
    }

    #[test]
    fn one_replica_behind_warns_and_too_few_for_a_write_fail() {
        let topics = topics();
        let status = |in_sync| {
            let states: Vec<_> = topics.iter().map(|topic| state(topic, in_sync)).collect();
            check_in_sync(&states).status
        };
        assert_eq!(
            (status(3), status(2), status(1)),
            (Status::Ok, Status::Warning, Status::Failed)
        );
    }
}
