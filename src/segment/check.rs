//! The verifier's one pass over a segment: every record's leaf, the root, and whether the index beside the records (typed
//! columns, statistics) says what the records say. Never compares with a link, another segment, or Kafka.

use bytes::Bytes;

use crate::model::hash::Hash;
use crate::model::merkle::Tree;
use crate::model::position::TopicPartition;
use crate::model::record::{LeafHasher, Record};
use crate::segment::cell::Projector;
use crate::segment::columns::{Columns, TypedColumns};
use crate::segment::decode::{Order, Segment, Unreadable, Wanted};
use crate::segment::footer::Footer;
use crate::segment::projection::Projection;

/// Mismatches kept per segment; the rest are counted.
pub const MISMATCHES_KEPT: usize = 100;

/// A place where the index, or a row's own address, does not say what the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The record's offset; for statistics, that of a row which they would hide, or of the row group's first row.
    pub offset: i64,
    /// The column.
    pub column: String,
    /// What is wrong.
    pub what: &'static str,
}

/// What one pass found.
#[derive(Debug)]
pub struct Examined {
    /// The footer: a claim.
    pub footer: Footer,
    /// The rules of the typed columns.
    pub projection: Projection,
    /// Rows read.
    pub rows: u64,
    /// The Merkle tree hash over the records, as records of the expected partition.
    pub root: Hash,
    /// The first record's offset and the last one's.
    pub offsets: Option<(i64, i64)>,
    /// The least and the greatest timestamp, in ms; nothing where no record has one.
    pub timestamps_ms: Option<(i64, i64)>,
    /// The lengths of all values together, in bytes.
    pub value_bytes: u64,
    /// The first mismatches, in the order of rows.
    pub mismatches: Vec<Mismatch>,
    /// How many mismatches there are.
    pub mismatch_count: u64,
}

/// Reads the whole segment as one of `partition`, checks its index against its records, and gives `sink` every record.
///
/// # Errors
/// [`Unreadable`] where the bytes are not a segment of the format, or do not decode to the end.
pub fn examine(
    bytes: Bytes,
    partition: &TopicPartition,
    sink: &mut dyn FnMut(&Record<'_>),
) -> Result<Examined, Unreadable> {
    let segment = Segment::open(bytes)?;
    let mut pass = Pass::new(partition, segment.projection());
    segment.for_each_batch(Wanted::Everything, |batch| {
        let columns = Columns::of(batch)?;
        let typed = TypedColumns::of(batch, segment.projection())?;
        let mut headers = Vec::new();
        for row in 0..batch.num_rows() {
            let record = columns
                .record(row, &mut headers)
                .map_err(|what| pass.order.no_record(what))?;
            pass.order.follow(&record)?;
            pass.record(&record);
            if !columns.belongs_to(row, partition) {
                pass.mismatches
                    .add(record.offset, "topic", "the row names another topic or partition");
            }
            pass.typed(&record, row, &typed);
            sink(&record);
        }
        Ok(())
    })?;
    Ok(pass.finish(segment.footer().clone()))
}

/// Checks that the typed columns are the projection of the values, and that no statistic hides a row.
struct Pass<'p> {
    projection: &'p Projection,
    projector: Projector<'p>,
    hasher: LeafHasher,
    tree: Tree,
    order: Order,
    offsets: Option<(i64, i64)>,
    timestamps_ms: Option<(i64, i64)>,
    value_bytes: u64,
    mismatches: Mismatches,
}

impl<'p> Pass<'p> {
    fn new(partition: &TopicPartition, projection: &'p Projection) -> Pass<'p> {
        Pass {
            projection,
            projector: Projector::new(projection),
            hasher: LeafHasher::new(partition),
            tree: Tree::default(),
            order: Order::default(),
            offsets: None,
            timestamps_ms: None,
            value_bytes: 0,
            mismatches: Mismatches::default(),
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        self.tree.push(self.hasher.leaf(record));
        self.value_bytes += record.value.map_or(0, |value| value.len() as u64);
        self.offsets = Some((self.offsets.map_or(record.offset, |(first, _)| first), record.offset));
        if let Some(ms) = record.timestamp.ms() {
            let (min, max) = self.timestamps_ms.unwrap_or((ms, ms));
            self.timestamps_ms = Some((min.min(ms), max.max(ms)));
        }
    }

    fn typed(&mut self, record: &Record<'_>, row: usize, typed: &TypedColumns<'_>) {
        let (rules, mismatches) = (self.projection.rules(), &mut self.mismatches);
        let error = self.projector.project(record.value, |index, cell| {
            if !typed.holds(index, row, cell) {
                mismatches.add(
                    record.offset,
                    &rules[index].column,
                    "the typed column is not what the value says",
                );
            }
        });
        if error.map(|error| error.name()) != typed.parse_error(row) {
            mismatches.add(
                record.offset,
                "parse_error",
                "the typed column is not what the value says",
            );
        }
    }

    fn finish(self, footer: Footer) -> Examined {
        Examined {
            footer,
            projection: self.projection.clone(),
            rows: self.order.rows(),
            root: self.tree.root(),
            offsets: self.offsets,
            timestamps_ms: self.timestamps_ms,
            value_bytes: self.value_bytes,
            mismatches: self.mismatches.kept,
            mismatch_count: self.mismatches.count,
        }
    }
}

#[derive(Debug, Default)]
struct Mismatches {
    kept: Vec<Mismatch>,
    count: u64,
}

impl Mismatches {
    fn add(&mut self, offset: i64, column: &str, what: &'static str) {
        self.count += 1;
        if self.kept.len() < MISMATCHES_KEPT {
            self.kept.push(Mismatch {
                offset,
                column: column.to_owned(),
                what,
            });
        }
    }
}
