//! The forms that records are written in.

use std::io::{self, Write};

use crate::app::export::csv::CsvRows;
use crate::app::export::parquet::ParquetRows;
use crate::app::export::rows::Rows;
use crate::record::position::TopicPartition;
use crate::record::record::Record;

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Values, byte for byte, each with a newline. Records without a value have no line.
    #[default]
    Jsonl,
    /// Whole records as rows of text (RFC 4180).
    Csv,
    /// Whole records as rows of one Parquet file.
    Parquet,
}

impl Form {
    pub(in crate::app) fn rows<'o>(self, output: &'o mut dyn Write) -> io::Result<Box<dyn Rows + 'o>> {
        Ok(match self {
            Form::Jsonl => Box::new(Values(output)),
            Form::Csv => Box::new(CsvRows::begin(output)?),
            Form::Parquet => Box::new(ParquetRows::begin(output)?),
        })
    }

    /// As [`Form::Parquet`], without anything by which query engines leave out rows.
    pub(in crate::app) fn rows_only(output: &mut dyn Write) -> io::Result<Box<dyn Rows + '_>> {
        Ok(Box::new(ParquetRows::begin_rows_only(output)?))
    }

    /// Whether a record with this value has a place in the form.
    pub(in crate::app) fn takes(self, value: Option<&[u8]>) -> bool {
        self != Form::Jsonl || value.is_some_and(|value| !value.is_empty())
    }
}

struct Values<'o>(&'o mut dyn Write);

impl Rows for Values<'_> {
    fn record(&mut self, _: &TopicPartition, record: &Record<'_>) -> io::Result<()> {
        self.0.write_all(record.value.unwrap_or_default())?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
