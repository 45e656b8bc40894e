//! Reads restored partitions and the archive side by side: a few partitions at a time, each segment once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;

use crate::app::drill::comparison::{Alignment, Need, Row, RowMaker, Tally, beside, without_refused};
use crate::app::drill::original::Original;
use crate::app::drill::source::{Source, interrupted};
use crate::app::restore::{PartitionPlan, Refusal, Span, TopicPlan, read_partition, unreadable};
use crate::config::KafkaSettings;
use crate::kafka::reader::{Range, Reader};
use crate::log::drill::What;
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::record::position::TopicPartition;
use crate::segment::decode::Segment;
use crate::task::error::AppError;
use crate::task::progress::Work;
use crate::task::stop::Stop;

/// Partitions that are compared at the same time.
const AT_ONCE: usize = 3;

/// What all comparisons share.
pub(super) struct Comparing {
    pub(super) archive: Arc<Archive>,
    pub(super) kafka: KafkaSettings,
    pub(super) span: Span,
    /// What the restored topics refused, by archived place.
    pub(super) refused: BTreeMap<(String, i32), BTreeMap<i64, String>>,
    pub(super) stop: Stop,
    /// Shows how many archived records are compared.
    pub(super) work: Arc<dyn Work>,
}

/// The refused records by their places.
pub(super) fn by_place(refused: &[Refusal]) -> BTreeMap<(String, i32), BTreeMap<i64, String>> {
    let mut places: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for one in refused {
        let of = places.entry((one.topic.clone(), one.partition)).or_default();
        of.insert(one.offset, one.reason.clone());
    }
    places
}

/// Compares all partitions of a topic.
///
/// # Errors
/// `Input` if a stop was requested; errors of the store and of Kafka.
pub(super) async fn topic(comparing: &Arc<Comparing>, plan: Arc<TopicPlan>) -> Result<Tally, AppError> {
    let partitions = futures::stream::iter(0..plan.partitions.len()).map(|number| {
        let (comparing, plan) = (Arc::clone(comparing), Arc::clone(&plan));
        async move {
            let compared = tokio::task::spawn_blocking(move || comparing.partition(&plan.partitions[number]));
            compared
                .await
                .map_err(|error| AppError::internal(error.to_string()))
                .flatten()
        }
    });
    let tallies: Vec<Tally> = partitions.buffered(AT_ONCE).try_collect().await?;
    let mut sum = Tally::default();
    tallies.into_iter().for_each(|tally| sum.add(tally));
    Ok(sum)
}

impl Comparing {
    fn partition(&self, plan: &PartitionPlan) -> Result<Tally, AppError> {
        let of = TopicPartition::new(&plan.subject.from, plan.subject.partition);
        let target = TopicPartition::new(&plan.subject.to, plan.subject.partition);
        let reader = Reader::connect(&self.kafka)?;
        let marks = reader.cluster().watermarks(&target)?;
        let range = Range {
            partition: target,
            from: marks.low,
            until: Some(marks.high),
        };
        let mut restored = Source::open(&reader, range, &self.stop)?;
        let mut original = Original::find(&reader, plan, self.span, &self.stop)?;
        let none_refused = BTreeMap::new();
        let place = (plan.subject.from.clone(), plan.subject.partition);
        let refused = self.refused.get(&place).unwrap_or(&none_refused);
        let (mut tally, mut alignment) = (Tally::default(), Alignment::new(of.clone()));
        let mut segments = read_partition(&self.archive, plan);
        while let Some(checked) = Handle::current().block_on(segments.recv()) {
            let checked = checked?;
            let link = checked.link.as_ref();
            tally.removed += checked.removed();
            if let Some(damage) = &checked.damage {
                tally.differs(&of, (link.first_offset.0, What::Unreadable), damage.clone());
            }
            let Some(segment) = &checked.segment else { continue };
            let mut rows = self.rows(link, segment)?;
            tally.archived += rows.len() as u64;
            self.work.advance(rows.len() as u64);
            if let Some(original) = &mut original {
                beside(&of, &rows, &original.rows(link)?, &mut tally);
            }
            without_refused(&of, &mut rows, refused, &mut tally);
            alignment.archived(&rows);
            self.align(&mut alignment, &mut restored, &mut tally)?;
        }
        alignment.end_archived();
        self.align(&mut alignment, &mut restored, &mut tally)?;
        Ok(tally)
    }

    /// Compares up to where more rows of the archive are needed.
    fn align(&self, alignment: &mut Alignment, restored: &mut Source<'_>, tally: &mut Tally) -> Result<(), AppError> {
        while alignment.step(tally) == Need::Restored {
            match restored.next()? {
                Some(row) => alignment.restored(row),
                None => alignment.end_restored(),
            }
        }
        match self.stop.is_requested() {
            true => Err(interrupted()),
            false => Ok(()),
        }
    }

    /// The rows of a segment that were asked for.
    fn rows(&self, link: &Link, segment: &Segment) -> Result<Vec<Row>, AppError> {
        let (mut maker, mut rows) = (RowMaker::new(link.partition), Vec::new());
        let read = segment.for_each_record(|record| {
            if self.span.covers(record.timestamp.ms()) {
                rows.push(maker.row(record));
            }
        });
        read.map_err(|error| unreadable(link, &error))?;
        Ok(rows)
    }
}
