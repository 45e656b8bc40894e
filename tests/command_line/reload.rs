//! SIGHUP applies the settings that can change while the archiver runs, and says which need a restart.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kivend::config::TopicSettings;
use kivend::embedded::Embedded;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rustix::process::{Pid, Signal, kill_process};

use super::signals::handles;
use crate::fixture::embedded_with;
use crate::fixture::patience::until;

const SIGHUP: u32 = 1;

/// Writes settings with one typed column, and more.
fn settings(folder: &Path, kafka: &Embedded, column: &str, log: &str, group: &str) {
    let text = format!(
        "[[topics]]\nname = 'orders'\npartitions = 1\n\
         [routing]\ndefault = 'orders'\nrules = []\n\
         [kafka]\nbrokers = '{}'\ngroup_id = '{group}'\n\
         [store]\ndirectory = '{}'\n\
         [archive]\nseal_max_idle = '200ms'\n\
         [telemetry]\nlisten = ''\nlog = '{log}'\n\
         [[archive.projection]]\ncolumn = '{column}'\npath = '/number'\ntype = 'string'\n",
        kafka.brokers().join(","),
        folder.join("archive").display(),
    );
    std::fs::write(folder.join("kivend.toml"), text).unwrap();
}

fn send(kafka: &Embedded, value: &str) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers().join(","))
        .create()
        .unwrap();
    let record = BaseRecord::<str, str>::to("orders").partition(0).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}

/// The typed columns of this name in the segments of the archive.
fn segments_with(folder: &Path, column: &str) -> usize {
    let segments = std::fs::read_dir(folder.join("archive/data/orders/0")).unwrap();
    let has = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(column.len()).any(|window| window == column.as_bytes())
    };
    segments.filter(|entry| has(entry.as_ref().unwrap().path())).count()
}

#[test]
fn sighup_applies_typed_columns_and_the_log_filter_and_names_what_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[]);
    let topic = TopicSettings {
        name: "orders".to_owned(),
        partitions: 1,
        replication_factor: 1,
        properties: [].into_iter().collect(),
    };
    kafka.create_topic(&topic).unwrap();
    settings(folder.path(), &kafka, "column_before", "warn", "one");
    let log = folder.path().join("log");
    let mut archiver = Command::new(env!("CARGO_BIN_EXE_kivend-archiver"))
        .env_clear()
        .env("XDG_CONFIG_HOME", folder.path())
        .env("KIVEND_CONFIG", folder.path().join("kivend.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let said = |what: &str| std::fs::read_to_string(&log).unwrap().matches(what).count();
    let says = |what: &str| until(what, || said(what) > 0);
    let hang_up = || kill_process(Pid::from_child(&archiver), Signal::HUP).unwrap();
    until("it handles SIGHUP", || handles(&archiver, SIGHUP));
    send(&kafka, "{\"number\":\"1\"}");
    until("the first segment", || {
        folder.path().join("archive/data/orders/0").exists() && segments_with(folder.path(), "column_before") == 1
    });
    assert_eq!(said("segment_sealed"), 0, "the filter of the settings is in force");

    settings(folder.path(), &kafka, "column_after", "warn,kivend=debug", "another");
    hang_up();
    says("SIGHUP: the settings were loaded again");
    says("applied=\"archive.projection[0], telemetry.log\"");
    says("waiting=\"kafka.group_id\"");
    std::fs::write(folder.path().join("kivend.toml"), "[nonsense").unwrap();
    hang_up();
    says("SIGHUP: the settings cannot be loaded; those in force stay");

    send(&kafka, "{\"number\":\"2\"}");
    until("the second segment", || {
        segments_with(folder.path(), "column_after") == 1
    });
    says("first_offset=1 next_offset=2");
    assert_eq!(segments_with(folder.path(), "column_before"), 1);
    kill_process(Pid::from_child(&archiver), Signal::TERM).unwrap();
    assert!(archiver.wait().unwrap().success());
}
