//! Records as rows of one Parquet file, of several topics and partitions. Its columns have the names and types of those of a
//! segment (FORMAT.md section 7.3); nothing in it is signed.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{
    ArrayBuilder as _, BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
    TimestampMillisecondBuilder,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use crate::app::export::rows::Rows;
use crate::record::position::TopicPartition;
use crate::record::record::{Header, Record};
use crate::segment::rows::QUERIED_MS;

/// Records that are encoded together, by their number and their bytes.
const BATCH_RECORDS: usize = 8_192;
const BATCH_BYTES: usize = 8 << 20;
/// A row group, before compression.
const GROUP_BYTES: usize = 64 << 20;

pub(super) struct ParquetRows<'o> {
    output: &'o mut dyn Write,
    writer: ArrowWriter<Vec<u8>>,
    columns: Columns,
    schema: SchemaRef,
    bytes: usize,
}

impl ParquetRows<'_> {
    pub(super) fn begin(output: &mut dyn Write) -> io::Result<ParquetRows<'_>> {
        ParquetRows::with(ArrowWriterOptions::new().with_properties(properties().build()), output)
    }

    /// A file without anything by which query engines leave out rows, so that all of it can be compared.
    pub(super) fn begin_rows_only(output: &mut dyn Write) -> io::Result<ParquetRows<'_>> {
        let properties = properties()
            .set_statistics_enabled(EnabledStatistics::None)
            .set_dictionary_enabled(false)
            .set_offset_index_disabled(true);
        let options = ArrowWriterOptions::new().with_properties(properties.build());
        ParquetRows::with(options.with_skip_arrow_metadata(true), output)
    }

    fn with(options: ArrowWriterOptions, output: &mut dyn Write) -> io::Result<ParquetRows<'_>> {
        let schema = schema();
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        Ok(ParquetRows {
            output,
            writer,
            columns: Columns::new(),
            schema,
            bytes: 0,
        })
    }

    /// Encodes what was collected, and writes what is encoded.
    fn flush(&mut self) -> io::Result<()> {
        let batch = self.columns.take(&self.schema)?;
        self.bytes = 0;
        self.writer.write(&batch)?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush()?;
        }
        self.drain()
    }

    fn drain(&mut self) -> io::Result<()> {
        self.output.write_all(self.writer.inner())?;
        self.writer.inner_mut().clear();
        Ok(())
    }
}

impl Rows for ParquetRows<'_> {
    fn record(&mut self, partition: &TopicPartition, record: &Record<'_>) -> io::Result<()> {
        self.columns.push(partition, record);
        self.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if self.columns.offset.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.writer.finish()?;
        self.drain()?;
        self.output.flush()
    }
}

fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()))
}

/// Records as they stand in a file of [`ParquetRows`].
pub(in crate::app) fn batch_of<'r>(
    records: impl Iterator<Item = (&'r TopicPartition, Record<'r>)>,
) -> io::Result<RecordBatch> {
    let mut columns = Columns::new();
    records.for_each(|(partition, record)| columns.push(partition, &record));
    columns.take(&schema())
}

fn header_fields() -> Fields {
    Fields::from(vec![
        Field::new("name", DataType::Binary, false),
        Field::new("value", DataType::Binary, true),
    ])
}

fn schema() -> SchemaRef {
    let headers = Field::new("element", DataType::Struct(header_fields()), false);
    let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("topic", DataType::Utf8, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", utc, true),
        Field::new("timestamp_type", DataType::Int32, false),
        Field::new("key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("headers", DataType::List(Arc::new(headers)), false),
        Field::new("timestamp_out_of_range_ms", DataType::Int64, true),
    ]))
}

struct Columns {
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    timestamp: TimestampMillisecondBuilder,
    timestamp_type: Int32Builder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    headers: ListBuilder<StructBuilder>,
    timestamp_out_of_range_ms: Int64Builder,
}

impl Columns {
    fn new() -> Columns {
        let header = StructBuilder::new(
            header_fields(),
            vec![Box::new(BinaryBuilder::new()), Box::new(BinaryBuilder::new())],
        );
        let element = Field::new("element", DataType::Struct(header_fields()), false);
        Columns {
            topic: StringBuilder::new(),
            partition: Int32Builder::new(),
            offset: Int64Builder::new(),
            timestamp: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            timestamp_type: Int32Builder::new(),
            key: BinaryBuilder::new(),
            value: BinaryBuilder::new(),
            headers: ListBuilder::new(header).with_field(element),
            timestamp_out_of_range_ms: Int64Builder::new(),
        }
    }

    fn push(&mut self, partition: &TopicPartition, record: &Record<'_>) {
        self.topic.append_value(&*partition.topic);
        self.partition.append_value(partition.partition);
        self.offset.append_value(record.offset);
        let ms = record.timestamp.ms();
        self.timestamp.append_option(ms.filter(|ms| QUERIED_MS.contains(ms)));
        self.timestamp_out_of_range_ms
            .append_option(ms.filter(|ms| !QUERIED_MS.contains(ms)));
        self.timestamp_type
            .append_value(i32::from(record.timestamp.type_code()));
        self.key.append_option(record.key);
        self.value.append_option(record.value);
        for header in record.headers {
            self.push_header(header);
        }
        self.headers.append(true);
    }

    fn push_header(&mut self, header: &Header<'_>) {
        let fields = self.headers.values();
        if let Some(name) = fields.field_builder::<BinaryBuilder>(0) {
            name.append_value(header.name);
        }
        if let Some(value) = fields.field_builder::<BinaryBuilder>(1) {
            value.append_option(header.value);
        }
        fields.append(true);
    }

    fn take(&mut self, schema: &SchemaRef) -> io::Result<RecordBatch> {
        let batch = RecordBatch::try_new(
            Arc::clone(schema),
            vec![
                Arc::new(self.topic.finish()),
                Arc::new(self.partition.finish()),
                Arc::new(self.offset.finish()),
                Arc::new(self.timestamp.finish()),
                Arc::new(self.timestamp_type.finish()),
                Arc::new(self.key.finish()),
                Arc::new(self.value.finish()),
                Arc::new(self.headers.finish()),
                Arc::new(self.timestamp_out_of_range_ms.finish()),
            ],
        );
        batch.map_err(io::Error::other)
    }
}
