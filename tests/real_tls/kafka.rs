//! TLS to a real broker: only the authority in `ssl.ca.location` is trusted, and clients can authenticate with a
//! password or a certificate.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use kivend::clock::{Clock, random_bytes};
use rustix::process::{Pid, Signal, kill_process};

use super::certificates::{authority, of_this_machine};
use crate::fixture::patience::until;
use crate::fixture::servers::{running, variable};

const PASSWORD: &str = "open-sesame";
const WRONG_PASSWORD: &str = "open-barley";
/// Half the time after which kivend gives up on a broker that does not answer.
const AT_ONCE_S: f64 = 5.0;

/// A broker with three TLS listeners: without authentication, with a password, with a client certificate.
struct Broker {
    process: Child,
    tls: u16,
    password: u16,
    mutual: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn java(folder: &Path, arguments: &[&str]) -> Command {
    let home = std::env::var("JAVA_HOME").map(|home| format!("{home}/bin/java"));
    let classes = variable("KIVEND_TEST_KAFKA");
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("broker.log"))
        .unwrap();
    let mut command = Command::new(home.unwrap_or("java".to_owned()));
    command
        .args(["-Xmx512m", "-cp", &classes])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}

impl Broker {
    fn start(folder: &Path) -> Broker {
        authority(folder, "authority");
        of_this_machine(folder, "server.crt", "server.key");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join("server.pem"), read("server.key") + &read("server.crt")).unwrap();
        let [tls, password, mutual, controller] = [(); 4].map(|()| free_port());
        let host = "127.0.0.1";
        let settings = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             listeners=TLS://{host}:{tls},PASSWORD://{host}:{password},MUTUAL://{host}:{mutual},CONTROLLER://{host}:{controller}\n\
             listener.security.protocol.map=TLS:SSL,PASSWORD:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\n\
             controller.quorum.voters=1@{host}:{controller}\n\
             inter.broker.listener.name=TLS\n\
             ssl.keystore.type=PEM\n\
             ssl.keystore.location=server.pem\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location=authority.crt\n\
             listener.name.mutual.ssl.client.auth=required\n\
             sasl.enabled.mechanisms=PLAIN\n\
             listener.name.password.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required user_shop=\"{PASSWORD}\";\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\n\
             log.dirs=data\n"
        );
        std::fs::write(folder.join("server.properties"), settings).unwrap();
        let format = [
            "format",
            "--cluster-id",
            "kivend-tls-cluster-AAA",
            "--config",
            "server.properties",
        ];
        let formatted = java(folder, &[&["kafka.tools.StorageTool"], &format[..]].concat()).status();
        assert!(formatted.unwrap().success(), "{}", read("broker.log"));
        let process = java(folder, &["kafka.Kafka", "server.properties"]).spawn().unwrap();
        let broker = Broker {
            process,
            tls,
            password,
            mutual,
        };
        broker.until_listening();
        broker
    }

    fn until_listening(&self) {
        until("the broker listens", || {
            TcpStream::connect(("127.0.0.1", self.mutual)).is_ok()
        });
    }

    /// Restarts it with another password for the user.
    fn change_password(&mut self, folder: &Path, from: &str, to: &str) {
        self.process.kill().and_then(|()| self.process.wait()).unwrap();
        let path = folder.join("server.properties");
        let settings = std::fs::read_to_string(&path).unwrap();
        let user = |password| format!("user_shop=\"{password}\"");
        assert!(settings.contains(&user(from)));
        std::fs::write(path, settings.replace(&user(from), &user(to))).unwrap();
        self.process = java(folder, &["kafka.Kafka", "server.properties"]).spawn().unwrap();
        self.until_listening();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _gone = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// A client with these librdkafka properties and a prefix for topics, group and bucket.
struct Shop {
    folder: tempfile::TempDir,
    name: String,
}

impl Shop {
    fn at(port: u16, properties: &[(&str, &str)]) -> Shop {
        let name = format!("tls-{:012x}", u64::from_be_bytes(random_bytes().unwrap()) >> 16);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        let mut settings = format!(
            "topic_prefix = '{name}.'\n\
             [topic_defaults]\nreplication_factor = 1\n\
             [topic_defaults.properties]\n\"min.insync.replicas\" = 1\n\
             [store]\nprefix = '{name}'\n\
             [kafka]\nbrokers = ['localhost:{port}']\ngroup_id = '{name}'\n\
             [kafka.properties]\n"
        );
        for (name, value) in properties {
            settings += &format!("\"{name}\" = '{value}'\n");
        }
        std::fs::write(folder.path().join("config/kivend.toml"), settings).unwrap();
        Shop { folder, name }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_kivend"))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env_remove("KIVEND_KAFKA__BROKERS")
            .stdin(Stdio::null());
        command
    }

    fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {arguments:?}: {stderr}", self.name);
    }

    /// Runs the pipeline from creating topics to verifying against Kafka.
    fn works(&self) {
        for arguments in [
            &["topics", "create"][..],
            &["generate", "--events", "500", "--seed", "1", "-o", "events.jsonl"],
            &["ingest", "events.jsonl"],
            &["archive"],
            &["verify", "--at-rest"],
        ] {
            self.succeeds(arguments);
        }
    }

    /// Checks that each command fails at once with this reason and remedy, and prints no secret.
    fn refused(&self, reason: &str, remedy: &str) {
        std::fs::write(self.folder.path().join("events.jsonl"), "{}\n").unwrap();
        for arguments in [
            &["topics", "create"][..],
            &["ingest", "events.jsonl"],
            &["consume", "events", "1"],
            &["archive"],
        ] {
            let since = Clock::start();
            let output = self.run(arguments);
            let (took, stderr) = (since.elapsed_s(), String::from_utf8_lossy(&output.stderr).into_owned());
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
            assert!(
                stderr.contains(reason) && stderr.contains(remedy),
                "{arguments:?}: {stderr}"
            );
            assert!(took < AT_ONCE_S, "{arguments:?} took {took:.1} s: {stderr}");
            assert!(
                !stderr.contains(PASSWORD) && !stderr.contains(WRONG_PASSWORD),
                "{stderr}"
            );
        }
    }
}

#[test]
fn a_broker_over_tls_is_trusted_by_its_authority_and_accepts_passwords_and_certificates() {
    let Some(()) = running() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let own = path("authority.crt");
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", own.as_str())];
    Shop::at(broker.tls, &tls).works();

    // Another authority of the same name is not trusted.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    authority(&other, "authority");
    let other = path("other/authority.crt");
    Shop::at(broker.tls, &[tls[0], ("ssl.ca.location", other.as_str())])
        .refused("ssl.ca.location", "check security.protocol");

    let named = |password| {
        let who = [
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "shop"),
            ("sasl.password", password),
        ];
        [&[("security.protocol", "sasl_ssl"), tls[1]], &who[..]].concat()
    };
    let shop = Shop::at(broker.password, &named(PASSWORD));
    shop.works();
    let shown = shop.run(&["config", "show"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(PASSWORD));
    Shop::at(broker.password, &named(WRONG_PASSWORD)).refused("Authentication failed", "check security.protocol");

    of_this_machine(folder.path(), "client.crt", "client.key");
    let (certificate, key) = (path("client.crt"), path("client.key"));
    let ours = [
        ("ssl.certificate.location", certificate.as_str()),
        ("ssl.key.location", key.as_str()),
    ];
    Shop::at(broker.mutual, &[&tls[..], &ours].concat()).works();
    Shop::at(broker.mutual, &tls).refused("bad certificate", "check ssl.certificate.location");
}

#[test]
fn a_login_that_is_refused_while_credentials_change_is_waited_for_by_a_running_archiver() {
    let Some(()) = running() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path());
    let authority = folder.path().join("authority.crt").to_str().unwrap().to_owned();
    let shop = Shop::at(
        broker.password,
        &[
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", &authority),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "shop"),
            ("sasl.password", PASSWORD),
        ],
    );
    shop.succeeds(&["topics", "create"]);
    let log = shop.folder.path().join("archiver.log");
    let mut archiver = shop
        .command(env!("CARGO_BIN_EXE_kivend-archiver"))
        .args(["--set", "archive.seal_max_idle=200ms", "--set", "telemetry.listen="])
        .env("KIVEND_LOG", "warn,kivend=debug")
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let says = |what: &str| until(what, || std::fs::read_to_string(&log).unwrap().contains(what));
    says("partition_started");
    broker.change_password(folder.path(), PASSWORD, WRONG_PASSWORD);
    says("a broker refuses the login: trying again for two minutes");
    broker.change_password(folder.path(), WRONG_PASSWORD, PASSWORD);
    shop.succeeds(&["generate", "--events", "500", "--seed", "1", "-o", "events.jsonl"]);
    shop.succeeds(&["ingest", "events.jsonl"]);
    says("segment_sealed");
    kill_process(Pid::from_child(&archiver), Signal::TERM).unwrap();
    assert!(archiver.wait().unwrap().success());
    shop.succeeds(&["archive"]);
    shop.succeeds(&["verify", "--at-rest"]);
}
