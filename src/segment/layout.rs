//! What a segment's file may contain outside its pages, checked before a page is decoded: the format's columns, zstd
//! chunks, and nothing by which another reader could see other rows. Never reads a page.

use parquet::basic::{Compression, ConvertedType};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::schema::types::Type;

use crate::segment::decode::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::projection::Projection;
use crate::segment::schema::parquet_schema;

/// Demands the columns of the projection, and per chunk what the format wants.
pub(super) fn check(metadata: &ParquetMetaData, projection: &Projection, footer: &Footer) -> Result<(), Unreadable> {
    let expected = parquet_schema(projection)?;
    same_fields(metadata.file_metadata().schema(), expected.root_schema())?;
    let rows = metadata.file_metadata().num_rows();
    if u64::try_from(rows) != Ok(footer.record_count) {
        return Err(Unreadable::Layout(format!(
            "the file counts other rows than its footer, rows={rows}"
        )));
    }
    let mut counted = 0i64;
    for group in metadata.row_groups() {
        if group.sorting_columns().is_some() {
            return Err(Unreadable::Layout("it names sorting columns".into()));
        }
        if group.num_rows() < 0 {
            return Err(Unreadable::Layout("a row group counts less than no rows".into()));
        }
        counted = counted.saturating_add(group.num_rows());
        for chunk in group.columns() {
            check_chunk(chunk, group.num_rows())?;
        }
    }
    if counted != rows {
        return Err(Unreadable::Layout(format!(
            "its row groups count other rows than it, rows={rows}"
        )));
    }
    Ok(())
}

fn check_chunk(chunk: &ColumnChunkMetaData, rows: i64) -> Result<(), Unreadable> {
    let refuse = |what: &str| Err(Unreadable::Layout(format!("{what}, column={}", chunk.column_path())));
    if !matches!(chunk.compression(), Compression::ZSTD(_)) {
        return refuse("a chunk is not compressed with zstd");
    }
    if chunk.file_path().is_some() {
        return refuse("a chunk points to another file");
    }
    if chunk.bloom_filter_offset().is_some() || chunk.bloom_filter_length().is_some() {
        return refuse("a chunk has a bloom filter");
    }
    if chunk.column_index_offset().is_some() || chunk.offset_index_offset().is_some() {
        return refuse("a chunk has a page index");
    }
    if chunk.column_descr().max_rep_level() == 0 && chunk.num_values() != rows {
        return refuse("a chunk counts other rows than its row group");
    }
    Ok(())
}

/// The same fields in the same order: names, repetition, physical and logical types. The root's own name is free.
fn same_fields(found: &Type, expected: &Type) -> Result<(), Unreadable> {
    if !found.is_group() || found.get_fields().len() != expected.get_fields().len() {
        return Err(Unreadable::Schema(format!(
            "other fields than expected, in={}",
            expected.name()
        )));
    }
    for (found, expected) in found.get_fields().iter().zip(expected.get_fields()) {
        if !same_type(found, expected) {
            return Err(Unreadable::Schema(format!(
                "a field is not as expected, field={}",
                expected.name()
            )));
        }
        if expected.is_group() {
            same_fields(found, expected)?;
        }
    }
    Ok(())
}

fn same_type(found: &Type, expected: &Type) -> bool {
    let (left, right) = (found.get_basic_info(), expected.get_basic_info());
    let converted = left.converted_type();
    let physical = match (found, expected) {
        (
            Type::PrimitiveType {
                physical_type: left, ..
            },
            Type::PrimitiveType {
                physical_type: right, ..
            },
        ) => left == right,
        (Type::GroupType { .. }, Type::GroupType { .. }) => true,
        _ => false,
    };
    physical
        && left.name() == right.name()
        && left.has_repetition() == right.has_repetition()
        && (!left.has_repetition() || left.repetition() == right.repetition())
        && left.logical_type_ref() == right.logical_type_ref()
        && (converted == right.converted_type() || converted == ConvertedType::NONE)
}
