//! A shop whose archive is on a [`Server`].

use std::path::Path;
use std::process::{Command, Output, Stdio};

use kivend::embedded::Embedded;
use tempfile::TempDir;

use super::server::Server;
use crate::export::{ingest_file, shop};
use crate::fixture::embedded_with;

/// What the environment of the tests may have, and a test of credentials or proxies must not.
const STRANGE: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "KIVEND_STORE__BUCKET",
    "KIVEND_STORE__REGION",
    "KIVEND_STORE__PREFIX",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

pub struct Shop {
    kafka: Embedded,
    pub folder: TempDir,
    endpoint: String,
}

impl Shop {
    /// A shop with a record in `payments` and one in `user-events`, not archived yet.
    pub fn at(server: &Server) -> Shop {
        Shop::with_endpoint(format!("http://{}", server.address))
    }

    pub fn with_endpoint(endpoint: String) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let kafka = embedded_with(&[]);
        let settings = shop(&kafka, folder.path());
        let events = folder.path().join("events.jsonl");
        let lines = "{\"event_type\":\"payment_attempt\",\"customer_id\":\"C1\"}\n\
                     {\"event_type\":\"page_view\",\"customer_id\":\"C1\"}\n";
        std::fs::write(&events, lines).unwrap();
        ingest_file(&settings, &events);
        Shop {
            kafka,
            folder,
            endpoint,
        }
    }

    /// Sends the two events once more.
    pub fn ingest_again(&self) {
        let sources = kivend::config::Sources {
            config_home: Some(self.folder.path().to_owned()),
            ..Default::default()
        };
        let mut settings = kivend::config::load(&sources).unwrap().settings;
        settings.kafka = self.kafka.settings("kivend-test");
        ingest_file(&settings, &self.folder.path().join("events.jsonl"));
    }

    /// A command without any credentials.
    pub fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kivend"));
        for name in STRANGE {
            command.env_remove(name);
        }
        let none = self.folder.path().join("none");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("HOME", self.folder.path())
            .env("AWS_CONFIG_FILE", &none)
            .env("AWS_SHARED_CREDENTIALS_FILE", &none)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("KIVEND_KAFKA__BROKERS", self.kafka.brokers().join(","))
            .env("KIVEND_STORE__ENDPOINT", &self.endpoint)
            .env("KIVEND_TELEMETRY__LISTEN", "")
            .stdin(Stdio::null());
        command
    }

    /// A command with credentials from the environment.
    pub fn kivend(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command
            .env("AWS_ACCESS_KEY_ID", "of-environment")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command
    }

    /// A command whose AWS files are this one.
    pub fn with_files(&self, arguments: &[&str], config: &str) -> Command {
        let file = self.folder.path().join("aws-config");
        std::fs::write(&file, config).unwrap();
        let mut command = self.bare(arguments);
        command.env("AWS_CONFIG_FILE", file);
        command
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The exit code and what was printed on stderr.
pub fn ended(mut command: Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8_lossy(&stderr).into_owned())
}
