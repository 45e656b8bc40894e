//! `demo`: everything in one process, without a server. Sends a shop's events through an embedded Kafka into an archive in a
//! folder and verifies it; then forges one value in a copy and verifies that.

mod error;
mod forge;

use std::collections::BTreeSet;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::runtime::Runtime;

use crate::app::demo::error::{DemoError, cannot};
use crate::app::demo::forge::{Forged, forge_one_value};
use crate::app::generate::generate;
use crate::app::ingest::{self, Plan, Surroundings};
use crate::app::verify::cluster::ClusterFacts;
use crate::app::verify::facts::KafkaFacts;
use crate::app::verify::{self, Request};
use crate::archiver::{self, Mode, Orders};
use crate::clock::Clock;
use crate::config::{Settings, StoreBackend, StoreSettings};
use crate::embedded::Embedded;
use crate::store;
use crate::synthetic::Shop;
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};
use crate::task::stop::Stop;
use crate::telemetry::{Health, Metrics, Vitals};
use crate::verify::findings::Code;
use crate::verify::kafka::LagPolicy;
use crate::verify::report::{Report, TopicReport};
use crate::writing::init::{self, NewArchive};

const BROKERS: i32 = 3;
/// The counts of the walk-through in the README: all events, then a second run that ends early.
const EVENTS: u64 = 71_694;
const SECOND_RUN: u64 = 51_710;
const SEED: u64 = 42;
/// The file with the archive's public key, in the demo's folder.
pub const PUBLIC_KEY: &str = "kivend.pub";

/// The result of the demo.
#[derive(Debug, Serialize)]
pub struct DemoReport {
    /// The verdict on the archive as it was written.
    pub verdict: String,
    /// The summary of that verification.
    pub summary: String,
    /// The counts by topic.
    pub topics: Vec<TopicReport>,
    /// Whether the verification of the forged copy named the forged record.
    pub tamper_detected: bool,
    /// The forged record.
    pub forged: Forged,
    /// The verdict on the forged copy.
    pub tamper_verdict: String,
    /// The codes of the findings at that record.
    pub tamper_codes: Vec<String>,
    /// The folder with all results.
    pub folder: PathBuf,
    /// The archive's public key, which is in the file `kivend.pub` of the folder too.
    pub public_key: String,
    /// What the findings at that record mean.
    pub tamper_meaning: String,
    /// Wall-clock time in seconds.
    pub elapsed_s: f64,
}

/// Runs the demo in `folder`, which must be empty or missing.
///
/// # Errors
/// The folder is not empty, or a step failed.
pub fn demo(
    settings: &Settings,
    folder: &Path,
    stop: &Stop,
    progress: &Arc<dyn Progress>,
) -> Result<DemoReport, DemoError> {
    let clock = Clock::start();
    prepare(folder)?;
    let starting = progress.begin("starting an embedded Kafka", Unit::Uncounted);
    let kafka = Embedded::start(BROKERS).map_err(AppError::from)?;
    for topic in &settings.topics {
        kafka.create_topic(topic).map_err(AppError::from)?;
    }
    drop(starting);
    let settings = own_settings(settings, &kafka, folder);
    make_archive(&settings, folder)?;
    let events = folder.join("events.jsonl");
    write_events(&events, progress.as_ref())?;
    ingest_twice(&settings, &events, stop, progress.as_ref())?;

    let health = Arc::new(Health::default());
    let vitals = Vitals {
        metrics: Arc::new(Metrics::default()),
        health,
        clock,
    };
    let orders = Orders {
        progress: Arc::clone(progress),
        ..Orders::from(Mode::Once)
    };
    archiver::run(&settings, orders, &vitals, stop)?;

    let archive = folder.join("archive");
    let honest = check(&settings, &archive, progress)?;
    save_report(&folder.join("report.json"), &honest)?;

    let forging = progress.begin("forging one value in a copy", Unit::Uncounted);
    let forged_archive = folder.join("forged");
    let forged = forge_one_value(&archive, &forged_archive)?;
    drop(forging);
    let caught = check(&settings, &forged_archive, progress)?;
    save_report(&folder.join("forged-report.json"), &caught)?;
    let codes = codes_at(&caught, &forged);
    let named: BTreeSet<_> = codes.iter().map(|code| code.meaning()).collect();
    Ok(DemoReport {
        verdict: honest.verdict.to_string(),
        summary: honest.summary,
        topics: honest.topics,
        tamper_detected: !codes.is_empty(),
        forged,
        tamper_verdict: caught.verdict.to_string(),
        tamper_codes: codes.iter().map(|code| code.id().to_owned()).collect(),
        tamper_meaning: named.into_iter().collect::<Vec<_>>().join(" "),
        folder: folder.to_owned(),
        public_key: honest.trust.keys.first().cloned().unwrap_or_default(),
        elapsed_s: clock.elapsed_s(),
    })
}

fn prepare(folder: &Path) -> Result<(), AppError> {
    let holds_something = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if holds_something {
        return Err(
            AppError::input(format!("the folder for the demo, `{}`, is not empty", folder.display()))
                .fix("name another folder with --dir, or remove this one"),
        );
    }
    fs::create_dir_all(folder).map_err(|error| cannot("make", folder, &error))
}

/// The user's settings with the embedded Kafka and a folder as the store.
fn own_settings(settings: &Settings, kafka: &Embedded, folder: &Path) -> Settings {
    let mut own = settings.clone();
    own.kafka = kafka.settings("kivend-demo");
    own.store = StoreSettings {
        backend: StoreBackend::Directory(folder.join("archive")),
        prefix: String::new(),
    };
    own.archive.key_file = Some(folder.join("kivend.key"));
    own
}

/// Creates the archive and its keys, and writes the public key where the suggested commands find it.
fn make_archive(settings: &Settings, folder: &Path) -> Result<(), AppError> {
    let made = runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        let key = (&settings.archive).into();
        init::open_or_make(store.as_ref(), &settings.archive.name, &key, &NewArchive::default()).await
    })?;
    let file = folder.join(PUBLIC_KEY);
    let key = format!("{}\n", made.signer.verifying_key());
    fs::write(&file, key).map_err(|error| cannot("write", &file, &error))
}

fn runtime() -> Result<Runtime, AppError> {
    Runtime::new().map_err(|error| {
        AppError::internal(format!("the async runtime cannot be started: {error}"))
            .fix("raise the limits on processes and memory of this user or container")
    })
}

fn write_events(file: &Path, progress: &dyn Progress) -> Result<(), AppError> {
    let shop = Shop::new(EVENTS, SEED);
    let written = fs::File::create(file).and_then(|opened| generate(shop, &mut BufWriter::new(opened), progress));
    written.map(drop).map_err(|error| cannot("write", file, &error))
}

fn ingest_twice(settings: &Settings, events: &Path, stop: &Stop, progress: &dyn Progress) -> Result<(), DemoError> {
    let surroundings = Surroundings {
        kafka: settings.kafka.clone(),
        routing: settings.routing.clone(),
        ingest: settings.ingest.clone(),
        ledger: ingest::LedgerSettings::of(settings),
    };
    let only = settings.routing.default.clone();
    for (only, max, expected) in [(None, None, EVENTS), (Some(only), Some(SECOND_RUN), SECOND_RUN)] {
        let plan = Plan {
            inputs: vec![ingest::Input::of_argument(events)],
            only,
            max,
            rate_per_s: None,
            order: ingest::Order::AsRead,
            mode: ingest::Mode::Send,
            rejects: None,
        };
        let report = ingest::ingest(&surroundings, plan, stop, progress)?;
        if report.acked != expected {
            return Err(AppError::internal(format!(
                "not every event was acknowledged: {} of {expected}",
                report.acked
            ))
            .into());
        }
    }
    Ok(())
}

fn check(settings: &Settings, archive: &Path, progress: &Arc<dyn Progress>) -> Result<Report, DemoError> {
    let facts: Arc<dyn KafkaFacts> = Arc::new(ClusterFacts::connect(&settings.kafka).map_err(AppError::from)?);
    let request = Request {
        topics: settings.archived.clone(),
        lag: LagPolicy::Refused,
        ..Request::default()
    };
    let place = StoreSettings {
        backend: StoreBackend::Directory(archive.to_owned()),
        prefix: String::new(),
    };
    runtime()?.block_on(async {
        let store = store::open(&place).await.map_err(AppError::from)?;
        Ok(verify::verify(store, Some(facts), request, Arc::clone(progress)).await?)
    })
}

fn save_report(file: &Path, report: &Report) -> Result<(), AppError> {
    let text = serde_json::to_string_pretty(report).map_err(|error| AppError::internal(error.to_string()))?;
    fs::write(file, text).map_err(|error| cannot("write", file, &error))
}

/// The codes of the findings that name exactly the forged record.
fn codes_at(report: &Report, forged: &Forged) -> Vec<Code> {
    let here = report.findings.iter().filter(|finding| {
        finding.topic.as_deref() == Some(&forged.topic)
            && finding.partition == Some(forged.partition)
            && finding.offsets == Some((forged.offset, forged.offset + 1))
    });
    here.map(|finding| finding.code).collect()
}
