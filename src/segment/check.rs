//! The verifier's single pass over a segment: computes the root over all records, and checks that typed columns and
//! statistics agree with the records.

use arrow_array::{Array, RecordBatch};
use arrow_buffer::ArrowNativeType;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Epoch, TopicPartition};
use crate::record::record::{LeafHasher, Record};
use crate::segment::columns::{Columns, TypedColumns};
use crate::segment::decode::{Order, Segment, Wanted};
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::guard::layout::Group;
use crate::segment::guard::statistics::Seen;
use crate::segment::page_encoding::description::Statistics;
use crate::segment::projection::cell::{ParseError, Projector};
use crate::segment::projection::rules::Projection;
use crate::segment::schema::{Leaf, Physical};

/// The number of mismatches kept per segment; further ones are only counted.
pub const MISMATCHES_KEPT: usize = 100;

/// A typed column, a statistic or a row's topic and partition that disagrees with the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The record's offset; for a statistic, the offset of a row that it hides, or of the first row that it covers.
    pub offset: i64,
    /// The column's name.
    pub column: String,
    /// The disagreement.
    pub what: &'static str,
}

/// The result of the pass.
#[derive(Debug)]
pub struct Examined {
    /// The footer, not compared with the rows.
    pub footer: Footer,
    /// The rules of the typed columns.
    pub projection: Projection,
    /// The number of rows.
    pub rows: u64,
    /// The Merkle tree hash over the records, as records of the expected partition.
    pub root: Hash,
    /// The offsets of the first and the last record.
    pub offsets: Option<(i64, i64)>,
    /// The smallest and the largest timestamp, in ms; none if no record has one.
    pub timestamps_ms: Option<(i64, i64)>,
    /// The total length of all values, in bytes.
    pub value_bytes: u64,
    /// The first [`MISMATCHES_KEPT`] mismatches, in the order of rows.
    pub mismatches: Vec<Mismatch>,
    /// The number of all mismatches.
    pub mismatch_count: u64,
}

/// Reads the whole segment as one of `partition`, checks typed columns and statistics, and calls `sink` with every record
/// and its `parse_error`.
///
/// # Errors
/// [`Unreadable`] if the bytes are not a segment of the format, or do not decode completely.
pub fn examine(
    bytes: Bytes,
    partition: &TopicPartition,
    sink: &mut dyn FnMut(&Record<'_>, Option<ParseError>),
) -> Result<Examined, Unreadable> {
    let segment = Segment::open(bytes)?;
    let reader = segment.reader(Wanted::Everything)?;
    let mut pass = Pass::new(&segment, partition);
    segment.for_each_group(|group| {
        reader.for_each_batch(&group, |batch| pass.batch(batch, sink))?;
        pass.end(&group)
    })?;
    Ok(pass.finish(segment.footer().clone()))
}

/// The state of the pass: checks that typed columns are the projection of the values, and that no statistic hides a row.
struct Pass<'p> {
    partition: &'p TopicPartition,
    epoch: Epoch,
    projection: &'p Projection,
    leaves: &'p [Leaf],
    projector: Projector<'p>,
    hasher: LeafHasher,
    tree: Tree,
    order: Order,
    offsets: Option<(i64, i64)>,
    timestamps_ms: Option<(i64, i64)>,
    value_bytes: u64,
    /// The entries of header columns in the row group.
    header_entries: u64,
    /// The offset of the row group's first record.
    group_offset: Option<i64>,
    /// The statistics of each leaf column in the row group.
    seen: Vec<Seen>,
    mismatches: Mismatches,
}

impl<'p> Pass<'p> {
    fn new(segment: &'p Segment, partition: &'p TopicPartition) -> Pass<'p> {
        let projection = segment.projection();
        Pass {
            partition,
            epoch: segment.footer().epoch,
            projection,
            leaves: segment.leaves(),
            projector: Projector::new(projection),
            hasher: LeafHasher::new(partition),
            tree: Tree::default(),
            order: segment.order(),
            offsets: None,
            timestamps_ms: None,
            value_bytes: 0,
            header_entries: 0,
            group_offset: None,
            seen: vec![Seen::default(); segment.leaves().len()],
            mismatches: Mismatches::default(),
        }
    }

    /// Takes the next rows.
    fn batch(
        &mut self,
        batch: &RecordBatch,
        sink: &mut dyn FnMut(&Record<'_>, Option<ParseError>),
    ) -> Result<(), Unreadable> {
        let columns = Columns::of(batch)?;
        let typed = TypedColumns::of(batch, self.projection)?;
        let mut headers = Vec::new();
        for row in 0..batch.num_rows() {
            let record = columns
                .record(row, &mut headers)
                .map_err(|what| self.order.no_record(what))?;
            self.order.follow(&record)?;
            self.record(&record);
            if !columns.belongs_to(row, self.partition, self.epoch) {
                self.mismatches.add(
                    record.offset,
                    "topic",
                    "the row names another topic, partition or epoch",
                );
            }
            let parse_error = self.typed(&record, row, &typed);
            // A record without headers has one entry too.
            self.header_entries += record.headers.len().max(1) as u64;
            sink(&record, parse_error);
        }
        self.see(batch, &columns);
        Ok(())
    }

    /// Takes the values of all columns with statistics.
    fn see(&mut self, batch: &RecordBatch, columns: &Columns<'_>) {
        self.group_offset.get_or_insert(columns.offset(0));
        for (leaf, seen) in self.leaves.iter().zip(&mut self.seen) {
            let array = batch.column(leaf.column);
            let offsets = (0..batch.num_rows()).map(|row| columns.offset(row));
            match leaf.physical {
                Physical::Int32 => see_numbers::<i32>(seen, array, offsets),
                Physical::Int64 => see_numbers::<i64>(seen, array, offsets),
                Physical::Boolean | Physical::Double | Physical::ByteArray => {}
            }
        }
    }

    /// Compares the statistics of a row group with its values.
    fn end(&mut self, group: &Group) -> Result<(), Unreadable> {
        let (header_entries, first) = (std::mem::take(&mut self.header_entries), self.group_offset.take());
        for (index, (leaf, chunk)) in self.leaves.iter().zip(&group.chunks).enumerate() {
            let entries: u64 = chunk.pages.data.iter().map(|page| u64::from(page.header.entries)).sum();
            if leaf.path.len() > 1 && entries != header_entries {
                return Err(Unreadable::Layout(
                    "the number of entries in a header column is not that of the records".into(),
                ));
            }
            let seen = std::mem::take(&mut self.seen[index]);
            let contradicted = chunk.statistics.as_ref().and_then(|claimed| match leaf.physical {
                // Of the columns of byte strings only the topic has statistics, and one value.
                Physical::ByteArray => (*claimed != Statistics::of_text(self.partition.topic.as_bytes()))
                    .then_some(("a statistic is not that of the rows", None)),
                physical => seen.contradicts(claimed, physical),
            });
            if let Some((what, offset)) = contradicted {
                let offset = offset.or(first).unwrap_or_default();
                self.mismatches.add(offset, &leaf.path[0], what);
            }
        }
        Ok(())
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

    /// Projects the value again and compares; returns the `parse_error` that the row must have.
    fn typed(&mut self, record: &Record<'_>, row: usize, typed: &TypedColumns<'_>) -> Option<ParseError> {
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
        if error.map(super::projection::cell::ParseError::name) != typed.parse_error(row) {
            mismatches.add(
                record.offset,
                "parse_error",
                "the typed column is not what the value says",
            );
        }
        error
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

fn see_numbers<N: ArrowNativeType + Into<i64>>(seen: &mut Seen, array: &dyn Array, offsets: impl Iterator<Item = i64>) {
    let data = array.to_data();
    let numbers = data.buffer::<N>(0).iter().map(|number| (*number).into());
    match data.nulls() {
        Some(nulls) => seen.see(
            numbers.zip(nulls).map(|(number, valid)| valid.then_some(number)),
            offsets,
        ),
        None => seen.see(numbers.map(Some), offsets),
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
