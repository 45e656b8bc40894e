//! What every form of an export does.

use std::io;

use crate::record::position::TopicPartition;
use crate::record::record::Record;

/// Takes records and writes them in one form.
pub(in crate::app) trait Rows {
    /// Writes one record, or keeps it until there are more.
    fn record(&mut self, partition: &TopicPartition, record: &Record<'_>) -> io::Result<()>;

    /// Writes the rest.
    fn finish(&mut self) -> io::Result<()>;
}
