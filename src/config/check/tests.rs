//! Checking settings: all problems at once, each with its line, and settings that never take effect.

use super::*;
use crate::config::tests::with_file;

/// One line for each problem: its severity, line, setting and message.
fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let (_folder, mut sources) = with_file(text);
    let variables = variables.iter();
    sources.environment = variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let name = sources.file.as_ref().unwrap().display().to_string();
    let shown = |problem: &Problem| {
        let line = problem.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        let setting = problem.setting.as_deref().unwrap_or("-");
        let from = problem.origin.as_deref().unwrap_or("-").replace(&name, "file");
        format!("{:?} {from} {line} {setting}: {}", problem.level, problem.message).replace(&name, "file")
    };
    check(&sources).problems.iter().map(shown).collect()
}

#[test]
fn all_problems_are_named_at_once_each_with_its_line() {
    let text = "topic_prefix = 'a.'\n\
                [archive]\n\
                seal_max_age = 30\n\
                seal_max_bytes = '1GiB'\n\
                colour = 'red'\n\
                [store]\n\
                prefx = 'a'\n\
                attempts = 'many'\n\
                prefix = '/a'\n\
                [[topics]]\n\
                name = 'a b'\n\
                [[topics]]\n\
                name = 'orders'\n\
                partitions = 0\n\
                partition = 7\n\
                [[topics]]\n\
                keep = '5 days'\n\
                name = 'user-events'\n\
                [[routing.rules]]\n\
                topic = 'orders'\n\
                event_types = ['a', 'a']\n";
    insta::assert_snapshot!(
        problems(
            text,
            &[("KIVEND_STORE_BUCKET", "audit"), ("KIVEND_INGEST__LINGER_MS", "x")]
        )
        .join("\n")
    );
}

#[test]
fn the_defaults_and_an_empty_file_have_no_problem() {
    assert_eq!(problems("", &[]), [] as [&str; 0]);
    assert_eq!(problems(crate::config::DEFAULTS_TOML, &[]), [] as [&str; 0]);
}

#[test]
fn a_file_that_is_not_toml_does_not_hide_the_problems_of_variables() {
    let found = problems("a = 1\n[store\n", &[("KIVEND_STORE__PATH_STYLE", "perhaps")]);
    assert!(
        found[0].starts_with("Refused file 2 -: the settings file is not TOML"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("Refused KIVEND_STORE__PATH_STYLE - store.path_style"),
        "{found:?}"
    );
}

#[test]
fn a_contradiction_with_a_default_does_not_hide_other_problems() {
    let found = problems(
        "[archive]\nseal_max_bytes = '120MiB'\n[telemetry]\nlisten = 'x'\n[store]\nregion = ''",
        &[],
    );
    let settings: Vec<&str> = found.iter().filter_map(|line| line.split(' ').nth(3)).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    for setting in ["archive.memory_budget:", "telemetry.listen:", "store.region:"] {
        assert!(settings.contains(&setting), "{found:#?}");
    }
}

#[test]
fn settings_that_never_take_effect_are_named() {
    let base = "routing = { default = 'a', rules = [] }\n";
    for (text, said) in [
        (
            "topics = ['*', 'a', 'orders.*']",
            "NoEffect file 2 topics[2]: an earlier entry",
        ),
        ("topics = [{ name = '*', exclude = ['orders.x'] }, 'orders.*']", ""),
        (
            "topics = [{ name = 'a*', exclude = ['a*'] }]",
            "NoEffect file 2 topics[0]: it excludes everything",
        ),
        (
            "topics = [{ name = 'a*', exclude = ['b'] }]",
            "NoEffect file 2 topics[0].exclude: the entry's pattern takes no",
        ),
        (
            "topics = [{ name = 'a', exclude = ['a'] }]",
            "NoEffect file 2 topics[0].exclude: an entry with a name",
        ),
        (
            "topics = [{ name = '*', exclude = ['a'] }, 'a']",
            "NoEffect file 2 topics[0].exclude: another entry names",
        ),
        (
            "topics = ['__consumer*', 'a']",
            "NoEffect file 2 topics[0]: internal topics",
        ),
        (
            "topics = ['a']\n[topic_defaults.properties]\nretention.ms = 1",
            "NoEffect file 4 topic_defaults.properties.retention.ms",
        ),
        (
            "topics = [{ name = 'a', seal_max_idle = '15m' }]",
            "NoEffect file 2 topics[0].seal_max_idle",
        ),
        (
            "topics = ['a']\n[store]\ndirectory = '/a'\nbucket = 'b'",
            "NoEffect file 5 store.bucket: the archive is in a folder",
        ),
        (
            "topics = ['a']\n[store]\nca_file = '/a'",
            "NoEffect file 4 store.ca_file",
        ),
        (
            "topics = ['a']\n[store]\nallow_plaintext = true",
            "NoEffect file 4 store.allow_plaintext",
        ),
        (
            "topics = ['a']\n[store]\nattempt_timeout = '5m'",
            "NoEffect file 4 store.attempt_timeout",
        ),
        (
            "topics = ['a']\n[kafka.properties]\nssl.ca.location = '/a'",
            "NoEffect file 4 kafka.properties.ssl.ca.location",
        ),
        (
            "topics = ['a']\n[kafka]\nbrokers = 'localhost:1'\nproperties = { 'bootstrap.servers' = 'localhost:2' }",
            "NoEffect file 4 kafka.brokers",
        ),
        (
            "topics = ['a']\n[archive]\nseal_max_idle = '15m'",
            "NoEffect file 4 archive.seal_max_idle",
        ),
        ("topics = ['a']\n[archive]\nseal_max_age = '5s'", ""),
        (
            "topics = ['a']\n[archive]\nkey_file = '/a'\nkey = 'k'",
            "NoEffect file 4 archive.key_file",
        ),
        (
            "topics = ['a']\n[telemetry]\nlisten = ''\npartition_limit = 5",
            "NoEffect file 5 telemetry.partition_limit",
        ),
    ] {
        let found = problems(&format!("{base}{text}"), &[]);
        let is_said = if said.is_empty() {
            found.is_empty()
        } else {
            found.len() == 1 && found[0].starts_with(said)
        };
        assert!(is_said, "{text}: {found:#?}");
    }
}

#[test]
fn a_rule_of_routing_that_no_event_follows_is_named() {
    for (rule, said) in [
        (
            "topic = 'orders'\nevent_types = []",
            "NoEffect file 1 routing.rules[0]: the rule names no event types",
        ),
        (
            "topic = 'orders'\nevent_types = ['order_*']",
            "NoEffect file 1 routing.rules[0]: an event type is compared",
        ),
        (
            "topic = 'user-events'\nevent_types = ['x']",
            "NoEffect file 1 routing.rules[0]: event types without a rule",
        ),
    ] {
        let found = problems(&format!("[[routing.rules]]\n{rule}"), &[]);
        assert!(found.len() == 1 && found[0].starts_with(said), "{found:#?}");
    }
}

#[test]
fn a_variable_that_overrides_the_file_is_noted_unless_it_says_the_same() {
    let variables = [("KIVEND_STORE__PREFIX", "b"), ("KIVEND_STORE__ATTEMPTS", "7")];
    let found = problems("[store]\nprefix = 'a'\nattempts = 7", &variables);
    assert_eq!(
        found,
        ["Note file 2 store.prefix: KIVEND_STORE__PREFIX overrides this value"]
    );
}

#[test]
fn no_secret_is_in_a_problem() {
    let text = "[kafka.properties]\nsasl.password = ['hunter2']\n[archive]\nkey = 7";
    let found = problems(
        text,
        &[
            ("KIVEND_ARCHIVE__KEY", "hunter2"),
            ("KIVEND_KAFKA__PROPERTIES__SASL__PASSWORD", "hunter2"),
        ],
    );
    assert!(!found.join("\n").contains("hunter2"), "{found:#?}");
    let (_folder, sources) = with_file("[kafka.properties]\nsasl.password = 'x'");
    assert_eq!(
        check(&sources).secret.as_deref(),
        Some("kafka.properties.sasl.password")
    );
}
