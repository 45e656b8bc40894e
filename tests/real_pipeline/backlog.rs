//! A backlog behind a slow store: memory stays flat, and no partition waits for the others.
//!
//! `KIVEND_TEST_BACKLOG=10000000 deploy/local/cluster run cargo test --release backlog` runs it with ten million
//! records, which takes about ten minutes and 15 GB of disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use kivend::clock::Clock;

use serde_json::Value;

use super::shop::{Shop, terminate};
use crate::fixture::patience::until_within;
use crate::fixture::servers::variable;

/// Records by default.
const RECORDS: u64 = 100_000;
const PARTITIONS: i64 = 24;
/// Throughput of the store over all connections: less than the archiver produces.
const STORE_BYTES_PER_S: u64 = 4_000_000;
/// When half of all records are archived, the slowest partition must have archived this share of its own. A partition
/// that waits for others has none.
const SLOWEST_SHARE: f64 = 0.2;
/// Limit of the resident memory, whatever the number of records.
const RESIDENT_MAX_BYTES: u64 = 400_000_000;

#[test]
fn a_backlog_behind_a_slow_store_is_archived_within_flat_memory_and_starves_no_partition() {
    let Some(shop) = Shop::open() else { return };
    let records = asked("KIVEND_TEST_BACKLOG").unwrap_or(RECORDS);
    let speed = if records > RECORDS {
        8 * STORE_BYTES_PER_S
    } else {
        STORE_BYTES_PER_S
    };
    widen(&shop);
    shop.json(&["init"]);
    let made = shop.run(&["generate", "--events", &records.to_string(), "-o", "events.jsonl"]);
    assert!(made.status.success());
    assert_eq!(shop.json(&["ingest", "events.jsonl"])["acked"], records);

    let store = slow(&variable("KIVEND_STORE__ENDPOINT"), speed);
    let log = File::create(shop.folder().join("daemon.log")).unwrap();
    let began = Clock::start();
    let mut archiver = shop
        .archiver(&["--format", "json", "--set", "archive.seal_max_idle=2s"])
        .env("KIVEND_STORE__ENDPOINT", format!("http://{store}"))
        .env("KIVEND_TELEMETRY__LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let fairness = watch(&shop, records, Duration::from_secs(120 + records / 5_000));
    eprintln!(
        "archived within {:.1} s; when half was archived, the slowest partition had {fairness:.2} of its records",
        began.elapsed_s()
    );
    terminate(&mut archiver);
    let output = archiver.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let resident = report["peak_rss_bytes"].as_u64().unwrap();
    eprintln!("peak_rss_bytes={resident}");
    // By default a partition is one segment, so it has all of its records or none.
    let is_fair = fairness >= SLOWEST_SHARE || records <= RECORDS;
    assert!(is_fair, "the slowest partition had {fairness:.2} of its records");
    assert!(resident <= RESIDENT_MAX_BYTES, "peak_rss_bytes={resident}");
    assert_eq!(report["records"], records);
    shop.verify_intact(records);
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Adds partitions to the busiest topic.
fn widen(shop: &Shop) {
    let mut config = std::fs::OpenOptions::new()
        .append(true)
        .open(shop.folder().join("config/kivend.toml"))
        .unwrap();
    let topics = [
        ("user-events", PARTITIONS),
        ("payments", 3),
        ("orders", 3),
        ("fraud-alerts", 2),
    ];
    for (name, partitions) in topics {
        writeln!(config, "[[topics]]\nname = \"{name}\"\npartitions = {partitions}").unwrap();
    }
    drop(config);
    shop.json(&["topics", "create", "--alter"]);
}

/// Waits until everything is archived. Returns the share of its own records that the slowest partition of the busiest
/// topic had when half of all records were archived.
fn watch(shop: &Shop, records: u64, patience: Duration) -> f64 {
    let (mut at_half, mut at_end) = (None, BTreeMap::new());
    until_within(patience, "everything is archived", || {
        at_end = archived_by_partition(shop);
        let total: u64 = at_end.values().sum();
        if at_half.is_none() && total >= records / 2 {
            at_half = Some(at_end.clone());
        }
        total >= records
    });
    let at_half = at_half.unwrap_or_default();
    let shares = at_end
        .iter()
        .filter(|(name, _)| name.contains("user-events"))
        .map(|(name, all)| {
            let archived = at_half.get(name).copied().unwrap_or(0);
            archived as f64 / *all as f64
        });
    shares.fold(1.0, f64::min)
}

/// Archived records by the labels of their partition.
fn archived_by_partition(shop: &Shop) -> BTreeMap<String, u64> {
    let page = metrics(shop);
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("kivend_records_total"));
    let archived = lines.filter_map(|line| {
        let (labels, count) = line.rsplit_once(' ')?;
        Some((labels.to_owned(), count.parse().ok()?))
    });
    archived.filter(|(_, count)| *count > 0).collect()
}

fn metrics(shop: &Shop) -> String {
    let log = std::fs::read_to_string(shop.folder().join("daemon.log")).unwrap();
    let Some((_, rest)) = log.split_once("127.0.0.1:") else {
        return String::new();
    };
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let Ok(mut stream) = TcpStream::connect(format!("127.0.0.1:{port}")) else {
        return String::new();
    };
    let asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut page = String::new();
    if stream.write_all(asked).is_err() || stream.read_to_string(&mut page).is_err() {
        return String::new();
    }
    page
}

/// Starts a proxy to the store that passes this many bytes a second on over all connections. It runs until the test
/// ends.
fn slow(endpoint: &str, bytes_per_s: u64) -> SocketAddr {
    let store = endpoint.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let road: &'static Road = Box::leak(Box::new(Road::new(bytes_per_s)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&store) else {
                continue;
            };
            let (to_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || pass(client, to_server, |bytes| road.travel(bytes)));
            std::thread::spawn(move || pass(server, to_client, |_| ()));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream, before: impl Fn(u64)) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        before(read as u64);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// Passes bytes on at the rate that all connections share.
struct Road {
    bytes_per_s: u64,
    clock: Clock,
    free_at: std::sync::Mutex<Duration>,
}

impl Road {
    fn new(bytes_per_s: u64) -> Road {
        Road {
            bytes_per_s,
            clock: Clock::start(),
            free_at: std::sync::Mutex::new(Duration::ZERO),
        }
    }

    fn travel(&self, bytes: u64) {
        let now = || Duration::from_secs_f64(self.clock.elapsed_s());
        let turn = {
            let mut free_at = self.free_at.lock().unwrap();
            *free_at = (*free_at).max(now()) + Duration::from_nanos(bytes * 1_000_000_000 / self.bytes_per_s);
            *free_at
        };
        std::thread::sleep(turn.saturating_sub(now()));
    }
}
