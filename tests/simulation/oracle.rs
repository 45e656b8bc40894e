//! Checks the archive of a run in two ways: with the real verifier, and with a short walk of its own that compares each
//! link with every record that Kafka ever acknowledged, including those that retention has deleted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Request, verify};
use kivend::log::identity::genesis;
use kivend::log::link::{self, Link, SealReason, SignedLink};
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use kivend::segment::decode::{self, Segment};
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::findings::{Code, Finding, Severity};
use kivend::verify::given::Given;
use kivend::verify::kafka::LagPolicy;
use kivend::verify::verdict::Verdict;
use kivend::writing::trust::WriterTrust;
use tokio::runtime::Runtime;

use super::content::Content;
use super::kafka::{Acknowledged, Kafka, Log};
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
            let first = || Place {
                partition: partition.clone(),
                epoch: Epoch(0),
                first_offset: FirstOffset(0),
            };
            let place = chain.last().map_or_else(first, |head| head.link.next_place());
            let Some(next) = self.link_at(&place) else {
                return Ok(chain);
            };
            let genesis = genesis(&self.trust.identity(), partition);
            next.link
                .continues(chain.last(), &genesis)
                .map_err(|broken| format!("{partition}: {broken}"))?;
            chain.push(next);
        }
    }

    /// The records in the segment of a link.
    pub fn records(&self, link: &Link) -> Vec<OwnedRecord> {
        let Some(segment) = &link.segment else {
            return Vec::new();
        };
        let mut records = Vec::new();
        let opened = Segment::open(self.bucket.bytes(&segment.key).unwrap()).unwrap();
        opened
            .for_each_record(|record| records.push(OwnedRecord::of(record)))
            .unwrap();
        records
    }

    fn link_at(&self, place: &Place) -> Option<SignedLink> {
        let mut attempt = Attempt::PLAIN;
        loop {
            let key = place.link(attempt).to_string();
            let object = self.bucket.bytes(&key)?;
            let open = || link::open(&object, self.trust.keyring(), self.trust.archive_id(), place).ok();
            let link = self.opened.borrow_mut().entry(key).or_insert_with(open).clone();
            if link.is_some() {
                return link;
            }
            attempt = attempt.next();
        }
    }
}

/// Checks that a partition's chain has every acknowledged record once and in order, declares only offsets without a
/// readable record as absent, and only offsets deleted by retention as lost. After an unclean election this holds for the
/// current records; the others must be some that Kafka acknowledged before it.
pub fn check_partition(chains: &Chains, partition: &TopicPartition, log: &Log) -> Result<(), String> {
    let chain = chains.of(partition)?;
    for (SignedLink { link, .. }, incarnation) in chain.iter().zip(incarnations(&chain)) {
        let (acknowledged, low) = log.incarnation(incarnation);
        let told = || format!("{partition} height {}: {link:?}", link.height);
        if link.is_closing() {
            continue;
        }
        if link.lost.is_some() {
            if link.next_offset.0 > low {
                return Err(format!("declares offsets as lost that Kafka has: low={low} {}", told()));
            }
        } else if acknowledged.cuts.is_empty() {
            check_link(link, acknowledged, log).map_err(|why| format!("{why} {}", told()))?;
        } else {
            let is_known = |record: &OwnedRecord| {
                acknowledged.records.get(&record.offset) == Some(record) || acknowledged.lost.contains(record)
            };
            if !chains.records(link).iter().all(is_known) {
                return Err(format!("has a record that was never acknowledged: {}", told()));
            }
        }
    }
    let content = Content::of(chains, &chain);
    let of_newest = newest_incarnation(&chain) == log.before.len();
    if !of_newest && !log.before.is_empty() {
        return Ok(());
    }
    if content.next != log.stable_end() {
        return Err(format!(
            "{partition}: archived up to {}, Kafka has up to {}",
            content.next,
            log.stable_end()
        ));
    }
    match content.first_difference(log) {
        None => Ok(()),
        Some(offset) => Err(format!(
            "{partition}: the current record differs from Kafka's: offset={offset}"
        )),
    }
}

fn check_link(link: &Link, acknowledged: &Acknowledged, log: &Log) -> Result<(), String> {
    let records: Vec<&OwnedRecord> = acknowledged
        .records
        .range(link.first_offset.0..link.next_offset.0)
        .map(|(_, record)| record)
        .filter(|record| !(log.compacted.contains(&record.offset) && is_absent(link, record.offset)))
        .collect();
    if link.absent != holes(link, &records) {
        return Err("the absent offsets are not those without a record".to_owned());
    }
    let mut rows = Rows::new(&link.topic_partition());
    for record in &records {
        record.lend(|record| rows.push(record));
    }
    if rows.root() == link.records_root {
        Ok(())
    } else {
        Err("the records differ".to_owned())
    }
}

/// The topic of this name that each link's records are from, counted from 0: by its id, or by the epochs that ended
/// before if brokers have no ids.
fn incarnations(chain: &[SignedLink]) -> impl Iterator<Item = usize> {
    chain.iter().scan(0, |ended, SignedLink { link, .. }| {
        let told = link.topic_id.as_ref().and_then(|id| id.parse().ok());
        let incarnation = told.unwrap_or(*ended);
        *ended += usize::from(link.seal_reason == SealReason::Recreated);
        Some(incarnation)
    })
}

/// The topic of this name from which the next link's records are, as far as the chain tells.
pub fn newest_incarnation(chain: &[SignedLink]) -> usize {
    let newest = incarnations(chain).last().unwrap_or(0);
    let has_ended = chain
        .last()
        .is_some_and(|head| head.link.seal_reason == SealReason::Recreated);
    newest + usize::from(has_ended)
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
        given: Given::keys(&[Setup::shared().key.verifying_key().clone()]),
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
