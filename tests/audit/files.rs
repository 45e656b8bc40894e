//! Files of other shapes: named by their sinks, without values, damaged, or hostile.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, StructArray};
use bytes::Bytes;
use kivend::app::audit::request::{Against, Request, Wanted};
use kivend::app::verify::facts::KafkaFacts;
use kivend::audit::codes::Code;
use kivend::audit::columns;
use kivend::audit::foreign_file::{File, ForeignFile};
use kivend::audit::report::Verdict;
use kivend::record::position::TopicPartition;
use kivend::store::memory::MemoryStore;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{audited, codes, of_archive, of_kafka, places, request};
use crate::fixture::{Archive, OwnedRecord};

const TOPIC: &str = "payments";

/// A file with these columns.
pub fn parquet(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The archive of 100 payments in partition 0, and these records.
fn archive() -> (Archive, Vec<OwnedRecord>) {
    let archive = Archive::usual();
    let records = archive.broker.logs()[&TopicPartition::new(TOPIC, 0)].records.clone();
    (archive, records)
}

fn offsets(records: &[OwnedRecord]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(records.iter().map(|record| record.offset)))
}

fn values(records: &[OwnedRecord]) -> ArrayRef {
    Arc::new(BinaryArray::from_iter(
        records.iter().map(|record| record.value.as_deref()),
    ))
}

fn zeros(records: &[OwnedRecord]) -> ArrayRef {
    Arc::new(Int32Array::from(vec![0; records.len()]))
}

/// Rows as Spark writes them, without some columns.
fn plain(records: &[OwnedRecord], compression: Compression) -> Vec<u8> {
    let topics: ArrayRef = Arc::new(StringArray::from(vec![TOPIC; records.len()]));
    let columns = vec![
        ("topic", topics),
        ("partition", zeros(records)),
        ("offset", offsets(records)),
        ("value", values(records)),
    ];
    parquet(columns, compression)
}

fn stored(files: &[(&str, Vec<u8>)]) -> MemoryStore {
    let store = MemoryStore::new();
    files.iter().for_each(|(key, bytes)| store.plant(key, bytes.clone()));
    store
}

fn of(files: &[(&str, Vec<u8>)]) -> Request {
    request(TOPIC, stored(files))
}

#[test]
fn a_sink_with_each_record_once_is_equal_whatever_compresses_it() {
    let (archive, records) = archive();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        let report = audited(of(&[("a.parquet", plain(&records, codec))]), of_archive(&archive));
        assert_eq!(report.verdict, Verdict::Equal, "{codec} {:#?}", report.findings);
        assert_eq!(
            report.summary,
            "equal: 100 rows were compared; no record is missing or doubled, and none differs"
        );
    }
}

#[test]
fn names_of_confluents_objects_give_partition_and_offset_and_values_are_not_judged() {
    let (archive, records) = archive();
    let parsed = |records: &[OwnedRecord]| {
        parquet(
            vec![("amount", offsets(records)), ("value", values(records))],
            Compression::SNAPPY,
        )
    };
    let name = |first: usize| format!("topics/{TOPIC}/partition=0/{TOPIC}+0+{first:010}.snappy.parquet");
    let report = audited(
        of(&[
            (&name(0), parsed(&records[..40])),
            (&name(40), parsed(&records[40..50])),
            (&name(45), parsed(&records[45..60])),
            (&name(63), parsed(&records[63..])),
            (
                "topics/user-events/partition=0/user-events+0+0000000000.snappy.parquet",
                parsed(&records[..9]),
            ),
        ]),
        of_archive(&archive),
    );
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(codes(&report), [Code::Missing, Code::Doubled, Code::ValuesNotCompared]);
    assert_eq!(places(&report, Code::Missing), [(0, 60), (0, 61), (0, 62)]);
    assert_eq!(
        places(&report, Code::Doubled),
        [(0, 45), (0, 46), (0, 47), (0, 48), (0, 49)]
    );
    assert_eq!(report.sink.other_topics, 9);
    assert!(
        report.summary.ends_with("values were not compared"),
        "{}",
        report.summary
    );
}

#[test]
fn nested_columns_of_icebergs_metadata_are_found() {
    let (archive, records) = archive();
    let topics: ArrayRef = Arc::new(StringArray::from(vec![TOPIC; records.len()]));
    let metadata = StructArray::try_from(vec![
        ("topic", topics),
        ("partition", zeros(&records)),
        ("offset", offsets(&records)),
    ])
    .unwrap();
    let file = parquet(
        vec![("amount", offsets(&records)), ("_kafka_metadata", Arc::new(metadata))],
        Compression::ZSTD(ZstdLevel::default()),
    );
    let report = audited(of(&[("data/00000-1.parquet", file)]), of_archive(&archive));
    assert_eq!(report.verdict, Verdict::Equal, "{:#?}", report.findings);
    assert_eq!(codes(&report), [Code::ValuesNotCompared]);
}

#[test]
fn columns_and_names_that_the_user_gives_are_used() {
    let (archive, records) = archive();
    let file = parquet(
        vec![("at", offsets(&records)), ("payload", values(&records))],
        Compression::SNAPPY,
    );
    let mut request = of(&[("x/payments/p0/1.parquet", file)]);
    request.columns = columns::Request {
        names: Some("{topic}/p{partition}/*".parse().unwrap()),
        columns: [None, None, Some("at".into()), Some("payload".into()), None, None],
        ..columns::Request::default()
    };
    assert_eq!(audited(request, of_archive(&archive)).verdict, Verdict::Equal);
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_and_the_others_are_compared() {
    let (archive, records) = archive();
    let mut cut = plain(&records[50..60], Compression::SNAPPY);
    cut.truncate(cut.len() / 2);
    let without_columns = parquet(vec![("amount", offsets(&records[60..70]))], Compression::SNAPPY);
    let report = audited(
        of(&[
            ("a.parquet", plain(&records[..50], Compression::SNAPPY)),
            ("b.parquet", cut),
            ("c.parquet", without_columns),
            ("d.parquet", plain(&records[70..], Compression::SNAPPY)),
            ("e.json", b"{}".to_vec()),
        ]),
        of_archive(&archive),
    );
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(
        places(&report, Code::Missing),
        (50..70).map(|offset| (0, offset)).collect::<Vec<_>>()
    );
    let unreadable = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::UnreadableFile);
    let unreadable: Vec<_> = unreadable
        .map(|finding| (finding.object.as_deref().unwrap(), finding.detail.as_str()))
        .collect();
    assert_eq!(
        unreadable,
        [
            ("b.parquet", "it does not end with PAR1, or is encrypted"),
            (
                "c.parquet",
                "no column has the partition, and the object's name does not say it; its columns are amount"
            ),
        ]
    );
    assert_eq!(
        (report.sink.files, report.sink.unreadable, report.sink.ignored),
        (2, 2, 1)
    );
}

#[test]
fn rows_that_cannot_be_are_unexpected_and_those_of_no_source_are_noted() {
    let (archive, records) = archive();
    let mut rows = records.clone();
    let mut beyond = records[0].clone();
    beyond.offset = 5_000_000_000;
    rows.push(beyond);
    archive.broker.delete_below(&TopicPartition::new(TOPIC, 0), 30);
    let file = plain(&rows, Compression::SNAPPY);
    let report = audited(of(&[("a.parquet", file.clone())]), of_kafka(&archive.broker));
    assert_eq!(places(&report, Code::Unexpected), [(0, 5_000_000_000)]);
    assert_eq!(places(&report, Code::NotHeld).len(), 30);
    assert_eq!(report.verdict, Verdict::Altered);
    let report = audited(of(&[("a.parquet", file)]), of_archive(&archive));
    assert_eq!(
        (report.verdict, places(&report, Code::NotHeld)),
        (Verdict::Equal, vec![(0, 5_000_000_000)])
    );
}

#[test]
fn rows_are_not_compared_with_a_topic_that_was_created_again() {
    let archive = Archive::new();
    archive.broker.identify(TOPIC, "AAAAAAAAAAAAAAAAAAAAAQ");
    let archive = archive.filled();
    let records = archive.broker.logs()[&TopicPartition::new(TOPIC, 0)].records.clone();
    archive.broker.create_again(TOPIC, "AAAAAAAAAAAAAAAAAAAAAg", Vec::new());
    let files = [("a.parquet", plain(&records, Compression::SNAPPY))];
    let both = Against {
        kafka: Wanted::IfThere(Arc::clone(&archive.broker) as Arc<dyn KafkaFacts>),
        ..of_archive(&archive)
    };
    let report = audited(of(&files), both);
    assert_eq!(report.verdict, Verdict::Equal, "{:#?}", report.findings);
}

#[test]
fn a_damaged_segment_of_the_archive_is_a_finding_and_not_the_end() {
    let (archive, records) = archive();
    let key = archive.chains[&TopicPartition::new(TOPIC, 0)][1]
        .link
        .segment
        .as_ref()
        .unwrap()
        .key
        .clone();
    archive.store.tamper(&key, b"damaged".to_vec());
    let report = audited(
        of(&[("a.parquet", plain(&records, Compression::SNAPPY))]),
        of_archive(&archive),
    );
    assert_eq!(
        (report.verdict, codes(&report)),
        (Verdict::Unverifiable, vec![Code::SourceUnreadable])
    );
    assert_eq!(places(&report, Code::SourceUnreadable).len(), 25);
    assert_eq!(report.total.compared, 75);
}

#[test]
fn changed_bytes_of_a_file_give_rows_or_an_error_and_little_memory() {
    let (_, records) = archive();
    let seeds = [
        plain(&records, Compression::SNAPPY),
        plain(&records, Compression::GZIP(GzipLevel::default())),
        plain(&records, Compression::ZSTD(ZstdLevel::default())),
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit/spark/000.parquet")).unwrap(),
    ];
    let mut state = 7u64;
    let mut below = move |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    let columns = columns::Request::default();
    for seed in seeds {
        for _ in 0..300 {
            let mut bytes = seed.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                bytes[at] = [0, 0xff, 0x7f, 1, bytes[at] ^ (1 << below(8))][below(5)];
            }
            let file = File {
                key: "a.parquet",
                number: 0,
                bytes: Bytes::from(bytes),
                topic: TOPIC,
                request: &columns,
            };
            let Ok(mut opened) = ForeignFile::open(&file) else {
                continue;
            };
            let mut rows = 0;
            while let Ok(Some(some)) = opened.next_rows() {
                rows += some.len();
                assert!(rows < 1 << 27);
            }
        }
    }
}

#[test]
fn pages_that_announce_much_are_refused_before_they_are_decompressed() {
    let long = vec![b'x'; 300 << 20];
    let value: ArrayRef = Arc::new(BinaryArray::from_iter([Some(&long[..])]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let bytes = parquet(
        vec![("partition", Arc::clone(&number)), ("offset", number), ("value", value)],
        Compression::ZSTD(ZstdLevel::default()),
    );
    let columns = columns::Request::default();
    let file = File {
        key: "a.parquet",
        number: 0,
        bytes: Bytes::from(bytes),
        topic: TOPIC,
        request: &columns,
    };
    let error = ForeignFile::open(&file).unwrap().next_rows().unwrap_err();
    assert!(error.to_string().starts_with("a page announces 3145728"), "{error}");
}
