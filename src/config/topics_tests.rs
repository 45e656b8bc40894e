//! Which topics are archived, created and overridden, by what is written.

use std::time::Duration;

use super::tests::{settings, with_file};
use super::*;

#[test]
fn topics_are_names_patterns_or_tables_and_only_those_with_partitions_are_created() {
    let listed =
        settings("topic_prefix = 'eu.'\ntopics = ['orders.*', { name = 'payments', partitions = 3 }, 'users']");
    let created: Vec<&str> = listed.topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(created, ["eu.payments"]);
    for (topic, is_taken) in [
        ("eu.orders.x", true),
        ("eu.payments", true),
        ("eu.users", true),
        ("orders.x", false),
    ] {
        assert_eq!(listed.archived.takes(topic), is_taken, "{topic}");
    }
    assert_eq!(listed.topic_name("orders.x"), "eu.orders.x");
    let (_folder, mut sources) = with_file("");
    sources.environment = vec![("KIVEND_TOPICS".to_owned(), "orders.*, payments".to_owned())];
    let archived = load(&sources).unwrap().settings.archived;
    assert!(archived.takes("orders.x") && archived.takes("payments") && !archived.takes("users"));
}

#[test]
fn a_topic_may_be_archived_otherwise_than_the_others() {
    let written = "[[topics]]\nname = 'orders.*'\nexclude = ['*.tmp']\nseal_max_age = '10s'\nseal_max_bytes = '1MiB'\n\
                   projection = []\nkeep = '395d'\ntolerate_loss = true\n[[topics]]\nname = '*'";
    let archived = settings(written).archived;
    let orders = archived.overrides("orders.eu");
    assert_eq!(orders.seal_max_age, Some(Duration::from_secs(10)));
    assert_eq!(
        (orders.seal_max_bytes, orders.projection),
        (Some(1 << 20), Some(Vec::new()))
    );
    assert_eq!(
        (orders.keep, orders.tolerate_loss),
        (Some(Duration::from_secs(395 * 86_400)), Some(true))
    );
    assert_eq!(archived.overrides("orders.tmp"), TopicOverrides::default());
    assert!(archived.takes("orders.tmp"));
}

#[test]
fn a_pattern_takes_no_topic_of_kivend_itself() {
    let archived = settings("topics = ['*']\n[archive]\ncheckpoint_copies = [{ topic = 'copies' }]").archived;
    for own in ["copies", "kivend-ingest", "kivend-restore", "__consumer_offsets"] {
        assert!(!archived.takes(own), "{own}");
    }
    assert!(archived.takes("payments"));
}
