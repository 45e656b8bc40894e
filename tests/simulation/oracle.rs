//! Checks the archive of a run in two ways: with the real verifier, and with a short walk of its own that compares each
//! link with every record that Kafka ever acknowledged, including those that retention has deleted.

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Request, SavedFiles, verify};
use kivend::config::TopicSelection;
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::history::History;
use kivend::log::identity::genesis;
use kivend::log::keyring::Coverage;
use kivend::log::link::{self, Link, SealReason, SignedLink};
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::hash::Hash;
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use kivend::segment::decode::{self, Segment};
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::findings::{Code, Finding, Severity};
use kivend::verify::given::Given;
use kivend::verify::kafka::LagPolicy;
use kivend::verify::report::Report as VerifyReport;
use kivend::verify::verdict::Verdict;
use tokio::runtime::Runtime;

use super::content::Content;
use super::kafka::{self, Acknowledged, Kafka};
use super::setup::Setup;
use crate::fixture::OwnedRecord;

/// The log and the chains in a bucket. Each note is opened once, because objects do not change (ST-1).
/// [`MemoryStore::check_unchanged`] checks that at the end of a run.
pub struct Chains {
    bucket: MemoryStore,
    setup: &'static Setup,
    log: RefCell<ArchiveLog>,
    /// The opened links by key; `None` for an invalid note.
    opened: RefCell<BTreeMap<String, Option<SignedLink>>>,
    /// Whether objects may be missing: a chain then ends where it is broken.
    is_cut: bool,
}

/// The entries of a bucket so far.
#[derive(Clone)]
pub struct ArchiveLog {
    pub history: History,
    /// The root of the tree over the first n + 1 entries.
    pub roots: Vec<Hash>,
}

impl Chains {
    pub fn new(bucket: &MemoryStore, setup: &'static Setup) -> Chains {
        let log = ArchiveLog {
            history: setup.trust().history,
            roots: Vec::new(),
        };
        Chains {
            bucket: bucket.clone(),
            setup,
            log: RefCell::new(log),
            opened: RefCell::default(),
            is_cut: false,
        }
    }

    /// Of a bucket that lacks objects.
    pub fn of_cut(bucket: &MemoryStore, setup: &'static Setup) -> Chains {
        Chains {
            is_cut: true,
            ..Chains::new(bucket, setup)
        }
    }

    /// The log of the bucket, read up to its newest entry.
    pub fn log(&self) -> Ref<'_, ArchiveLog> {
        loop {
            let key_of = |attempt| Key::Entry(self.log.borrow().history.next_number(), attempt).to_string();
            let objects = (0..).map_while(|k| self.bucket.bytes(&key_of(Attempt(k))));
            let opened = |object: Bytes| self.log.borrow().history.open_entry(&object).ok();
            let Some(next) = objects.into_iter().find_map(opened) else {
                return self.log.borrow();
            };
            let log = &mut *self.log.borrow_mut();
            let terms = log.history.keyring().clone();
            log.history.apply(&next);
            log.roots
                .extend(log.history.checkpoint().map(|checkpoint| checkpoint.root));
            if *log.history.keyring() != terms {
                self.opened.borrow_mut().clear();
            }
        }
    }

    /// Whether the checkpoint with this number is in the bucket.
    pub fn has_checkpoint(&self, number: u64) -> bool {
        let log = self.log();
        let Some(root) = log.roots.get(number as usize).copied() else {
            return false;
        };
        let named = CheckpointRef { number, root };
        let key_of = |k| Key::Checkpoint(number, Attempt(k)).to_string();
        let mut objects = (0..).map_while(|k| self.bucket.bytes(&key_of(k)));
        objects.any(|object| log.history.open_checkpoint_of(&object, named).is_ok())
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
            let genesis = genesis(&self.log().history.archive_sha256(), partition);
            match next.link.continues(chain.last(), &genesis) {
                Ok(()) => chain.push(next),
                Err(_) if self.is_cut => return Ok(chain),
                Err(broken) => return Err(format!("{partition}: {broken}")),
            }
        }
    }

    /// The records in the segment of a link.
    pub fn records(&self, link: &Link) -> Vec<OwnedRecord> {
        let Some(segment) = &link.segment else {
            return Vec::new();
        };
        let mut records = Vec::new();
        let object = self.bucket.bytes(&segment.key);
        if object.is_none() && self.is_cut {
            return records;
        }
        let opened = Segment::open(object.unwrap()).unwrap();
        opened
            .for_each_record(|record| records.push(OwnedRecord::of(record)))
            .unwrap();
        records
    }

    /// The link at a place. One of a retired key counts while it is not decided whether it does.
    fn link_at(&self, place: &Place) -> Option<SignedLink> {
        let log = self.log();
        let (keyring, archive_id) = (log.history.keyring(), log.history.archive_id());
        let mut attempt = Attempt::PLAIN;
        loop {
            let key = place.link(attempt).to_string();
            let object = self.bucket.bytes(&key)?;
            let open = || match link::open_with_coverage(&object, keyring, archive_id, place) {
                Ok((link, Coverage::Inside | Coverage::Undecided(_))) => Some(link),
                _ => None,
            };
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
pub fn check_partition(chains: &Chains, partition: &TopicPartition, log: &kafka::Log) -> Result<(), String> {
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

fn check_link(link: &Link, acknowledged: &Acknowledged, log: &kafka::Log) -> Result<(), String> {
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

/// What the real verifier says, with a checkpoint that was saved elsewhere or without. Kafka is not compared if records were
/// compacted, because archived records would rightly be missing there.
pub fn report(
    runtime: &Runtime,
    chains: &Chains,
    kafka: &Kafka,
    saved: Option<&SavedFiles>,
) -> Result<VerifyReport, String> {
    let request = Request {
        topics: TopicSelection::of_names(&["payments"]),
        given: Given::keys(&[chains.setup.given()]),
        saved_checkpoints: saved.into_iter().cloned().collect(),
        lag: LagPolicy::Refused,
        threads: 1,
        ..Request::default()
    };
    let compacted = kafka.logs().values().any(|log| !log.compacted.is_empty());
    let facts = (!compacted).then(|| kafka.facts() as Arc<dyn KafkaFacts>);
    let verified = verify(Arc::new(chains.bucket.clone()), facts, request, Arc::new(Silent));
    runtime.block_on(verified).map_err(|error| error.to_string())
}

/// The objects that others than archivers created.
#[derive(Debug, Default)]
pub struct Planted {
    pub by_anybody: BTreeSet<String>,
    /// Those by somebody with a retired key.
    pub by_thief: BTreeSet<String>,
}

/// What the verifier says of an archive that is intact.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    pub orphans: u64,
    /// Objects of somebody with a retired key that a finding names.
    pub named_thefts: u64,
}

/// Checks that the real verifier finds the archive intact, except for planted objects, and that it names what a thief created.
pub fn check_verdict(runtime: &Runtime, chains: &Chains, kafka: &Kafka, planted: &Planted) -> Result<Told, String> {
    let report = report(runtime, chains, kafka, None)?;
    // Planted objects may be reported as tampering, which they are.
    let is_planted = |object: &Option<String>| object.as_ref().is_some_and(|key| planted.by_anybody.contains(key));
    let (excused, accusing): (Vec<_>, Vec<_>) = report
        .findings
        .iter()
        .filter(|finding| finding.code.severity() != Severity::Note)
        .partition(|finding| is_planted(&finding.object) || is_of_a_loss(chains, finding));
    let accusing: Vec<String> = accusing
        .iter()
        .map(|finding| format!("{:?} {:?} {}", finding.code, finding.object, finding.detail))
        .collect();
    if !accusing.is_empty() || (report.verdict != Verdict::Intact && excused.is_empty()) {
        return Err(format!("the verifier says {}: {}", report.verdict, accusing.join("; ")));
    }
    let named: BTreeSet<&String> = report
        .findings
        .iter()
        .filter_map(|finding| finding.object.as_ref())
        .collect();
    if let Some(unnamed) = planted.by_thief.iter().find(|key| !named.contains(key)) {
        return Err(format!("the verifier does not name a thief's object: {unnamed}"));
    }
    let is_orphan = |finding: &&Finding| finding.code == Code::OrphanSegment;
    Ok(Told {
        orphans: report.findings.iter().filter(is_orphan).count() as u64,
        named_thefts: planted.by_thief.len() as u64,
    })
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
