//! The verifier's single pass over a segment: computes the root over all records, and checks that typed columns and
//! statistics agree with the records.

use bytes::Bytes;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::segment::columns::{Columns, TypedColumns, bytes_entry};
use crate::segment::decode::{Order, Segment, Wanted};
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::guard::statistics::{ColumnClaims, Entry};
use crate::segment::projection::cell::{ParseError, Projector};
use crate::segment::projection::rules::Projection;

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
    let mut pass = Pass::new(&segment, partition);
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
            let parse_error = pass.typed(&record, row, &typed);
            pass.headers(&record);
            sink(&record, parse_error);
        }
        pass.statistics(&columns, &typed, batch.num_rows());
        Ok(())
    })?;
    if (segment.layout().entries.iter().skip(HEADER_NAME).take(2)).any(|entries| *entries != pass.header_entries) {
        return Err(Unreadable::Layout(
            "the number of entries in a header column is not that of the records".into(),
        ));
    }
    Ok(pass.finish(segment.footer().clone()))
}

/// Indices of leaf columns.
const HEADER_NAME: usize = 7;
const HEADER_VALUE: usize = 8;
const FIRST_TYPED: usize = 9;

/// The state of the pass: checks that typed columns are the projection of the values, and that no statistic hides a row.
struct Pass<'p> {
    projection: &'p Projection,
    projector: Projector<'p>,
    hasher: LeafHasher,
    tree: Tree,
    order: Order,
    offsets: Option<(i64, i64)>,
    timestamps_ms: Option<(i64, i64)>,
    value_bytes: u64,
    header_entries: u64,
    /// The statistics of leaf columns that have any.
    claims: Vec<(usize, ColumnClaims)>,
    mismatches: Mismatches,
}

impl<'p> Pass<'p> {
    fn new(segment: &'p Segment, partition: &TopicPartition) -> Pass<'p> {
        let projection = segment.projection();
        let layout = segment.layout();
        let claims = layout.claims.iter().enumerate();
        let claims = claims.filter_map(|(leaf, claims)| Some((leaf, ColumnClaims::of(claims)?)));
        Pass {
            projection,
            projector: Projector::new(projection),
            hasher: LeafHasher::new(partition),
            tree: Tree::default(),
            order: segment.order(),
            offsets: None,
            timestamps_ms: None,
            value_bytes: 0,
            header_entries: 0,
            claims: claims.collect(),
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

    /// Checks the statistics of headers; a record without headers counts as one entry.
    fn headers(&mut self, record: &Record<'_>) {
        self.header_entries += record.headers.len().max(1) as u64;
        for (leaf, claims) in self
            .claims
            .iter_mut()
            .filter(|(leaf, _)| (HEADER_NAME..FIRST_TYPED).contains(leaf))
        {
            let mut see = |entry| {
                claims.see(entry, record.offset, |offset, what| {
                    self.mismatches.add(offset, "headers", what);
                });
            };
            if record.headers.is_empty() {
                see(Entry::NoHeader);
            }
            for header in record.headers {
                see(if *leaf == HEADER_VALUE {
                    bytes_entry(header.value)
                } else {
                    Entry::Bytes(header.name)
                });
            }
        }
    }

    /// Checks the statistics of all other columns against a batch.
    fn statistics(&mut self, columns: &Columns<'_>, typed: &TypedColumns<'_>, rows: usize) {
        for (leaf, claims) in self
            .claims
            .iter_mut()
            .filter(|(leaf, _)| !(HEADER_NAME..FIRST_TYPED).contains(leaf))
        {
            let name = column_name(self.projection, *leaf);
            for row in 0..rows {
                let entry = match leaf.checked_sub(FIRST_TYPED) {
                    Some(index) => typed.entry(index, row),
                    None => columns.entry(*leaf, row),
                };
                claims.see(entry, columns.offset(row), |offset, what| {
                    self.mismatches.add(offset, name, what);
                });
            }
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

fn column_name(projection: &Projection, leaf: usize) -> &str {
    const NAMES: [&str; FIRST_TYPED] = [
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "key",
        "value",
        "headers",
        "headers",
    ];
    let typed = leaf
        .checked_sub(FIRST_TYPED)
        .and_then(|index| projection.rules().get(index));
    typed.map_or_else(
        || NAMES.get(leaf).copied().unwrap_or("parse_error"),
        |rule| &rule.column,
    )
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
