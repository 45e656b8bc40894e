//! The original topic of archived records, as far as Kafka still holds it.

use crate::app::drill::comparison::Row;
use crate::app::drill::source::Source;
use crate::app::restore::{PartitionPlan, Span};
use crate::kafka::error::KafkaError;
use crate::kafka::reader::{Range, Reader};
use crate::log::link::Link;
use crate::record::position::{Epoch, TopicPartition};
use crate::task::error::AppError;
use crate::task::stop::Stop;

/// The original partition. Only its newest epoch is compared: an unclean election may have replaced what is before.
pub(super) struct Original<'r> {
    source: Source<'r>,
    span: Span,
    epoch: Epoch,
    /// The first row that was not asked for yet.
    ahead: Option<Row>,
    has_ended: bool,
}

impl<'r> Original<'r> {
    /// `None` if the topic is gone, was created again, is on another cluster, or holds none of the records any more.
    pub(super) fn find(
        reader: &'r Reader,
        plan: &PartitionPlan,
        span: Span,
        stop: &'r Stop,
    ) -> Result<Option<Original<'r>>, AppError> {
        let partition = TopicPartition::new(&plan.subject.from, plan.subject.partition);
        let topic_id = match reader.cluster().topic_id(&partition.topic) {
            Err(KafkaError::UnknownTopic { .. }) => return Ok(None),
            topic_id => topic_id?,
        };
        let cluster_id = reader.cluster().cluster_id()?;
        let Some(last) = plan.links.last() else { return Ok(None) };
        let first = plan.links.iter().find(|link| link.epoch == last.epoch).unwrap_or(last);
        if last.cluster_id != cluster_id || last.topic_id != topic_id {
            return Ok(None);
        }
        let marks = reader.cluster().watermarks(&partition)?;
        let range = Range {
            partition,
            from: first.first_offset.0.max(marks.low),
            until: Some(last.next_offset.0.min(marks.high)),
        };
        if range.until.is_none_or(|until| until <= range.from) {
            return Ok(None);
        }
        Ok(Some(Original {
            source: Source::open(reader, range, stop)?,
            span,
            epoch: last.epoch,
            ahead: None,
            has_ended: false,
        }))
    }

    /// The rows in the range of a link that were asked for. Links come in order.
    pub(super) fn rows(&mut self, link: &Link) -> Result<Vec<Row>, AppError> {
        let mut rows = Vec::new();
        if link.epoch != self.epoch {
            return Ok(rows);
        }
        while let Some(row) = self.next()? {
            if row.offset >= link.next_offset.0 {
                self.ahead = Some(row);
                break;
            }
            // Records below are between two links, where the archive says why it has none.
            if row.offset >= link.first_offset.0 && self.span.covers(row.timestamp.ms()) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn next(&mut self) -> Result<Option<Row>, AppError> {
        if self.ahead.is_some() || self.has_ended {
            return Ok(self.ahead.take());
        }
        let next = match self.source.next() {
            // Retention deletes what is being read: Kafka no longer holds it.
            Err(AppError::Kafka(KafkaError::OutOfRange { .. })) => None,
            next => next?,
        };
        self.has_ended = next.is_none();
        Ok(next)
    }
}
