//! Checks the archive of a run in two ways: with the real verifier, and with a short walk of its own that compares each
//! link with every record that Kafka ever acknowledged, including those that retention has deleted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Request, verify};
use kivend::log::identity::genesis;
use kivend::log::link::{self, Link, SignedLink};
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use kivend::segment::decode;
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::findings::{Code, Finding, Severity};
use kivend::verify::kafka::LagPolicy;
use kivend::verify::verdict::Verdict;
use kivend::writing::trust::WriterTrust;
use tokio::runtime::Runtime;

use super::kafka::{Kafka, Log};
use super::setup::Setup;
use crate::fixture::OwnedRecord;

/// The chains in a bucket. Each note is opened once, because objects do not change (ST-1).
/// [`MemoryStore::check_unchanged`] checks that at the end of a run.
pub struct Chains {
    bucket: MemoryStore,
    trust: WriterTrust,
    /// The opened links by key; `None` for an invalid note.
    opened: RefCell<BTreeMap<String, Option<SignedLink>>>,
}

impl Chains {
    pub fn new(bucket: &MemoryStore) -> Chains {
        Chains {
            bucket: bucket.clone(),
            trust: Setup::shared().trust(),
            opened: RefCell::default(),
        }
    }

    /// The chain of a partition from its genesis, or why it is broken.
    pub fn of(&self, partition: &TopicPartition) -> Result<Vec<SignedLink>, String> {
        let mut chain: Vec<SignedLink> = Vec::new();
        loop {
            let at = |epoch: u32, first_offset: i64| Place {
                partition: partition.clone(),
                epoch: Epoch(epoch),
                first_offset: FirstOffset(first_offset),
            };
            let head = chain
                .last()
                .map_or((0, 0), |head| (head.link.epoch.0, head.link.next_offset.0));
            let next = self.link_at(&at(head.0, head.1));
            let Some(next) = next.or_else(|| self.link_at(&at(head.0 + 1, 0))) else {
                return Ok(chain);
            };
            let genesis = genesis(&self.trust.identity, partition);
            next.link
                .continues(chain.last(), &genesis)
                .map_err(|broken| format!("{partition}: {broken}"))?;
            chain.push(next);
        }
    }

    fn link_at(&self, place: &Place) -> Option<SignedLink> {
        let mut attempt = Attempt::PLAIN;
        loop {
            let key = place.link(attempt).to_string();
            let object = self.bucket.bytes(&key)?;
            let open = || link::open(&object, &self.trust.keyring, &self.trust.archive_id, place).ok();
            let link = self.opened.borrow_mut().entry(key).or_insert_with(open).clone();
            if link.is_some() {
                return link;
            }
            attempt = attempt.next();
        }
    }
}

/// Checks that a partition's chain has every acknowledged record once and in order, declares only offsets without a
/// readable record as absent, and only offsets deleted by retention as lost.
pub fn check_partition(chain: &[SignedLink], partition: &TopicPartition, log: &Log) -> Result<(), String> {
    for SignedLink { link, .. } in chain {
        let (acknowledged, low) = log.incarnation(incarnation_of(link));
        let told = || format!("{partition} height {}", link.height);
        if link.lost.is_some() {
            if link.next_offset.0 > low {
                return Err(format!(
                    "{}: declares offsets as lost that Kafka has: low={low} {link:?}",
                    told()
                ));
            }
            continue;
        }
        let records: Vec<&OwnedRecord> = acknowledged
            .range(link.first_offset.0..link.next_offset.0)
            .map(|(_, record)| record)
            .filter(|record| !(log.compacted.contains(&record.offset) && is_absent(link, record.offset)))
            .collect();
        if link.absent != holes(link, &records) {
            return Err(format!(
                "{}: the absent offsets are not those without a record: {link:?}",
                told()
            ));
        }
        let mut rows = Rows::new(partition);
        for record in &records {
            record.lend(|record| rows.push(record));
        }
        if rows.root() != link.records_root {
            return Err(format!("{}: the records differ: {link:?}", told()));
        }
    }
    let next = chain.last().map_or(0, |head| head.link.next_offset.0);
    let of_newest = chain
        .last()
        .is_some_and(|head| incarnation_of(&head.link) == log.before.len());
    if (of_newest || log.before.is_empty()) && next != log.stable_end() {
        return Err(format!(
            "{partition}: archived up to {next}, Kafka has up to {}",
            log.stable_end()
        ));
    }
    Ok(())
}

/// The topic of this name that the link's records are from, counted from 0: by its id, or by the epoch if brokers have
/// no ids.
pub fn incarnation_of(link: &Link) -> usize {
    let told = link.topic_id.as_ref().and_then(|id| id.parse().ok());
    told.unwrap_or(link.epoch.0 as usize)
}

fn is_absent(link: &Link, offset: i64) -> bool {
    link.absent.iter().any(|(from, to)| (*from..*to).contains(&offset))
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

/// Checks that the real verifier finds the archive intact, except for planted objects. Returns the number of orphans.
/// Kafka is not compared if records were compacted, because archived records would rightly be missing there.
pub fn check_verdict(
    runtime: &Runtime,
    chains: &Chains,
    kafka: &Kafka,
    planted: &BTreeSet<String>,
) -> Result<u64, String> {
    let topics = vec!["payments".to_owned()];
    let request = Request {
        topics,
        keys: vec![Setup::shared().key.verifying_key().clone()],
        lag: LagPolicy::Refused,
        threads: 1,
        ..Request::default()
    };
    let compacted = kafka.logs().values().any(|log| !log.compacted.is_empty());
    let facts = (!compacted).then(|| kafka.facts() as Arc<dyn KafkaFacts>);
    let verified = verify(Arc::new(chains.bucket.clone()), facts, request, Arc::new(Silent));
    let report = runtime.block_on(verified).map_err(|error| error.to_string())?;
    // Planted objects may be reported as tampering, which they are.
    let is_planted = |object: &Option<String>| object.as_ref().is_some_and(|key| planted.contains(key));
    let (excused, accusing): (Vec<_>, Vec<_>) = report
        .findings
        .iter()
        .filter(|finding| finding.code.severity() != Severity::Note)
        .partition(|finding| is_planted(&finding.object) || is_of_a_loss(chains, finding));
    let accusing: Vec<String> = accusing
        .iter()
        .map(|finding| format!("{:?} {:?} {}", finding.code, finding.object, finding.detail))
        .collect();
    if accusing.is_empty() && (report.verdict == Verdict::Intact || !excused.is_empty()) {
        let orphans = report
            .findings
            .iter()
            .filter(|finding| finding.code == Code::OrphanSegment);
        Ok(orphans.count() as u64)
    } else {
        Err(format!("the verifier says {}: {}", report.verdict, accusing.join("; ")))
    }
}

/// Whether this is the only finding that an honest archiver can cause: the segment of a fenced writer whose records a
/// link has declared lost meanwhile. No link contains those records.
fn is_of_a_loss(chains: &Chains, finding: &Finding) -> bool {
    let key = finding.object.as_deref().and_then(|key| key.parse().ok());
    let (Code::UnnamedSegment, Some(Key::Segment(place, _))) = (finding.code, key) else {
        return false;
    };
    let object = chains.bucket.bytes(&finding.object.clone().unwrap_or_default());
    let object = object.unwrap_or_default();
    let end = decode::read_footer(&object).map_or(0, |footer| footer.next_offset.0);
    let chain = chains.of(&place.partition).unwrap_or_default();
    chain.iter().any(|signed| {
        let link = &signed.link;
        link.lost.is_some()
            && link.epoch == place.epoch
            && link.first_offset.0 < end
            && place.first_offset.0 < link.next_offset.0
    })
}
