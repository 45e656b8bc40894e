//! The environment of one test: topics, group, bucket prefix and signing key of its own, and the programs run with
//! them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use kivend::clock::random_bytes;
use kivend::config::{KafkaSettings, Properties};
use serde_json::Value;

use crate::fixture::servers;

pub struct Shop {
    folder: tempfile::TempDir,
    name: String,
}

impl Shop {
    /// `None` where the servers do not run.
    pub fn open() -> Option<Shop> {
        Shop::with_settings("")
    }

    /// With these additional settings, which must not contain `kafka.properties`; `None` where the servers do not run.
    pub fn with_settings(settings: &str) -> Option<Shop> {
        // A killed member keeps its partitions until its session expires; this is the shortest that brokers accept.
        let properties = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1000")];
        Shop::with(settings, &properties)
    }

    /// With these librdkafka properties; `None` where the servers do not run.
    pub fn with_properties(properties: &[(&str, &str)]) -> Option<Shop> {
        Shop::with("", properties)
    }

    /// With both; `None` where the servers do not run.
    pub fn with_more(settings: &str, properties: &[(&str, &str)]) -> Option<Shop> {
        Shop::with(settings, properties)
    }

    fn with(settings: &str, properties: &[(&str, &str)]) -> Option<Shop> {
        servers::running()?;
        let name = format!("shop-{:012x}", u64::from_be_bytes(random_bytes().unwrap()) >> 16);
        let shop = Shop {
            folder: tempfile::tempdir().unwrap(),
            name,
        };
        std::fs::create_dir(shop.folder().join("config")).unwrap();
        let lines = properties
            .iter()
            .map(|(name, value)| format!("\"{name}\" = \"{value}\"\n"));
        let settings = format!("{settings}\n[kafka.properties]\n{}", lines.collect::<String>());
        std::fs::write(shop.folder().join("config/kivend.toml"), settings).unwrap();
        shop.json(&["topics", "create"]);
        Some(shop)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The name of its group and its bucket prefix, and the start of its topics' names.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends lines to its settings file.
    pub fn add_settings(&self, lines: &str) {
        let path = self.folder().join("config/kivend.toml");
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// The full name of one of the shop's topics.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Settings to connect to Kafka with the group of its archivers.
    pub fn kafka_settings(&self) -> KafkaSettings {
        let brokers = servers::variable("KIVEND_KAFKA__BROKERS");
        KafkaSettings {
            brokers: brokers.split(',').map(str::to_owned).collect(),
            group_id: self.name.clone(),
            properties: Properties::default(),
        }
    }

    pub fn kivend(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_kivend"), arguments)
    }

    pub fn archiver(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_kivend-archiver"), arguments)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("XDG_CONFIG_HOME", self.folder())
            .env("KIVEND_TOPIC_PREFIX", format!("{}.", self.name))
            .env("KIVEND_KAFKA__GROUP_ID", &self.name)
            .env("KIVEND_STORE__PREFIX", &self.name)
            .env("KIVEND_TELEMETRY__LISTEN", "")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, whatever its exit code.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.kivend(arguments).output().unwrap()
    }

    /// Runs a command with `--format json`, which must exit with 0.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.kivend(arguments).args(["--format", "json"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?} ended with {}: {stderr}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stderr}"))
    }

    /// Generates events into a file and ingests it.
    pub fn ingest_generated(&self, events: u32, seed: u32) -> Value {
        self.ingest_named("routed", events, seed)
    }

    /// The same with these names of the types of events.
    pub fn ingest_named(&self, event_types: &str, events: u32, seed: u32) -> Value {
        let (events, seed) = (events.to_string(), seed.to_string());
        let shop = ["--event-types", event_types, "--events", &events, "--seed", &seed];
        let made = self.run(&[&["generate", "-o", "events.jsonl"], &shop[..]].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.json(&["ingest", "events.jsonl"])
    }

    /// Starts an archiver in the background, which archives what comes within half a minute.
    pub fn start_archiver(&self) -> Child {
        self.archiver(&["--set", "archive.seal_max_idle=30s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Archives the rest, verifies with `--at-rest`, and checks that the archive is intact with this many records.
    pub fn verify_intact(&self, records: u64) -> Value {
        self.json(&["archive"]);
        let report = self.json(&["verify", "--at-rest"]);
        assert_eq!(report["verdict"], "intact", "{report:#}");
        let counted: u64 = report["topics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|topic| topic["records"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, records, "{report:#}");
        report
    }
}

/// The entry of one topic in a report.
pub fn topic<'a>(report: &'a Value, name: &str) -> &'a Value {
    let topics = report["topics"].as_array().unwrap();
    topics
        .iter()
        .find(|topic| topic["topic"] == name)
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// Sends SIGTERM.
pub fn terminate(child: &mut Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
