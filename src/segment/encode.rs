//! Encodes the records of a segment as Parquet. The bytes must be a function of the records, the footer, the rules and the
//! version of this program: adoption relies on two writers producing the same bytes (AD-1).

use crate::segment::error::SegmentError;
use crate::segment::footer::Footer;
use crate::segment::page_encoding::column::Packer;
use crate::segment::page_encoding::file::SegmentFile;
use crate::segment::page_encoding::row_group::{Constants, RowGroup};
use crate::segment::projection::cell::Projector;
use crate::segment::projection::rules::Projection;
use crate::segment::projection::typed::typed_columns;
use crate::segment::rows::{Chunk, Rows};
use crate::segment::schema::elements;

/// A row group takes no further chunk once it has this many bytes of keys, values and headers.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Nor once it has this many rows, so that records without content do not make it endless.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// `created_by` of the file. A change of the text changes the bytes of every segment.
pub(super) const CREATED_BY: &str = concat!("kivend ", env!("CARGO_PKG_VERSION"));

/// An encoded segment.
#[derive(Debug)]
pub struct Encoded {
    /// The bytes of the object.
    pub bytes: Vec<u8>,
    /// For each rule, how many members were not of its type, and are null for that.
    pub misfits: Vec<u64>,
}

/// The bytes that [`encode_counting`] makes.
///
/// # Errors
/// As [`encode_counting`].
pub fn encode(rows: Rows, footer: &Footer, projection: &Projection) -> Result<Vec<u8>, SegmentError> {
    encode_counting(rows, footer, projection).map(|encoded| encoded.bytes)
}

/// Encodes a segment. Chunks of `rows` are freed one by one, so that the peak of memory is about the rows and the finished
/// bytes.
///
/// # Errors
/// [`SegmentError`] if the footer does not match the rows, offsets do not increase, or no memory is left.
pub fn encode_counting(rows: Rows, footer: &Footer, projection: &Projection) -> Result<Encoded, SegmentError> {
    refuse_other_footer(&rows, footer)?;
    let constants = Constants {
        topic: &footer.topic_partition.topic,
        partition: footer.topic_partition.partition,
        epoch: i32::try_from(footer.epoch.0).map_err(|_| SegmentError::Footer("epoch"))?,
    };
    let rules = projection.rules();
    let mut file = SegmentFile::new(elements(projection));
    let mut packer = Packer::default();
    let mut projector = Projector::new(projection);
    let mut last_offset = None;
    let mut row_group = RowGroup::new(rules.len() + 1);
    let mut row_group_bytes = 0;
    for chunk in rows.into_chunks() {
        if row_group_bytes >= ROW_GROUP_BYTES || row_group.rows >= ROW_GROUP_ROWS {
            let full = std::mem::replace(&mut row_group, RowGroup::new(rules.len() + 1));
            file.append(full, &mut packer)?;
            row_group_bytes = 0;
        }
        last_offset = Some(refuse_disorder(&chunk, last_offset)?);
        row_group_bytes += chunk.bytes();
        let typed = typed_columns(&mut projector, rules, &chunk.values);
        row_group.write(constants, &chunk, &typed, &mut packer)?;
    }
    file.append(row_group, &mut packer)?;
    Ok(Encoded {
        bytes: file.finish(&footer.to_pairs(projection)?, CREATED_BY),
        misfits: projector.misfits().to_vec(),
    })
}

fn refuse_other_footer(rows: &Rows, footer: &Footer) -> Result<(), SegmentError> {
    let inside = rows.first_offset().is_some_and(|first| footer.first_offset.0 <= first)
        && rows.last_offset().is_some_and(|last| last < footer.next_offset.0);
    let field = if *rows.partition() != footer.topic_partition {
        "topic_partition"
    } else if !inside {
        "first_offset"
    } else if footer.record_count != rows.len() as u64 {
        "record_count"
    } else if footer.records_root != rows.root() {
        "records_root"
    } else {
        return Ok(());
    };
    Err(SegmentError::Footer(field))
}

/// Checks that offsets increase, starting after `before`; returns the chunk's last offset.
fn refuse_disorder(chunk: &Chunk, before: Option<i64>) -> Result<i64, SegmentError> {
    let mut last = before;
    for offset in &chunk.offsets {
        if let Some(last) = last.filter(|last| last >= offset) {
            return Err(SegmentError::Order(last));
        }
        last = Some(*offset);
    }
    last.ok_or(SegmentError::Footer("record_count"))
}
