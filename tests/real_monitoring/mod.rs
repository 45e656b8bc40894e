//! The dashboard and the alert rules in a real Prometheus that scrapes an archiver under load.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fixture::TestWitness;
use crate::fixture::patience::{until, until_within};
use crate::monitoring::{queries, tools::tool};
use crate::real_pipeline::shop::Shop;

/// A witness that nobody runs, so that there are failures to show.
const SETTINGS: &str = "
[archive]
seal_max_age = '1s'
checkpoint_interval = '2s'
checkpoint_copies = [{ directory = 'copies' }]
witnesses = [{ url = 'http://127.0.0.1:1', key = 'WITNESS', allow_plaintext = true }]
";

/// Ends a process when the test ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Serves a file as node_exporter's textfile collector shows it, until the test process ends.
fn serve(file: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, file) = (listener.local_addr().unwrap(), file.to_owned());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _request = client.read(&mut [0; 4096]);
            let body = std::fs::read_to_string(&file).unwrap_or_default();
            let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n";
            let _gone = client.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

fn archiver(shop: &Shop) -> (Ended, SocketAddr) {
    let log = shop.folder().join("archiver.log");
    let mut command = shop.archiver(&[]);
    command
        .env("KIVEND_TELEMETRY__LISTEN", "127.0.0.1:0")
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let archiver = Ended(command.spawn().unwrap());
    let mut address = None;
    until("the archiver's port", || {
        let said = std::fs::read_to_string(&log).unwrap();
        let after = said
            .split_once("address=")
            .map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned());
        address = after.and_then(|address| address.parse().ok());
        address.is_some()
    });
    (archiver, address.unwrap())
}

/// Events at a rate until it is dropped.
fn load(shop: &Shop) -> [Ended; 2] {
    let mut source = shop
        .kivend(&["generate", "--events", "1000000000", "--seed", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ingest = shop
        .kivend(&["ingest", "-", "--rate", "500"])
        .stdin(source.stdout.take().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    [Ended(ingest), Ended(source)]
}

fn prometheus(folder: &Path, archiver: SocketAddr, verification: SocketAddr) -> (Ended, SocketAddr) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/kivend.rules.yml");
    let settings = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n\
         - {{job_name: kivend, static_configs: [{{targets: ['{archiver}']}}]}}\n\
         - {{job_name: node, static_configs: [{{targets: ['{verification}']}}]}}\n",
        rules.display()
    );
    std::fs::write(folder.join("prometheus.yml"), settings).unwrap();
    let address = free_port();
    let child = Command::new(tool("prometheus"))
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=prometheus")
        .arg(format!("--web.listen-address={address}"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("prometheus.log")).unwrap())
        .spawn()
        .unwrap();
    (Ended(child), address)
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Whether the answer has a value that is a number.
fn has_data(prometheus: SocketAddr, query: &str) -> Result<(), String> {
    let query = query
        .replace("$__rate_interval", "15s")
        .replace("$job", ".*")
        .replace("$topic", ".*");
    let answer = get(prometheus, &format!("/api/v1/query?query={}", encoded(&query))).unwrap_or_default();
    let parsed: Value = serde_json::from_str(&answer).map_err(|error| format!("{query}: {error}: {answer}"))?;
    let series = parsed["data"]["result"]
        .as_array()
        .ok_or_else(|| format!("{query}: {parsed}"))?;
    let is_number = |series: &Value| series["value"][1].as_str().is_some_and(|value| value != "NaN");
    if series.iter().any(is_number) {
        Ok(())
    } else {
        Err(format!("no data: {query}"))
    }
}

#[test]
fn every_panel_shows_data_of_an_archiver_under_load_and_every_rule_can_be_evaluated() {
    let key = TestWitness::new("witness.example/silent", 7).key_text();
    let Some(shop) = Shop::with_settings(&SETTINGS.replace("WITNESS", &key)) else {
        return;
    };
    std::fs::create_dir(shop.folder().join("copies")).unwrap();
    let (_archiver, address) = archiver(&shop);
    let _load = load(&shop);
    let page = || get(address, "/metrics").unwrap_or_default();
    until("a checkpoint over records", || {
        page()
            .lines()
            .any(|line| line.starts_with("kivend_checkpoint_size") && !line.ends_with(" 1") && !line.ends_with(" 0"))
    });
    let verified = shop.folder().join("kivend.prom");
    let output = shop.run(&["verify", "--metrics-file", "kivend.prom"]);
    let result = std::fs::read_to_string(&verified).unwrap();
    assert!(
        result.contains("verdict=\"intact\"} 1"),
        "{result}{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let (_prometheus, prometheus) = prometheus(shop.folder(), address, serve(&verified));
    let mut without = Vec::new();
    until_within(Duration::from_secs(120), "data in every panel", || {
        let asked = queries()
            .into_iter()
            .map(|(panel, query)| (panel, has_data(prometheus, &query)));
        without = asked.filter(|(_, data)| data.is_err()).collect();
        if !without.is_empty() {
            eprintln!("{} queries without data, such as {:?}", without.len(), without[0]);
        }
        without.is_empty()
    });
    let rules: Value = serde_json::from_str(&get(prometheus, "/api/v1/rules").unwrap()).unwrap();
    for group in rules["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule:#}");
        }
    }
    let targets: Value = serde_json::from_str(&get(prometheus, "/api/v1/targets").unwrap()).unwrap();
    for target in targets["data"]["activeTargets"].as_array().unwrap() {
        assert_eq!(target["health"], "up", "{target:#}");
    }
}
