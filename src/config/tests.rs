//! Loading settings: every source, the order of precedence, and the error messages.

use std::time::Duration;

use super::*;
use crate::error::Explain;

pub(super) fn with_file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kivend.toml");
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        config_home: Some("/home/shop/.config/kivend".into()),
        ..Sources::default()
    };
    (folder, sources)
}

pub(super) fn settings(text: &str) -> Settings {
    load(&with_file(text).1)
        .unwrap_or_else(|error| panic!("{error}"))
        .settings
}

fn refusal(text: &str) -> String {
    let (folder, sources) = with_file(text);
    let error = load(&sources).unwrap_err();
    let place = format!("{}/", folder.path().display());
    let remedy = error.remedy().map(|remedy| format!("\n{remedy}")).unwrap_or_default();
    format!("{error}{remedy}").replace(&place, "")
}

#[test]
fn the_defaults_are_those_of_the_local_cluster() {
    insta::assert_debug_snapshot!(settings(""));
}

#[test]
fn the_file_at_the_top_level_is_exactly_the_defaults() {
    assert_eq!(settings(DEFAULTS_TOML), settings(""));
}

#[test]
fn a_file_needs_to_hold_only_what_differs() {
    let settings =
        settings("topic_prefix = 'test.'\n[archive]\nseal_max_age = '90s'\n[topic_defaults]\nreplication_factor = 1");
    assert_eq!(settings.archive.seal_max_age, Duration::from_secs(90));
    assert_eq!(settings.archive.seal_max_records, 1_000_000);
    assert_eq!(settings.topics[1].name, "test.payments");
    assert_eq!(settings.topics[1].replication_factor, 1);
    assert_eq!(settings.routing.rules[0].topic, "test.payments");
}

#[test]
fn environment_outranks_the_file_and_flags_outrank_both() {
    let (_folder, mut sources) = with_file("[store]\nprefix = 'file'\nbucket = 'file'\nregion = 'file'");
    let variable = |name: &str| (name.to_owned(), "environment".to_owned());
    sources.environment = vec![
        variable("KIVEND_STORE__PREFIX"),
        variable("KIVEND_STORE__BUCKET"),
        variable("HOME"),
    ];
    sources.flags = vec![Flag {
        name: "--store-prefix".into(),
        key: "store.prefix".into(),
        value: "flag".to_owned(),
    }];
    let loaded = load(&sources).unwrap();
    let StoreBackend::S3(s3) = loaded.settings.store.backend else {
        panic!("not S3")
    };
    assert_eq!(
        (
            loaded.settings.store.prefix.as_str(),
            s3.bucket.as_str(),
            s3.region.as_str()
        ),
        ("flag", "environment", "file")
    );
    let origin = |key: &str| {
        loaded
            .entries
            .iter()
            .find(|entry| entry.key == key)
            .unwrap()
            .origin
            .clone()
    };
    assert_eq!(origin("store.prefix"), "--store-prefix");
    assert_eq!(origin("store.bucket"), "KIVEND_STORE__BUCKET");
    assert!(origin("store.region").ends_with("kivend.toml"));
    assert_eq!(origin("store.endpoint"), "default");
}

#[test]
fn a_text_from_the_environment_takes_the_type_of_its_setting() {
    let (_folder, mut sources) = with_file("");
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    sources.environment = vec![
        set("KIVEND_KAFKA__BROKERS", "localhost:1, localhost:2"),
        set("KIVEND_INGEST__LINGER_MS", "25"),
        set("KIVEND_STORE__PATH_STYLE", "false"),
        set("KIVEND_STORE__PREFIX", "007"),
        set("KIVEND_KAFKA__PROPERTIES__SASL__PASSWORD", "1e5"),
    ];
    let settings = load(&sources).unwrap().settings;
    assert_eq!(settings.kafka.brokers, ["localhost:1", "localhost:2"]);
    assert_eq!(settings.ingest.linger_ms, 25);
    assert_eq!(settings.store.prefix, "007");
    assert_eq!(settings.kafka.properties.get("sasl.password"), Some("1e5"));
}

#[test]
fn a_kafka_property_is_the_same_setting_quoted_or_nested() {
    let quoted = settings("[kafka.properties]\n'socket.timeout.ms' = 5\n'enable.idempotence' = true");
    let nested = settings("[kafka.properties]\nsocket.timeout.ms = 5\nenable.idempotence = true");
    assert_eq!(quoted, nested);
    assert_eq!(nested.kafka.properties.get("socket.timeout.ms"), Some("5"));
    let replaced = settings("[topic_defaults.properties]\n'retention.ms' = 1000");
    assert_eq!(replaced.topics[0].properties.get("retention.ms"), Some("1000"));
    assert_eq!(replaced.topics[0].properties.get("compression.type"), Some("lz4"));
}

#[test]
fn the_key_of_a_flag_may_be_quoted_as_in_toml() {
    for key in [
        "kafka.properties.\"socket.timeout.ms\"",
        "kafka.properties.'socket.timeout.ms'",
        "\"kafka\".properties.socket.timeout.ms",
    ] {
        let flag = Flag {
            name: "--set".to_owned(),
            key: key.to_owned(),
            value: "7".to_owned(),
        };
        let sources = Sources {
            flags: vec![flag],
            ..Sources::default()
        };
        let settings = load(&sources).unwrap().settings;
        assert_eq!(settings.kafka.properties.get("socket.timeout.ms"), Some("7"), "{key}");
    }
}

#[test]
fn a_topic_may_differ_from_the_topic_defaults() {
    let text = "routing.default = 'a'\nrouting.rules = []\n[[topics]]\nname = 'a'\npartitions = 1\n\
                replication_factor = 1\n[topics.properties]\nretention.ms = 1000";
    let topic = &settings(text).topics[0];
    assert_eq!(
        (topic.replication_factor, topic.properties.get("retention.ms")),
        (1, Some("1000"))
    );
    assert_eq!(topic.properties.get("cleanup.policy"), Some("delete"));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_one() {
    let refusals = [
        "topicprefix = ''",
        "[store]\nprefx = 'a'",
        "[archive]\nseal_age = '5m'",
        "[storage]\nprefix = 'a'",
        "seal_max_age = '5m'",
        "[[topics]]\nname = 'a'\npartition = 1",
        "[[archive.projection]]\ncolumn = 'a'\npath = '/a'\nkind = 'string'",
        "zzz = 1",
    ];
    insta::assert_snapshot!(refusals.map(refusal).join("\n\n"));
}

#[test]
fn a_wrong_value_is_refused_with_its_key_and_origin() {
    let refusals = [
        "[archive]\nseal_max_age = '5 minutes'",
        "[archive]\nseal_max_bytes = '64M'",
        "[archive]\nseal_max_records = 'many'",
        "[archive]\nseal_max_bytes = '1GiB'",
        "[archive]\nname = 'Shop'",
        "[archive]\nseal_max_age = '0s'",
        "[store]\nprefix = '/a'",
        "[store]\nprefix = 'a/../b'",
        "[store]\nendpoint = 'localhost:9000'",
        "[store]\nendpoint = 'http://me:secret@localhost'",
        "[kafka]\nbrokers = []",
        "[kafka]\nbrokers = 5",
        "[kafka]\nbrokers = ['localhost']",
        "[telemetry]\nlisten = 'localhost'",
        "[routing]\ndefault = 'elsewhere'",
        "[[topics]]\nname = 'clicks'\npartitions = 1",
        "[[routing.rules]]\ntopic = 'orders'\nevent_types = ['a', 'a']",
        "[[topics]]\nname = 'a b'\npartitions = 1",
        "[[topics]]\nname = 'a'\npartitions = 0",
        "[[topics]]\nname = 'a*'\npartitions = 1",
        "[[topics]]\nname = 'a'\nreplication_factor = 1",
        "topics = 7",
        "topics = []",
        "[[archive.projection]]\ncolumn = 'a'\npath = '/a'\ntype = 'text'",
        "[archive]\nmemory_budget = '1MiB'",
        "[store\n",
        "[archive.pkcs11]\nlabel = 'audit'",
        "[archive.pkcs11]\nmodule = 'libsofthsm2.so'\ntoken = 'hsm'",
        "[archive.pkcs11]\nmodule = '/lib/p.so'\nlabel = 'audit'",
        "[archive.pkcs11]\nmodule = '/lib/p.so'\ntoken = 'hsm'\nslot = 3",
        "[archive.pkcs11]\nmodule = '/lib/p.so'\nslot = 'third'",
        "[archive.pkcs11]\nmodule = '/lib/p.so'\nslot = 3\npin = '1234'",
        "[archive]\nkey_file = '/k'\n[archive.pkcs11]\nmodule = '/lib/p.so'\nslot = 3\nlabel = 'audit'",
    ];
    insta::assert_snapshot!(refusals.map(refusal).join("\n\n"));
}

#[test]
fn a_token_is_named_by_its_slot_or_its_label_and_the_pin_comes_from_the_environment() {
    let (_folder, mut sources) = with_file("[archive.pkcs11]\nmodule = '/lib/p.so'\nslot = 3\nlabel = 'audit'");
    sources.environment = vec![("KIVEND_PKCS11_PIN".to_owned(), "271828".to_owned())];
    let loaded = load(&sources).unwrap();
    let token = loaded.settings.archive.pkcs11.clone().unwrap();
    assert_eq!(token.token, TokenName::Slot(3));
    assert_eq!(token.pin.unwrap().reveal(), "271828");
    assert!(!format!("{:?} {:?}", loaded.settings, loaded.entries).contains("271828"));
    let (_folder, mut sources) = with_file("");
    sources.environment = ["MODULE=/lib/p.so", "SLOT=7"]
        .iter()
        .filter_map(|setting| setting.split_once('='))
        .map(|(name, value)| (format!("KIVEND_ARCHIVE__PKCS11__{name}"), value.to_owned()))
        .collect();
    let token = load(&sources).unwrap().settings.archive.pkcs11.unwrap();
    assert_eq!((token.token, token.label), (TokenName::Slot(7), None));
    let named = settings("[archive.pkcs11]\nmodule = '/lib/p.so'\ntoken = 'hsm'")
        .archive
        .pkcs11;
    assert_eq!(named.unwrap().token, TokenName::Label("hsm".to_owned()));
    assert!(settings("").archive.pkcs11.is_none());
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    let sources = Sources {
        file: Some("/nowhere/kivend.toml".into()),
        ..Sources::default()
    };
    let error = load(&sources).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the settings file cannot be read: `/nowhere/kivend.toml`"
    );
}

#[test]
fn no_secret_is_ever_printed() {
    let text = "[kafka.properties]\nsasl.password = 'hunter2'\nssl.key.password = 'hunter2'\nsasl.username = 'shop'";
    let loaded = load(&with_file(text).1).unwrap();
    let printed = format!("{:?} {:?}", loaded.settings, loaded.entries);
    assert!(!printed.contains("hunter2"));
    assert!(printed.contains("shop"));
    assert_eq!(loaded.settings.kafka.properties.get("sasl.password"), Some("hunter2"));
}

#[test]
fn a_pin_in_the_settings_is_refused_and_not_printed() {
    let pin = "[archive.pkcs11]\nmodule = '/m.so'\ntoken = 'audit'\npin = 'hunter2'";
    let refused = refusal(pin);
    assert!(
        refused.contains("archive.pkcs11.pin") && !refused.contains("hunter2"),
        "{refused}"
    );
    let sources = with_file("[archive]\ncheckpoint_copies = [{ bucket = 'b', profile = 'auditor' }]");
    let loaded = load(&sources.1).unwrap();
    assert!(format!("{:?}", loaded.entries).contains("auditor"));
    assert!(is_secret("archive.pkcs11.pin") && !is_secret("archive.pkcs11.pin_file"));
}

#[test]
fn a_configured_topic_may_be_named_without_its_prefix() {
    let settings = settings("topic_prefix = 'test.'");
    assert_eq!(settings.topic_name("payments"), "test.payments");
    assert_eq!(settings.topic_name("test.payments"), "test.payments");
    assert_eq!(settings.topic_name("other"), "other");
}

#[test]
fn checkpoint_copies_are_a_folder_a_topic_or_a_bucket() {
    let written = "[archive]\ncheckpoint_copies = [{ directory = '/mnt/witness' }, { topic = 'kivend-checkpoints' }, \
                   { bucket = 'witness', profile = 'auditor', prefix = 'shop' }]";
    let settings = settings(written);
    let StoreBackend::S3(own) = settings.store.backend.clone() else {
        panic!("not S3")
    };
    let [
        CheckpointCopy::Store(folder),
        CheckpointCopy::Topic(topic),
        CheckpointCopy::Store(bucket),
    ] = &settings.archive.checkpoint_copies[..]
    else {
        panic!("{:?}", settings.archive.checkpoint_copies)
    };
    assert_eq!(folder.backend, StoreBackend::Directory("/mnt/witness".into()));
    assert_eq!((topic.partitions, topic.replication_factor), (1, 3));
    assert_eq!(topic.properties.get("cleanup.policy"), Some("compact"));
    let witness = S3Settings {
        bucket: "witness".to_owned(),
        profile: Some("auditor".to_owned()),
        objects: ObjectSettings::default(),
        expected_owner: None,
        ..own
    };
    assert_eq!(
        (&bucket.backend, bucket.prefix.as_str()),
        (&StoreBackend::S3(witness), "shop")
    );
}

#[test]
fn an_invalid_checkpoint_copy_is_refused() {
    for (copies, said) in [
        ("{}", "one of `directory`, `topic` or `bucket`"),
        (
            "{ directory = '/a', topic = 'b' }",
            "one of `directory`, `topic` or `bucket`",
        ),
        ("{ directory = '' }", "must not be empty"),
        ("{ directory = '/a', profile = 'b' }", "belong to a bucket"),
        ("{ topic = 'a/b' }", "not a name that Kafka accepts"),
        ("{ topic = 'payments' }", "an archived topic"),
        ("{ bucket = 'kivend-audit' }", "must not be in the archive's own store"),
        ("{ bucket = 'b', endpoint = 'https://a:b@c' }", "without credentials"),
        ("{ bucket = 'b', endpoint = 'http://witness:9000' }", "allow_plaintext"),
        ("{ directory = '/a' }, { directory = '/a' }", "twice"),
    ] {
        let refused = refusal(&format!("[archive]\ncheckpoint_copies = [{copies}]"));
        assert!(
            refused.contains(said) && refused.contains("archive.checkpoint_copies"),
            "{refused}"
        );
    }
    let secret = refusal("[archive]\ncheckpoint_copies = [{ bucket = 'b', secret_access_key = 'hunter2' }]");
    assert!(
        secret.contains("secret_access_key") && !secret.contains("hunter2"),
        "{secret}"
    );
}

#[test]
fn how_objects_are_created_is_set_in_store_and_no_copy_of_checkpoints_takes_it_over() {
    let settings = settings(
        "[store]\nencryption = 'sse-kms'\nkms_key_id = 'alias/audit'\nbucket_key = true\nstorage_class = 'STANDARD_IA'\n\
         expected_owner = '123456789012'\n[store.tags]\nteam = 'audit'\nlevel = 3\n\
         [archive]\ncheckpoint_copies = [{ bucket = 'other' }]",
    );
    let StoreBackend::S3(own) = &settings.store.backend else {
        panic!("not S3")
    };
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        own.objects,
        ObjectSettings {
            encryption: Some(Encryption::Kms {
                key_id: Some("alias/audit".to_owned()),
                bucket_key: true
            }),
            storage_class: Some("STANDARD_IA".to_owned()),
            tags: vec![tag("level", "3"), tag("team", "audit")],
        }
    );
    assert_eq!(own.expected_owner.as_deref(), Some("123456789012"));
    let CheckpointCopy::Store(copy) = &settings.archive.checkpoint_copies[0] else {
        panic!("{:?}", settings.archive.checkpoint_copies)
    };
    let StoreBackend::S3(other) = &copy.backend else {
        panic!("not S3")
    };
    assert_eq!(
        (&other.objects, &other.expected_owner),
        (&ObjectSettings::default(), &None)
    );
}

#[test]
fn an_impossible_way_to_create_objects_is_refused() {
    for (line, key) in [
        ("encryption = 'aes'", "store.encryption"),
        ("kms_key_id = 'a'", "store.kms_key_id"),
        ("encryption = 'sse-s3'\nbucket_key = true", "store.bucket_key"),
        ("storage_class = 'DEEP_ARCHIVE'", "store.storage_class"),
        ("storage_class = 'standard ia'", "store.storage_class"),
        ("expected_owner = '12345'", "store.expected_owner"),
        ("tags = { '' = 'a' }", "store.tags"),
    ] {
        let refused = refusal(&format!("[store]\n{line}"));
        assert!(refused.contains(key), "{refused}");
    }
}
