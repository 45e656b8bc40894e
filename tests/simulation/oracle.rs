//! Says whether a run kept the promise. Two judges: the real verifier, and this file's own short walk, which compares
//! each link with every record that Kafka ever acknowledged, also those that retention has taken since.

use std::collections::BTreeSet;
use std::sync::Arc;

use kivend::app::head::Trust;
use kivend::app::progress::Silent;
use kivend::app::verify::{Request, verify};
use kivend::model::position::{Epoch, FirstOffset, TopicPartition};
use kivend::segment::identity::genesis;
use kivend::segment::key::{Attempt, Place};
use kivend::segment::link::{self, Link, SignedLink};
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::verify::findings::{Code, Severity};
use kivend::verify::kafka::Rest;
use kivend::verify::verdict::Verdict;
use tokio::runtime::Runtime;

use super::kafka::{Kafka, Log};
use super::setup::Setup;
use crate::fixture::OwnedRecord;

/// The chain of a partition, walked from its genesis.
pub fn chain(bucket: &MemoryStore, trust: &Trust, partition: &TopicPartition) -> Result<Vec<SignedLink>, String> {
    let mut chain: Vec<SignedLink> = Vec::new();
    loop {
        let place = Place {
            partition: partition.clone(),
            epoch: Epoch(0),
            first_offset: FirstOffset(chain.last().map_or(0, |head| head.link.next_offset.0)),
        };
        let Some(next) = link_at(bucket, trust, &place) else {
            return Ok(chain);
        };
        let genesis = genesis(&trust.identity, partition);
        next.link
            .continues(chain.last(), &genesis)
            .map_err(|broken| format!("{partition}: {broken}"))?;
        chain.push(next);
    }
}

fn link_at(bucket: &MemoryStore, trust: &Trust, place: &Place) -> Option<SignedLink> {
    let mut attempt = Attempt::PLAIN;
    loop {
        let object = bucket.bytes(&place.link(attempt).to_string())?;
        if let Ok(link) = link::open(&object, &trust.keyring, &trust.archive_id, place) {
            return Some(link);
        }
        attempt = attempt.next();
    }
}

/// Whether a partition's chain holds every acknowledged record once and in order, calls absent only what no reader would
/// get, and lost only what retention took.
pub fn check_partition(chain: &[SignedLink], partition: &TopicPartition, log: &Log) -> Result<(), String> {
    let (acknowledged, low) = match &log.before {
        Some((acknowledged, low)) => (acknowledged, *low),
        None => (&log.acknowledged, log.low),
    };
    for SignedLink { link, .. } in chain {
        let told = || format!("{partition} height {}", link.height);
        if link.lost.is_some() {
            if link.next_offset.0 > low {
                return Err(format!("{}: calls lost what Kafka has: low={low} {link:?}", told()));
            }
            continue;
        }
        let records: Vec<&OwnedRecord> = acknowledged
            .range(link.first_offset.0..link.next_offset.0)
            .map(|(_, record)| record)
            .collect();
        if link.absent != holes(link, &records) {
            return Err(format!("{}: absent is not what no reader gets: {link:?}", told()));
        }
        let mut rows = Rows::new(partition);
        for record in &records {
            record.lend(|record| rows.push(record));
        }
        if rows.root() != link.records_root {
            return Err(format!("{}: other records: {link:?}", told()));
        }
    }
    let next = chain.last().map_or(0, |head| head.link.next_offset.0);
    if log.before.is_none() && next != log.stable_end() {
        return Err(format!(
            "{partition}: archived up to {next}, Kafka has up to {}",
            log.stable_end()
        ));
    }
    Ok(())
}

fn holes(link: &Link, records: &[&OwnedRecord]) -> Vec<(i64, i64)> {
    let mut holes = Vec::new();
    let mut expected = link.first_offset.0;
    for offset in records.iter().map(|record| record.offset).chain([link.next_offset.0]) {
        if offset > expected {
            holes.push((expected, offset));
        }
        expected = offset + 1;
    }
    holes
}

/// What the real verifier says of the archive at rest. Segments that a stranger planted too late for any writer to name
/// are accused by right; the others that no link names are counted: a zombie that sleeps between its last look at the
/// chain and its create can leave one.
pub fn check_verdict(
    runtime: &Runtime,
    bucket: &MemoryStore,
    kafka: &Kafka,
    planted: &BTreeSet<String>,
) -> Result<u64, String> {
    let topics = vec!["payments".to_owned()];
    let request = Request {
        topics,
        keys: vec![Setup::shared().key.verifying_key().clone()],
        rest: Rest::AtRest,
        threads: 1,
        ..Request::default()
    };
    let verified = verify(Arc::new(bucket.clone()), Some(kafka.facts()), request, Arc::new(Silent));
    let report = runtime.block_on(verified).map_err(|error| error.to_string())?;
    let unnamed = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::UnnamedSegment);
    let is_planted = |object: &Option<String>| object.as_ref().is_some_and(|key| planted.contains(key));
    let accusing: Vec<String> = report
        .findings
        .iter()
        .filter(|finding| finding.code.severity() != Severity::Note)
        .filter(|finding| finding.code != Code::UnnamedSegment && !is_planted(&finding.object))
        .map(|finding| format!("{:?} {:?} {}", finding.code, finding.object, finding.detail))
        .collect();
    // Junk that the seed planted may be called tampering, by name: it is.
    let planted_is_named = report
        .findings
        .iter()
        .any(|finding| finding.code.severity() != Severity::Note && is_planted(&finding.object));
    let orphans: Vec<_> = unnamed.filter(|finding| !is_planted(&finding.object)).collect();
    if accusing.is_empty() && (report.verdict == Verdict::Intact || planted_is_named || !orphans.is_empty()) {
        Ok(orphans.len() as u64)
    } else {
        Err(format!("the verifier says {}: {}", report.verdict, accusing.join("; ")))
    }
}
