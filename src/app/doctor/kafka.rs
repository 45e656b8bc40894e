//! Kafka's part: who answers, whether the topics are as configured and in sync, and whether retention leaves time.

use super::{Check, Status, listed, retention};
use crate::config::{Settings, TopicSettings};
use crate::kafka::cluster::{Broker, Cluster, TopicLayout};
use crate::kafka::error::KafkaError;

const BROKERS: &str = "brokers";
const TOPICS: &str = "topics";
const IN_SYNC: &str = "in_sync";
const RETENTION: &str = "retention_against_lag";

/// Every check of Kafka; blocks.
pub fn examine(settings: &Settings, now_ms: i64) -> Vec<Check> {
    let asked = Cluster::connect(&settings.kafka).and_then(|cluster| Ok((cluster.brokers()?, cluster)));
    let (brokers, cluster) = match asked {
        Ok(answered) => answered,
        Err(error) => {
            let unasked = [TOPICS, IN_SYNC, RETENTION].map(|name| Check::skipped(name, "no broker answered"));
            return [vec![Check::error(BROKERS, &error)], unasked.to_vec()].concat();
        }
    };
    let layouts: Result<Vec<_>, KafkaError> = settings
        .topics
        .iter()
        .map(|topic| Ok((topic, cluster.find_topic(&topic.name)?)))
        .collect();
    let mut checks = vec![check_brokers(&brokers, &settings.topics)];
    match layouts {
        Ok(layouts) => {
            checks.push(check_topics(&layouts));
            checks.push(check_in_sync(&layouts));
            checks.push(check_retention(settings, &layouts, now_ms));
        }
        Err(error) => checks.push(Check::error(TOPICS, &error)),
    }
    checks
}

/// Enough brokers for every topic's replicas.
fn check_brokers(brokers: &[Broker], topics: &[TopicSettings]) -> Check {
    let answered = listed(
        brokers
            .iter()
            .map(|broker| format!("{} ({})", broker.id, broker.address)),
    );
    let wanted = topics.iter().map(|topic| topic.replication_factor).max().unwrap_or(1);
    let count = i32::try_from(brokers.len()).unwrap_or(i32::MAX);
    if count < wanted {
        let detail = format!("{count} answered, and a topic wants {wanted} replicas: {answered}");
        return Check::failed(
            BROKERS,
            detail,
            "start the other brokers, or lower topic_defaults.replication_factor",
        );
    }
    Check::ok(BROKERS, format!("{count} answered: {answered}"))
}

type Layouts<'a> = [(&'a TopicSettings, Option<TopicLayout>)];

/// The configured topics exist with the configured partitions and replicas.
fn check_topics(layouts: &Layouts<'_>) -> Check {
    let missing: Vec<_> = layouts
        .iter()
        .filter(|(_, found)| found.is_none())
        .map(|(topic, _)| &topic.name)
        .collect();
    if !missing.is_empty() {
        return Check::failed(
            TOPICS,
            format!("missing: {}", listed(missing)),
            "create them with `kivend topics create`",
        );
    }
    let different: Vec<_> = layouts
        .iter()
        .filter_map(|(topic, found)| difference(topic, found.as_ref()?))
        .collect();
    if !different.is_empty() {
        let remedy = "set in `topics` what is there, or change the topic with `kivend topics create --alter`";
        return Check::warning(TOPICS, listed(different), remedy);
    }
    Check::ok(
        TOPICS,
        format!(
            "{} as configured: {}",
            layouts.len(),
            listed(layouts.iter().map(|(topic, _)| &topic.name))
        ),
    )
}

fn difference(topic: &TopicSettings, found: &TopicLayout) -> Option<String> {
    let partitions = i32::try_from(found.partitions.len()).unwrap_or(i32::MAX);
    let replicas = i32::try_from(found.replication_factor()).unwrap_or(i32::MAX);
    let same = partitions == topic.partitions && replicas == topic.replication_factor;
    (!same).then(|| {
        format!(
            "{} has {partitions} partitions and {replicas} replicas instead of {} and {}",
            topic.name, topic.partitions, topic.replication_factor
        )
    })
}

/// Every replica has all of its partition, or at least enough of them have.
fn check_in_sync(layouts: &Layouts<'_>) -> Check {
    let (mut unwritable, mut behind) = (Vec::new(), Vec::new());
    for (topic, found) in layouts {
        let wanted = topic
            .properties
            .get("min.insync.replicas")
            .and_then(|n| n.parse().ok())
            .unwrap_or(1_usize);
        for partition in found.iter().flat_map(|layout| &layout.partitions) {
            let (in_sync, all) = (partition.in_sync.len(), partition.replicas.len());
            let told = format!("{}/{} has {in_sync} of {all}", topic.name, partition.partition);
            if partition.leader < 0 || in_sync < wanted {
                unwritable.push(told);
            } else if in_sync < all {
                behind.push(told);
            }
        }
    }
    let remedy = "start the brokers that are missing, and look at the logs of those that lag";
    if !unwritable.is_empty() {
        return Check::failed(
            IN_SYNC,
            format!("too few replicas to write: {}", listed(unwritable)),
            remedy,
        );
    }
    if !behind.is_empty() {
        return Check::warning(IN_SYNC, format!("replicas behind: {}", listed(behind)), remedy);
    }
    let partitions: usize = layouts
        .iter()
        .filter_map(|(_, found)| Some(found.as_ref()?.partitions.len()))
        .sum();
    if partitions == 0 {
        return Check::skipped(IN_SYNC, "there are no topics yet");
    }
    Check {
        name: IN_SYNC,
        status: Status::Ok,
        detail: format!("{partitions} partitions, all replicas"),
        remedy: String::new(),
    }
}

fn check_retention(settings: &Settings, layouts: &Layouts<'_>, now_ms: i64) -> Check {
    let found = layouts
        .iter()
        .filter_map(|(topic, layout)| Some((*topic, layout.as_ref()?)));
    match retention::ask(&settings.kafka, found, now_ms) {
        Ok(partitions) => retention::check(RETENTION, &partitions),
        Err(error) => Check::error(RETENTION, &error),
    }
}

#[cfg(test)]
mod tests {
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
    fn fewer_brokers_than_replicas_fail_and_tell_who_answered() {
        let brokers = [Broker {
            id: 2,
            address: "localhost:9093".to_owned(),
        }];
        let check = check_brokers(&brokers, &topics());
        assert_eq!(check.status, Status::Failed);
        assert_eq!(
            check.detail,
            "1 answered, and a topic wants 3 replicas: 2 (localhost:9093)"
        );
    }

    #[test]
    fn a_missing_topic_fails_and_a_different_one_warns() {
        let topics = topics();
        let missing: Vec<_> = topics.iter().map(|topic| (topic, None)).collect();
        assert_eq!(
            check_topics(&missing).detail,
            "missing: user-events, payments, orders, fraud-alerts"
        );
        let same: Vec<_> = topics.iter().map(|topic| (topic, Some(layout(topic, 3)))).collect();
        assert_eq!(check_topics(&same).status, Status::Ok);
        let mut other = topics.clone();
        other[1].partitions = 12;
        let different: Vec<_> = other
            .iter()
            .zip(&same)
            .map(|(topic, (_, found))| (topic, found.clone()))
            .collect();
        let check = check_topics(&different);
        assert_eq!(check.status, Status::Warning);
        assert_eq!(
            check.detail,
            "payments has 3 partitions and 3 replicas instead of 12 and 3"
        );
    }

    #[test]
    fn one_replica_behind_warns_and_too_few_for_a_write_fail() {
        let topics = topics();
        let status = |in_sync| {
            let layouts: Vec<_> = topics
                .iter()
                .map(|topic| (topic, Some(layout(topic, in_sync))))
                .collect();
            check_in_sync(&layouts).status
        };
        assert_eq!(
            (status(3), status(2), status(1)),
            (Status::Ok, Status::Warning, Status::Failed)
        );
    }
}
