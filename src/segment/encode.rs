//! Encodes the records of a segment as Parquet. The bytes must be a function of the records, the footer, the rules and the
//! version of this program: adoption relies on two writers producing the same bytes (AD-1).

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray, UInt8Array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::record::position::TopicPartition;
use crate::segment::error::SegmentError;
use crate::segment::footer::Footer;
use crate::segment::page_encoding::compressor::{LEVEL, PageCompressor};
use crate::segment::page_encoding::row_group::RowGroup;
use crate::segment::projection::cell::Projector;
use crate::segment::projection::rules::{ColumnType, Projection};
use crate::segment::projection::typed::typed_columns;
use crate::segment::rows::{ByteColumn, Chunk, Rows};
use crate::segment::schema::{Side, arrow_schema, header_element, header_fields, parquet_schema};

/// A row group takes no further chunk once it has this many bytes of keys, values and headers.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// A data page is closed at this size, before compression.
const PAGE_BYTES: usize = 1 << 20;
/// A column falls back to its plain encoding when its dictionary would be larger.
const DICTIONARY_BYTES: usize = 64 << 10;
/// `created_by` of the file. A change of the text changes the bytes of every segment.
const CREATED_BY: &str = concat!("kivend ", env!("CARGO_PKG_VERSION"));

/// Encodes a segment. Chunks of `rows` are freed one by one, so that the peak of memory is about the rows and the finished
/// bytes.
///
/// # Errors
/// [`SegmentError`] if the footer does not match the rows, offsets do not increase, or the Parquet writer fails.
pub fn encode(rows: Rows, footer: &Footer, projection: &Projection) -> Result<Vec<u8>, SegmentError> {
    refuse_other_footer(&rows, footer)?;
    let schema = arrow_schema(projection, Side::Writer);
    let fields = parquet_schema(projection, Side::Writer)?.root_schema_ptr();
    let properties = Arc::new(properties(footer, projection)?);
    let mut file = SerializedFileWriter::new(Vec::new(), fields, properties)?;
    let columns = ArrowRowGroupWriterFactory::new(&file, schema.clone());
    let mut compressor = PageCompressor::default();
    let mut projector = Projector::new(projection);
    let partition = rows.partition().clone();
    let mut last_offset = None;
    let mut row_group = RowGroup::begin(&columns, &file)?;
    let mut row_group_bytes = 0;
    for chunk in rows.into_chunks() {
        if row_group_bytes >= ROW_GROUP_BYTES {
            let next = RowGroup::begin(&columns, &file)?;
            std::mem::replace(&mut row_group, next).close(&mut file)?;
            row_group_bytes = 0;
        }
        last_offset = Some(refuse_disorder(&chunk, last_offset)?);
        row_group_bytes += chunk.payload_bytes();
        let batch = batch(chunk, &partition, &mut projector, projection, &schema)?;
        row_group.write(&batch, &mut compressor)?;
    }
    row_group.close(&mut file)?;
    Ok(file.into_inner()?)
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

/// The encoding of each column; measurements are in `benches/NOTES.md`.
pub(super) fn properties(footer: &Footer, projection: &Projection) -> Result<WriterProperties, SegmentError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_key_value_metadata(Some(footer.to_key_values(projection)?))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(usize::MAX)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_column_dictionary_enabled("value".into(), false)
        .set_column_encoding("value".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_encoding("key".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    for column in ["offset", "timestamp"] {
        builder = numbers(builder, column.into(), Encoding::DELTA_BINARY_PACKED);
    }
    for rule in projection.rules() {
        let column = ColumnPath::from(rule.column.as_str());
        builder = match rule.column_type {
            ColumnType::Int64 => numbers(builder, column, Encoding::DELTA_BINARY_PACKED),
            // Times of events are not sorted: their bytes, split by significance, compress better than differences.
            ColumnType::TimestampUs => numbers(builder, column, Encoding::BYTE_STREAM_SPLIT),
            ColumnType::String | ColumnType::Json => {
                builder.set_column_encoding(column, Encoding::DELTA_LENGTH_BYTE_ARRAY)
            }
            ColumnType::Float64 | ColumnType::Bool => builder,
        };
    }
    Ok(builder.build())
}

/// Number columns have statistics, so that queries can skip row groups, and no dictionary.
fn numbers(builder: WriterPropertiesBuilder, column: ColumnPath, encoding: Encoding) -> WriterPropertiesBuilder {
    builder
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column.clone(), encoding)
        .set_column_statistics_enabled(column, EnabledStatistics::Chunk)
}

pub(super) fn batch(
    chunk: Chunk,
    partition: &TopicPartition,
    projector: &mut Projector<'_>,
    projection: &Projection,
    schema: &SchemaRef,
) -> Result<RecordBatch, SegmentError> {
    let len = chunk.len();
    let values = binary(chunk.values)?;
    let typed = typed_columns(projector, projection.rules(), &values);
    let has_time: NullBuffer = chunk.timestamp_types.iter().map(|code| *code != 255).collect();
    let timestamps = TimestampMillisecondArray::try_new(chunk.timestamps_ms.into(), Some(has_time))?;
    let names: ArrayRef = Arc::new(binary(chunk.header_names)?);
    let header_values: ArrayRef = Arc::new(binary(chunk.header_values)?);
    let headers = StructArray::try_new(header_fields(Side::Writer), vec![names, header_values], None)?;
    let headers = ListArray::try_new(
        header_element(Side::Writer),
        offsets(chunk.header_offsets),
        Arc::new(headers),
        None,
    )?;
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            &partition.topic,
            len,
        ))),
        Arc::new(Int32Array::from_value(partition.partition, len)),
        Arc::new(Int64Array::from(chunk.offsets)),
        Arc::new(timestamps.with_timezone("UTC")),
        Arc::new(UInt8Array::from(chunk.timestamp_types)),
        Arc::new(binary(chunk.keys)?),
        Arc::new(values),
        Arc::new(headers),
    ];
    columns.extend(typed);
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// The column as an arrow array, without copying.
fn binary(mut column: ByteColumn) -> Result<BinaryArray, ArrowError> {
    let nulls = column.nulls.finish();
    BinaryArray::try_new(offsets(column.offsets), Buffer::from_vec(column.bytes), nulls)
}

fn offsets(offsets: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}
