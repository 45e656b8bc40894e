//! Creating topics is idempotent, reports differences, and changes a topic only on request.

use kivend::error::{Explain, Kind};
use kivend::kafka::cluster::Cluster;
use kivend::kafka::error::KafkaError;
use kivend::kafka::topics::{Action, Alteration, Difference, Topics};

use super::Corner;

#[test]
fn creating_a_topic_twice_leaves_it_as_it_is() {
    let Some(corner) = Corner::new() else { return };
    let topics = Topics::connect(&corner.settings).unwrap();
    let wanted = corner.wanted("orders", 3);
    assert_eq!(
        topics.ensure(&wanted, Alteration::Refused).unwrap().action,
        Action::Created
    );
    assert_eq!(
        topics.ensure(&wanted, Alteration::Refused).unwrap().action,
        Action::Unchanged
    );
    assert_eq!(
        topics.ensure(&wanted, Alteration::Allowed).unwrap().action,
        Action::Unchanged
    );
    let layout = topics.cluster().topic(&wanted.name).unwrap();
    assert_eq!((layout.partitions.len(), layout.replication_factor()), (3, 3));
}

#[test]
fn a_differing_setting_is_reported_and_altered_only_on_request() {
    let Some(corner) = Corner::new() else { return };
    let topics = Topics::connect(&corner.settings).unwrap();
    let mut wanted = corner.wanted("orders", 2);
    topics.ensure(&wanted, Alteration::Refused).unwrap();
    let more = [("retention.ms".to_owned(), "3600000".to_owned())]
        .into_iter()
        .collect();
    wanted.properties = wanted.properties.overridden_by(&more);
    wanted.partitions = 4;

    let difference = |setting: &str, wanted: &str, found: &str| Difference {
        setting: setting.to_owned(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    };
    let expected = [
        difference("partitions", "4", "2"),
        difference("retention.ms", "3600000", "604800000"),
    ];
    for _ in 0..2 {
        let outcome = topics.ensure(&wanted, Alteration::Refused).unwrap();
        assert_eq!(
            (outcome.action, &*outcome.differences),
            (Action::Differs, &expected[..])
        );
    }
    let outcome = topics.ensure(&wanted, Alteration::Allowed).unwrap();
    assert_eq!(
        (outcome.action, &*outcome.differences),
        (Action::Altered, &expected[..])
    );
    assert_eq!(
        topics.ensure(&wanted, Alteration::Refused).unwrap().action,
        Action::Unchanged
    );
}

#[test]
fn altering_one_setting_keeps_those_that_the_configuration_does_not_name() {
    let Some(corner) = Corner::new() else { return };
    let topics = Topics::connect(&corner.settings).unwrap();
    let mut first = corner.wanted("orders", 1);
    let own = [("segment.bytes".to_owned(), "2097152".to_owned())]
        .into_iter()
        .collect();
    first.properties = first.properties.overridden_by(&own);
    topics.ensure(&first, Alteration::Refused).unwrap();
    let mut second = corner.wanted("orders", 1);
    let other = [("retention.ms".to_owned(), "7200000".to_owned())]
        .into_iter()
        .collect();
    second.properties = second.properties.overridden_by(&other);
    topics.ensure(&second, Alteration::Allowed).unwrap();

    first.properties = first.properties.overridden_by(&second.properties);
    assert_eq!(
        topics.ensure(&first, Alteration::Refused).unwrap().action,
        Action::Unchanged
    );
}

#[test]
fn more_replicas_than_brokers_is_an_error_that_says_who_answered() {
    let Some(corner) = Corner::new() else { return };
    let mut wanted = corner.wanted("orders", 1);
    wanted.replication_factor = 4;
    let error = Topics::connect(&corner.settings)
        .unwrap()
        .ensure(&wanted, Alteration::Refused)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    let KafkaError::TooFewBrokers { answered, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(answered.split(", ").count(), 3, "{answered}");
}

#[test]
fn a_missing_topic_is_reported_and_not_created_by_asking() {
    let Some(corner) = Corner::new() else { return };
    let cluster = Cluster::connect(&corner.settings).unwrap();
    let name = format!("{}nowhere", corner.prefix);
    for _ in 0..2 {
        assert_eq!(cluster.find_topic(&name).unwrap(), None);
        assert!(matches!(cluster.topic(&name), Err(KafkaError::UnknownTopic { .. })));
    }
}

#[test]
fn unreachable_brokers_are_an_error_that_names_the_addresses() {
    let Some(mut corner) = Corner::new() else { return };
    corner.settings.brokers = vec!["127.0.0.1:1".to_owned()];
    let error = Cluster::connect(&corner.settings).unwrap().brokers().unwrap_err();
    let brokers = "127.0.0.1:1 (connection refused)".to_owned();
    assert_eq!(error, KafkaError::Unreachable { brokers });
}
