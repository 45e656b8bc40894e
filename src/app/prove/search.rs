//! Searches the segments under a checkpoint for the records of a selection. There is no index: links say which segments can have
//! records of the time, the ends of segments which can have a value; all others are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;

use crate::app::prove::condition::{Condition, Matcher, has_bounds, may_match};
use crate::app::restore::Span;
use crate::log::head::Head;
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::reading::signed_segment::unreadable;
use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::merkle::several::several_path;
use crate::record::record::LeafHasher;
use crate::segment::bounds::ColumnBounds;
use crate::segment::decode::{Segment, footer_length};
use crate::segment::error::Unreadable;
use crate::task::error::AppError;
use crate::task::progress::Work;
use crate::verify::chain::Accepted;
use crate::verify::retrieval::Cost;

/// Segments that are fetched and searched at the same time.
const AT_ONCE: usize = 3;
/// The bytes that are fetched of a segment to see its statistics. A segment that is not longer is read as a whole.
const END_BYTES: u64 = 16 << 10;
/// The largest result, in bytes of encoded records. All of it is in memory, with the proof that is made of it.
const FOUND_MAX_BYTES: u64 = 128 << 20;
/// What the archive is read for, in messages.
const DOING: &str = "searched";

/// What every segment is searched for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) span: Span,
    pub(super) conditions: Vec<Condition>,
}

/// The records that were found in one segment.
#[derive(Debug)]
pub(super) struct FoundLink {
    /// The index of the link in its chain: its height.
    pub(super) height: usize,
    /// The encodings of the records, by offset.
    pub(super) records: Vec<Vec<u8>>,
    /// Their joint path.
    pub(super) path: Vec<Hash>,
}

/// What became of a segment.
enum Outcome {
    Removed,
    Skipped,
    Read(Read),
}

/// A segment that was read.
struct Read {
    records: u64,
    found: Option<FoundLink>,
}

pub(super) struct Search<'a> {
    pub(super) archive: &'a Archive,
    pub(super) wanted: Arc<Wanted>,
    pub(super) searching: &'a dyn Work,
    pub(super) cost: Cost,
    found_bytes: u64,
    /// The bytes of segments that were fetched.
    fetched: AtomicU64,
}

impl<'a> Search<'a> {
    pub(super) fn new(archive: &'a Archive, wanted: Wanted, searching: &'a dyn Work) -> Search<'a> {
        Search {
            archive,
            wanted: Arc::new(wanted),
            searching,
            cost: Cost::default(),
            found_bytes: 0,
            fetched: AtomicU64::new(0),
        }
    }

    /// Searches the segments of a chain up to a head.
    ///
    /// # Errors
    /// `Input` if too much is found; `Corrupt` if a segment does not hold what its link signs; the store's errors.
    pub(super) async fn chain(&mut self, chain: &[Accepted], head: &Head) -> Result<Vec<FoundLink>, AppError> {
        let covered = |accepted: &&Accepted| accepted.signed.link.height <= head.height;
        let with_segments = || chain.iter().filter(|accepted| accepted.signed.link.segment.is_some());
        let of_head: Vec<&Link> = with_segments()
            .filter(covered)
            .map(|accepted| &accepted.signed.link)
            .collect();
        let wanted: Vec<&Link> = of_head
            .iter()
            .copied()
            .filter(|link| self.wanted.span.may_cover(link))
            .collect();
        self.searching
            .add_total(wanted.iter().map(|link| link.record_count).sum());
        self.cost.partitions += 1;
        self.cost.segments += of_head.len() as u64;
        self.cost.above_checkpoint += (with_segments().count() - of_head.len()) as u64;
        self.cost.skipped_by_time += (of_head.len() - wanted.len()) as u64;
        // Most partitions have one set of rules. Where no bounds were seen that tell anything, no further ends are fetched.
        let bounds_tell = AtomicBool::new(!self.wanted.conditions.is_empty());
        let (archive, conditions, fetched) = (self.archive, Arc::clone(&self.wanted), &self.fetched);
        let segment = Segments {
            archive,
            wanted: &conditions,
            bounds_tell: &bounds_tell,
            fetched,
        };
        let mut outcomes = futures::stream::iter(wanted)
            .map(|link| async move { (link, segment.search(link).await) })
            .buffered(AT_ONCE);
        let mut found = Vec::new();
        while let Some((link, outcome)) = outcomes.next().await {
            let records = match outcome? {
                Outcome::Removed => {
                    self.searching.advance(link.record_count);
                    self.cost.removed += 1;
                    self.cost.removed_records += link.record_count;
                    continue;
                }
                Outcome::Skipped => {
                    self.searching.advance(link.record_count);
                    self.cost.skipped_by_statistics += 1;
                    continue;
                }
                Outcome::Read(read) => {
                    self.cost.read += 1;
                    self.cost.records_read += read.records;
                    self.searching.advance(read.records);
                    read.found
                }
            };
            let Some(records) = records else { continue };
            let bytes: usize = records.records.iter().map(Vec::len).sum();
            self.found_bytes += bytes as u64;
            if self.found_bytes > FOUND_MAX_BYTES {
                return Err(too_much());
            }
            found.push(records);
        }
        drop(outcomes);
        self.cost.segment_bytes = self.fetched.load(Ordering::Relaxed);
        Ok(found)
    }
}

fn too_much() -> AppError {
    AppError::input(format!(
        "more than {} MiB of records match, which is too much for one proof",
        FOUND_MAX_BYTES >> 20
    ))
    .fix("name fewer topics, a shorter time with --since and --until, or more conditions with --where")
}

/// Searches segments of one partition.
#[derive(Clone, Copy)]
struct Segments<'a> {
    archive: &'a Archive,
    wanted: &'a Arc<Wanted>,
    bounds_tell: &'a AtomicBool,
    fetched: &'a AtomicU64,
}

impl Segments<'_> {
    async fn search(self, link: &Link) -> Result<Outcome, AppError> {
        if self.bounds_tell.load(Ordering::Relaxed)
            && let Some(bounds) = self.bounds(link).await
        {
            if !may_match(&self.wanted.conditions, &bounds) {
                return Ok(Outcome::Skipped);
            }
            self.bounds_tell
                .fetch_and(has_bounds(&self.wanted.conditions, &bounds), Ordering::Relaxed);
        }
        let Some(object) = self.archive.kept_segment(link).await? else {
            return Ok(Outcome::Removed);
        };
        self.fetched.fetch_add(object.len() as u64, Ordering::Relaxed);
        let (of, wanted) = (link.clone(), Arc::clone(self.wanted));
        let read = tokio::task::spawn_blocking(move || scan(&of, object, &wanted));
        let read = read.await.map_err(|error| AppError::internal(error.to_string()))?;
        read.map(Outcome::Read)
    }

    /// The bounds of a segment's columns; `None` if it is short, or if its end cannot be read: then it is read as a whole, and
    /// an error is reported there.
    async fn bounds(self, link: &Link) -> Option<ColumnBounds> {
        let segment = link.segment.as_ref().filter(|segment| segment.bytes > END_BYTES)?;
        let end = self.end(&segment.key, END_BYTES).await?;
        let length = footer_length(&end).ok()?;
        let end = match length > end.len() {
            true => self.end(&segment.key, length as u64).await?,
            false => end,
        };
        ColumnBounds::read(&end).ok()
    }

    async fn end(self, key: &str, bytes: u64) -> Option<Bytes> {
        let end = self.archive.segment_end(key, bytes).await?;
        self.fetched.fetch_add(end.len() as u64, Ordering::Relaxed);
        Some(end)
    }
}

/// Searches a segment whose bytes are those that its link signs.
fn scan(link: &Link, object: Bytes, wanted: &Wanted) -> Result<Read, AppError> {
    let refused = |error: Unreadable| unreadable(link, DOING, &error);
    let segment = Segment::open(object).map_err(refused)?;
    let matcher = Matcher::new(&wanted.conditions, segment.projection())?;
    let mut hasher = LeafHasher::new(&link.topic_partition());
    let mut projector = matcher.projector();
    let (mut count, mut indices, mut records) = (0, Vec::new(), Vec::new());
    let (mut bytes, limit) = (0, FOUND_MAX_BYTES);
    segment
        .for_each_record(|record| {
            if wanted.span.covers(record.timestamp.ms()) && matcher.matches(&mut projector, record.value) {
                indices.push(count);
                let encoding = hasher.encoding(record);
                bytes += encoding.len() as u64;
                if bytes <= limit {
                    records.push(encoding.to_vec());
                }
            }
            count += 1;
        })
        .map_err(refused)?;
    if bytes > limit {
        return Err(too_much());
    }
    let found = match indices.is_empty() {
        true => None,
        false => Some(FoundLink {
            height: usize::try_from(link.height.0).unwrap_or(usize::MAX),
            path: several_path(&leaves(link, &segment, &mut hasher)?, &indices),
            records,
        }),
    };
    Ok(Read {
        records: count as u64,
        found,
    })
}

/// The leaves of all records of a segment, which must have the root that its link signs.
fn leaves(link: &Link, segment: &Segment, hasher: &mut LeafHasher) -> Result<Vec<Hash>, AppError> {
    let mut leaves = Vec::new();
    segment
        .for_each_record(|record| leaves.push(hasher.leaf(record)))
        .map_err(|error| unreadable(link, DOING, &error))?;
    let mut tree = Tree::default();
    tree.extend(leaves.iter().copied());
    if tree.root() == link.records_root {
        Ok(leaves)
    } else {
        Err(unreadable(link, DOING, &"its records are not the signed ones"))
    }
}
