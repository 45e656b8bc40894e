//! Reads the rows of a Parquet file that another program wrote. The bytes are untrusted: anything gives rows or [`BadFile`],
//! not a panic or unbounded memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use crate::audit::bad_file::BadFile;
use crate::audit::cells::Cells;
use crate::audit::columns::{CellKind, Columns, Leaf, Request, Role, Unit, resolve};
use crate::audit::file_bounds::{check_chunk, check_footer};
use crate::audit::row::{Compared, Fingerprint, Row};

/// Rows that are decoded at a time.
const ROWS_AT_ONCE: usize = 1024;
/// The maximum number of rows in a file: runs of equal values take no bytes.
const ROWS_MAX: i64 = 1 << 27;
/// The number of bytes of values that a file of any size may have, and of further ones for each of its bytes.
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
const EXPANSION_MAX: u64 = 1 << 15;
/// The size of a page above which few rows are held at a time.
const LARGE_PAGE_BYTES: usize = 4 << 20;

/// The file to read.
#[derive(Debug)]
pub struct File<'a> {
    /// Its object key.
    pub key: &'a str,
    /// Its number.
    pub number: u32,
    /// Its bytes.
    pub bytes: Bytes,
    /// The topic whose rows are wanted.
    pub topic: &'a str,
    /// What the user says of the columns.
    pub request: &'a Request,
}

/// Rows that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Rows of other topics.
    pub other_topics: u64,
    /// Rows whose partition or offset is null, negative or too large.
    pub without_place: u64,
}

/// A file whose footer and columns are known.
pub struct ForeignFile {
    reader: SerializedFileReader<Bytes>,
    bytes: Bytes,
    number: u32,
    topic: String,
    columns: Columns,
    leaves: Vec<Leaf>,
    left_out: LeftOut,
    /// The row group after the one that is read.
    next_group: usize,
    cells: [Option<Cells>; 6],
    /// Rows of the row group that are not read yet.
    left: usize,
    /// The number of rows before.
    position: i64,
    bytes_left: u64,
}

impl ForeignFile {
    /// Reads the footer, and finds the columns.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open(file: &File<'_>) -> Result<ForeignFile, BadFile> {
        without_panic(|| ForeignFile::open_unguarded(file))
    }

    fn open_unguarded(file: &File<'_>) -> Result<ForeignFile, BadFile> {
        check_footer(&file.bytes)?;
        let reader = SerializedFileReader::new(file.bytes.clone())?;
        let metadata = reader.metadata().file_metadata();
        let leaves: Vec<Leaf> = metadata
            .schema_descr()
            .columns()
            .iter()
            .map(|column| leaf(column))
            .collect();
        let keys = metadata.key_value_metadata().map_or(&[][..], Vec::as_slice);
        let keys: Vec<&str> = keys.iter().map(|pair| pair.key.as_str()).collect();
        let columns = resolve(&leaves, file.key, &keys, file.request).map_err(BadFile)?;
        let mut rows = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows);
        let rows = rows.try_fold(0i64, |sum, rows| sum.checked_add(rows).filter(|_| rows >= 0));
        if rows.is_none_or(|rows| rows > ROWS_MAX) {
            return Err(BadFile(format!("it announces more than {ROWS_MAX} rows")));
        }
        let length = file.bytes.len() as u64;
        Ok(ForeignFile {
            reader,
            bytes: file.bytes.clone(),
            number: file.number,
            topic: file.topic.to_owned(),
            columns,
            leaves,
            left_out: LeftOut::default(),
            next_group: 0,
            cells: Default::default(),
            left: 0,
            position: 0,
            bytes_left: EXPANSION_FREE_BYTES.saturating_add(EXPANSION_MAX.saturating_mul(length)),
        })
    }

    /// What the columns let be compared.
    #[must_use]
    pub fn compared(&self) -> Compared {
        Compared {
            value: self.columns.of(Role::Value).is_some(),
            key: self.columns.of(Role::Key).is_some(),
            timestamp: self.columns.of(Role::Timestamp).is_some(),
        }
    }

    /// Where the columns are, for the user.
    #[must_use]
    pub fn describe(&self) -> String {
        self.columns.describe(&self.leaves)
    }

    /// Whether offsets are counted from the one in the object's name.
    #[must_use]
    pub fn counts_offsets(&self) -> bool {
        self.columns.named.offset.is_some()
    }

    /// The rows that were left out until now.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The next rows of the topic, in the order of the file; `None` at its end. May return none where all were left out.
    ///
    /// # Errors
    /// [`BadFile`]; then nothing more can be read.
    pub fn next_rows(&mut self) -> Result<Option<Vec<Row>>, BadFile> {
        without_panic(|| self.next_rows_unguarded())
    }

    fn next_rows_unguarded(&mut self) -> Result<Option<Vec<Row>>, BadFile> {
        while self.left == 0 {
            if self.next_group == self.reader.metadata().num_row_groups() {
                return Ok(None);
            }
            self.begin_group()?;
        }
        let rows = self.left.min(ROWS_AT_ONCE);
        self.left -= rows;
        self.batch(rows).map(Some)
    }

    fn begin_group(&mut self) -> Result<(), BadFile> {
        let group = self.reader.metadata().row_group(self.next_group);
        let reader = self.reader.get_row_group(self.next_group)?;
        self.next_group += 1;
        self.left = usize::try_from(group.num_rows()).unwrap_or(0);
        self.cells = Default::default();
        for (cells, column) in self.cells.iter_mut().zip(self.columns.by_role) {
            let Some(column) = column else { continue };
            let chunk = group.columns().get(column);
            let chunk = chunk.ok_or_else(|| BadFile("a row group lacks a column".to_owned()))?;
            let pages = check_chunk(&self.bytes, chunk)?;
            *cells = Some(Cells {
                reader: reader.get_column_reader(column)?,
                max_level: chunk.column_descr().max_def_level(),
                kind: self.leaves[column].kind,
                has_large_values: pages.repeats_prefixes || pages.max_bytes > LARGE_PAGE_BYTES,
            });
        }
        Ok(())
    }

    fn batch(&mut self, rows: usize) -> Result<Vec<Row>, BadFile> {
        let [topic, partition, offset, value, key, timestamp] = &mut self.cells;
        let named = &self.columns.named;
        let mut wanted = Vec::with_capacity(rows);
        match topic {
            Some(topic) => topic.bytes(rows, &mut |found| wanted.push(found == Some(self.topic.as_bytes())))?,
            None => wanted.resize(rows, named.topic.as_ref().is_none_or(|topic| *topic == self.topic)),
        }
        let partitions = match partition {
            Some(partition) => partition.numbers(rows)?,
            None => vec![named.partition.map(i64::from); rows],
        };
        let count = |first: i64| {
            (0..rows)
                .zip(self.position..)
                .map(move |(_, row)| first.checked_add(row))
        };
        let offsets = match (offset, named.offset) {
            (Some(offset), _) => offset.numbers(rows)?,
            (None, Some(first)) => count(first).collect(),
            (None, None) => vec![None; rows],
        };
        let values = fingerprints(value, rows, &mut self.bytes_left)?;
        let keys = fingerprints(key, rows, &mut self.bytes_left)?;
        let timestamps = timestamp
            .as_mut()
            .map(|timestamp| timestamp.numbers(rows))
            .transpose()?;
        self.position += i64::try_from(rows).unwrap_or(i64::MAX);
        let mut found = Vec::with_capacity(rows);
        for row in 0..rows {
            if !wanted[row] {
                self.left_out.other_topics += 1;
                continue;
            }
            let partition = partitions[row]
                .and_then(|number| i32::try_from(number).ok())
                .filter(|number| *number >= 0);
            let offset = offsets[row].filter(|offset| (0..i64::MAX).contains(offset));
            let Some((partition, offset)) = partition.zip(offset) else {
                self.left_out.without_place += 1;
                continue;
            };
            found.push(Row {
                partition,
                file: self.number,
                offset,
                value: values.get(row).copied().unwrap_or_default(),
                key: keys.get(row).copied().unwrap_or_default(),
                timestamp_ms: timestamps.as_ref().and_then(|timestamps| timestamps[row]),
            });
        }
        Ok(found)
    }
}

/// The fingerprints of the next rows of a column, whose bytes may be as many as `left`.
fn fingerprints(cells: &mut Option<Cells>, rows: usize, left: &mut u64) -> Result<Vec<Fingerprint>, BadFile> {
    let mut found = Vec::new();
    let Some(cells) = cells else { return Ok(found) };
    let mut room = Some(*left);
    cells.bytes(rows, &mut |value| {
        room = room.and_then(|room| room.checked_sub(value.map_or(0, <[u8]>::len) as u64));
        if room.is_some() {
            found.push(Fingerprint::of(value));
        }
    })?;
    *left = room.ok_or_else(|| BadFile("its values are longer than its size allows".to_owned()))?;
    Ok(found)
}

/// Turns a panic into an error: the Parquet library has panicked on hostile files before. Nothing that `read` changes is used
/// after an error.
fn without_panic<T>(read: impl FnOnce() -> Result<T, BadFile>) -> Result<T, BadFile> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(BadFile("the parquet reader panicked".to_owned())))
}

fn leaf(column: &ColumnDescriptor) -> Leaf {
    let unit = match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(time)), _) => Some(match time.unit {
            TimeUnit::MILLIS => Unit::Millis,
            TimeUnit::MICROS => Unit::Micros,
            TimeUnit::NANOS => Unit::Nanos,
        }),
        (None, ConvertedType::TIMESTAMP_MILLIS) => Some(Unit::Millis),
        (None, ConvertedType::TIMESTAMP_MICROS) => Some(Unit::Micros),
        _ => None,
    };
    let kind = match (column.physical_type(), unit) {
        _ if column.max_rep_level() > 0 => CellKind::Other,
        (Type::INT96, _) => CellKind::Time(Unit::Nanos),
        (Type::INT64, Some(unit)) => CellKind::Time(unit),
        (Type::INT32 | Type::INT64, _) => CellKind::Integer,
        (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, _) => CellKind::Bytes,
        _ => CellKind::Other,
    };
    Leaf {
        path: column.path().string(),
        kind,
    }
}
