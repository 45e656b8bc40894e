//! Measures the speed of verification: `cargo test --release --test integration -- --ignored --nocapture speed`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use kivend::app::verify::verify;
use kivend::record::position::TopicPartition;
use kivend::record::record::Timestamp;
use kivend::task::progress::Silent;
use kivend::verify::verdict::Verdict;

use crate::fixture::{Archive, OwnedRecord};

/// Events from the file in `KIVEND_EVENTS`, or generated ones.
fn values(count: usize) -> Vec<Vec<u8>> {
    match std::env::var_os("KIVEND_EVENTS") {
        Some(file) => {
            let lines = BufReader::new(File::open(file).unwrap()).lines();
            lines.take(count).map(|line| line.unwrap().into_bytes()).collect()
        }
        None => (0..count as u64)
            .filter_map(|number| OwnedRecord::event(0, number).value)
            .collect(),
    }
}

#[test]
#[ignore = "a measurement"]
fn rows_per_second_of_the_archive_alone_and_against_a_broker_in_memory() {
    let values = values(71_694);
    let mut archive = Archive::new();
    for round in 0..14 {
        for (number, part) in values.chunks(values.len() / 4 + 1).enumerate() {
            let partition = TopicPartition::new("payments", i32::try_from(number).unwrap());
            let records: Vec<OwnedRecord> = (round * part.len() as i64..)
                .zip(part)
                .map(|(offset, value)| OwnedRecord {
                    offset,
                    timestamp: Timestamp::create_ms(offset),
                    key: Some(b"C00695".to_vec()),
                    value: Some(value.clone()),
                    headers: vec![],
                })
                .collect();
            let next = records.last().unwrap().offset + 1;
            archive.archive(&partition, &records, next);
        }
    }
    archive.checkpoint();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for _ in 0..3 {
        let store = Arc::new(archive.store.clone());
        let report = runtime
            .block_on(verify(store, None, archive.request(), Arc::new(Silent)))
            .unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
        println!(
            "{} rows, {:.2} s, {:.0} rows/s",
            report.scope.records_read, report.elapsed_s, report.records_per_s
        );
    }
}
