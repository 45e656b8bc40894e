//! Export returns what was archived: events are sent to brokers in this process, archived into a folder, and exported
//! as lines. Also: a checkpoint signed on demand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use kivend::app::checkpoint::checkpoint_now;
use kivend::app::export::{Form, Report, Request, export};
use kivend::app::generate::generate;
use kivend::app::ingest::{self, Plan, Surroundings};
use kivend::archiver::{self, Mode};
use kivend::clock::Clock;
use kivend::config::{CheckpointCopy, Settings, Sources, StoreBackend, StoreSettings, load};
use kivend::embedded::Embedded;
use kivend::kafka::reader::Reader;
use kivend::record::position::TopicPartition;
use kivend::record::record::{Record, Timestamp};
use kivend::store::{self, OBJECT_MAX_BYTES};
use kivend::synthetic::Shop;
use kivend::task::progress::Silent;
use kivend::task::stop::Stop;
use kivend::telemetry::{Health, Metrics, Vitals};
use kivend::verify::given::Given;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::fixture::{Archive, OwnedRecord};

/// The shop's settings, with brokers in this process and a folder.
pub fn shop(kafka: &Embedded, folder: &Path) -> Settings {
    let sources = Sources {
        config_home: Some(folder.to_owned()),
        ..Sources::default()
    };
    let mut settings = load(&sources).unwrap().settings;
    for topic in &settings.topics {
        kafka.create_topic(topic).unwrap();
    }
    settings.kafka = kafka.settings("kivend-test");
    settings.store = StoreSettings {
        backend: StoreBackend::Directory(folder.join("archive")),
        prefix: String::new(),
    };
    settings
}

pub fn ingest_file(settings: &Settings, file: &Path) {
    let surroundings = Surroundings {
        kafka: settings.kafka.clone(),
        routing: settings.routing.clone(),
        ingest: settings.ingest.clone(),
        ledger: ingest::LedgerSettings::of(settings),
    };
    let plan = Plan {
        inputs: vec![ingest::Input::of_argument(file)],
        only: None,
        max: None,
        rate_per_s: None,
        order: ingest::Order::AsRead,
        mode: ingest::Mode::Send,
        rejects: None,
    };
    ingest::ingest(&surroundings, plan, &Stop::never(), &Silent).unwrap();
}

pub fn archive(settings: &Settings) -> archiver::ArchiveReport {
    let vitals = Vitals {
        metrics: Arc::new(Metrics::default()),
        health: Arc::new(Health::default()),
        clock: Clock::start(),
    };
    archiver::run(settings, Mode::Once, &vitals, &Stop::never()).unwrap()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn lines_of(settings: &Settings, topic: &str) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let request = Request {
        topic: Some(topic.to_owned()),
        ..Request::default()
    };
    runtime().block_on(async {
        let store = store::open(&settings.store).await.unwrap();
        let destination = &mut lines;
        export(store, &Given::default(), &request, destination, &Silent)
            .await
            .unwrap()
    });
    let lines = lines.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The records of a topic in Kafka, by partition and offset.
fn values_in_kafka(settings: &Settings, topic: &str) -> Vec<Vec<u8>> {
    let reader = Reader::connect(&settings.kafka).unwrap();
    let mut values = Vec::new();
    for partition in reader.cluster().topic(topic).unwrap().positions() {
        let high = reader.cluster().watermarks(&partition).unwrap().high;
        let take = |record: &Record<'_>| {
            values.push(record.value.unwrap().to_vec());
            Ok::<_, kivend::kafka::error::KafkaError>(())
        };
        reader.read_range(&partition, 0, high, take).unwrap();
    }
    values
}

#[test]
fn events_that_were_sent_and_archived_come_back_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Embedded::start(3).unwrap();
    let mut settings = shop(&kafka, folder.path());
    let file = folder.path().join("events.jsonl");
    let mut written = Vec::new();
    generate(Shop::new(2_000, 7), &mut written, &Silent).unwrap();
    std::fs::write(&file, &written).unwrap();
    ingest_file(&settings, &file);
    let witness = folder.path().join("witness");
    std::fs::create_dir(&witness).unwrap();
    settings.archive.checkpoint_copies = vec![CheckpointCopy::Store(StoreSettings {
        backend: StoreBackend::Directory(witness.clone()),
        prefix: String::new(),
    })];
    assert_eq!(archive(&settings).records, 2_000);

    let mut back = Vec::new();
    for topic in ["payments", "orders", "user-events"] {
        let lines = lines_of(&settings, topic);
        assert_eq!(lines, values_in_kafka(&settings, topic), "{topic}");
        back.extend(lines);
    }
    back.sort();
    let mut sent: Vec<Vec<u8>> = written
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    sent.sort();
    assert_eq!(back, sent);

    // The archiver signed all heads at its end, so there is nothing new to sign, and the note is the one in the bucket.
    let (report, stored) = runtime().block_on(async {
        let store = store::open(&settings.store).await.unwrap();
        let report = checkpoint_now(&store, &settings).await.unwrap();
        let key = format!("checkpoints/{:010}.note", report.number);
        (report, store.get(&key, OBJECT_MAX_BYTES).await.unwrap().unwrap())
    });
    assert!(!report.signed_now);
    // The archiver has already copied it to the second place, and checkpoint 0 too.
    assert!(
        report.mirrors.iter().all(|copy| copy.error.is_none()),
        "{:?}",
        report.mirrors
    );
    let id = std::fs::read_dir(&witness).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        std::fs::read_dir(id.join("checkpoints"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some())
            .count(),
        2
    );
    assert_eq!(
        std::fs::read(id.join("checkpoints/0000000001.note")).unwrap(),
        report.note.as_bytes()
    );
    assert_eq!(report.note.as_bytes(), &stored[..]);
    let archived: i64 = report.heads.iter().map(|head| head.next_offset).sum();
    assert_eq!(archived, 2_000);
}

fn lines_of_memory(archive: &Archive, request: &Request) -> (String, Report) {
    let mut lines = Vec::new();
    let store = Arc::new(archive.store.clone());
    let given = Given::default();
    let exporting = export(store, &given, request, &mut lines, &Silent);
    let report = runtime().block_on(exporting).unwrap();
    (String::from_utf8(lines).unwrap(), report)
}

#[test]
fn records_without_a_value_are_counted_and_time_bounds_are_half_open() {
    let mut archive = Archive::new();
    let partition = TopicPartition::new("payments", 0);
    let mut records: Vec<OwnedRecord> = archive.produce(&partition, 10);
    records[2].value = None;
    records[3].value = Some(Vec::new());
    records[4].value = Some(b"two\nlines".to_vec());
    records[5].timestamp = Timestamp::Absent;
    archive.archive(&partition, &records, 10);
    archive.append_loss(&partition, 15);

    let (lines, report) = lines_of_memory(&archive, &Request::default());
    assert_eq!(lines.lines().count(), 9);
    let counts = (
        report.records,
        report.tombstones,
        report.empty,
        report.with_newline,
        report.lost_offsets,
    );
    assert_eq!(counts, (8, 1, 1, 1, 5));
    assert_eq!(report.topics, BTreeMap::from([("payments".to_owned(), 8)]));

    let ms = |offset: usize| records[offset].timestamp.ms();
    let between = Request {
        since_ms: ms(1),
        until_ms: ms(7),
        ..Request::default()
    };
    // Offsets 1, 4 and 6: 2 and 3 have no value to print, and 5 has no time.
    assert_eq!(lines_of_memory(&archive, &between).1.records, 3);
    let later = Request {
        since_ms: ms(9).map(|last| last + 1),
        ..Request::default()
    };
    assert_eq!(lines_of_memory(&archive, &later).1.records, 0);
}

#[test]
fn a_record_that_its_link_did_not_sign_is_not_exported() {
    let archive = Archive::usual();
    archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| bytes[100] ^= 1);
    let mut lines = Vec::new();
    let store = Arc::new(archive.store.clone());
    let request = Request::default();
    let given = Given::default();
    let exporting = export(store, &given, &request, &mut lines, &Silent);
    let error = runtime().block_on(exporting).unwrap_err().to_string();
    assert!(error.contains("does not have the hash in its link"), "{error}");
    // The lines before it were written.
    assert_eq!(lines.split(|byte| *byte == b'\n').count(), 26);
}

/// Records that a line cannot represent, with headers, and a time that query engines do not take.
fn odd_archive() -> (Archive, TopicPartition) {
    let mut archive = Archive::new();
    let partition = TopicPartition::new("payments", 0);
    let mut records: Vec<OwnedRecord> = archive.produce(&partition, 5);
    records[0].value = None;
    records[1].value = Some(Vec::new());
    records[2].value = Some(b"two\nlines \"quoted\"".to_vec());
    records[3].value = Some(b"\xff\x00".to_vec());
    records[3].timestamp = Timestamp::CreateMs(i64::MAX);
    records[4].headers = vec![(b"\xfe".to_vec(), None)];
    archive.archive(&partition, &records, 5);
    (archive, partition)
}

fn exported_as(archive: &Archive, form: Form) -> (Vec<u8>, Report) {
    let mut output = Vec::new();
    let store = Arc::new(archive.store.clone());
    let request = Request {
        form,
        ..Request::default()
    };
    let given = Given::default();
    let exporting = export(store, &given, &request, &mut output, &Silent);
    let report = runtime().block_on(exporting).unwrap();
    (output, report)
}

#[test]
fn parquet_and_csv_have_whole_records_also_those_that_no_line_can_represent() {
    let (archive, _) = odd_archive();
    let (parquet, report) = exported_as(&archive, Form::Parquet);
    assert_eq!((report.records, report.tombstones, report.empty), (5, 1, 1));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet)).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    let column = |name: &str| batches[0].column_by_name(name).unwrap();
    let values = column("value").as_binary::<i32>();
    let values: Vec<Option<&[u8]>> = values.iter().collect();
    assert_eq!(values[..2], [None, Some(&b""[..])]);
    assert_eq!(values[3], Some(&b"\xff\x00"[..]));
    let odd = column("timestamp_out_of_range_ms").as_primitive::<Int64Type>();
    assert_eq!(odd.iter().flatten().collect::<Vec<_>>(), [i64::MAX]);
    let headers = column("headers").as_list::<i32>();
    assert_eq!((headers.value(3).len(), headers.value(4).len()), (2, 1));

    let (csv, report) = exported_as(&archive, Form::Csv);
    assert_eq!(report.records, 5);
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.starts_with("topic,partition,offset,timestamp_ms,"), "{csv}");
    assert!(csv.contains("\"two\nlines \"\"quoted\"\"\""), "{csv}");
    assert!(csv.contains(",\"/wA=\",") && csv.contains(",value\r\n"), "{csv}");
    assert!(csv.ends_with(",\"[[\"\"/g==\"\",null]]\",headers\r\n"), "{csv}");

    let (lines, report) = exported_as(&archive, Form::Jsonl);
    assert_eq!(report.records, 3);
    assert!(lines.starts_with(b"two\nlines \"quoted\"\n\xff\x00\n"));
}

#[test]
fn an_empty_export_is_a_parquet_file_without_rows() {
    let (archive, _) = odd_archive();
    let mut output = Vec::new();
    let request = Request {
        form: Form::Parquet,
        until_ms: Some(-1_000_000),
        ..Request::default()
    };
    let given = Given::default();
    let exporting = export(Arc::new(archive.store.clone()), &given, &request, &mut output, &Silent);
    assert_eq!(runtime().block_on(exporting).unwrap().records, 0);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(output)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}
