//! A partition of Kafka as rows.

use std::time::Duration;

use crate::app::drill::comparison::{Row, RowMaker};
use crate::kafka::error::KafkaError;
use crate::kafka::reader::{Range, Read, Reader, Stream};
use crate::task::error::AppError;
use crate::task::stop::Stop;

const POLL_TIMEOUT: Duration = Duration::from_millis(500);

/// The committed records of a range.
pub(super) struct Source<'r> {
    stream: Stream<'r>,
    rows: RowMaker,
    stop: &'r Stop,
}

impl<'r> Source<'r> {
    pub(super) fn open(reader: &'r Reader, range: Range, stop: &'r Stop) -> Result<Source<'r>, KafkaError> {
        let rows = RowMaker::new(range.partition.partition);
        Ok(Source {
            stream: reader.open(vec![range])?,
            rows,
            stop,
        })
    }

    /// The next row; `None` at the end of the range.
    pub(super) fn next(&mut self) -> Result<Option<Row>, AppError> {
        loop {
            match self.stream.next(POLL_TIMEOUT)? {
                Read::Record { record, .. } => return Ok(Some(self.rows.row(&record))),
                Read::Ended { .. } | Read::Done => return Ok(None),
                Read::Nothing if self.stop.is_requested() => return Err(interrupted()),
                Read::Nothing => {}
            }
        }
    }
}

/// A stop was requested: there is no report.
pub(super) fn interrupted() -> AppError {
    AppError::input("the drill was stopped before its end")
}
