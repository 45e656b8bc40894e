//! How far a verification is, for display: rows (or links, if no rows are read) and the comparison with Kafka, each for
//! itself. The totals are estimated from the listing and from what claims say of heads; links and Kafka's answers correct
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::verify::request::Depth;
use crate::log::link::Link;
use crate::record::position::TopicPartition;
use crate::task::progress::{Progress, Silent, Unit, Work};
use crate::verify::claims::Claim;
use crate::verify::inventory::PartitionObjects;

/// Shows how far a verification is.
pub struct Shown {
    depth: Depth,
    segments: Arc<dyn Work>,
    compared: Arc<dyn Work>,
    /// The estimated numbers of records.
    estimates: BTreeMap<TopicPartition, u64>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Links and segments, with each other.
    Archive,
    /// Records in Kafka too.
    Kafka,
}

/// The listed objects of partitions, and the claims about them.
pub type Known<'a> = (
    &'a BTreeMap<TopicPartition, PartitionObjects>,
    &'a BTreeMap<TopicPartition, Vec<Claim>>,
);

impl Shown {
    /// Begins to show a verification of these partitions.
    pub fn begin(progress: &dyn Progress, (depth, with): (Depth, With), (objects, claims): Known<'_>) -> Shown {
        let estimate = |(partition, objects): (&TopicPartition, &PartitionObjects)| {
            let claimed = claims
                .get(partition)
                .into_iter()
                .flatten()
                .map(|claim| claim.next_offset);
            (partition.clone(), objects.offsets(claimed.max()))
        };
        let estimates: BTreeMap<_, _> = objects.iter().map(estimate).collect();
        let total = estimates.values().sum();
        let segments = match depth {
            Depth::Rows => progress.begin("reading rows", Unit::Records),
            Depth::Links => progress.begin("checking links", Unit::Links),
        };
        segments.add_total(match depth {
            Depth::Rows => total,
            Depth::Links => objects.values().map(|objects| objects.links.len() as u64).sum(),
        });
        let compared: Arc<dyn Work> = match with {
            With::Archive => Arc::new(Silent),
            With::Kafka => progress.begin("comparing with Kafka", Unit::Records),
        };
        compared.add_total(total);
        Shown {
            depth,
            segments,
            compared,
            estimates,
        }
    }

    /// A link is to be checked, with so many rows.
    pub(super) fn link(&self, link: &Link, rows: u64) {
        if self.depth == Depth::Rows {
            let offsets = link.next_offset.0.abs_diff(link.first_offset.0);
            self.segments.correct_total(offsets, rows);
        }
    }

    /// A link was checked, with so many rows.
    pub(super) fn checked(&self, rows: u64) {
        self.segments.advance(match self.depth {
            Depth::Rows => rows,
            Depth::Links => 1,
        });
    }

    /// The comparison of a partition begins, with so many offsets, which are instead of what was estimated for it.
    pub(super) fn compares(&self, partition: &TopicPartition, offsets: u64) {
        let estimate = self.estimates.get(partition).copied().unwrap_or(0);
        self.compared.correct_total(estimate, offsets);
    }

    /// Records that are compared with Kafka.
    pub(super) fn compared(&self) -> &dyn Work {
        self.compared.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::log::object_key::Attempt;
    use crate::record::hash::Hash;
    use crate::record::position::{Epoch, FirstOffset, Height, NextOffset};
    use crate::verify::claims::ClaimSource;
    use crate::verify::inventory::Slot;

    /// The name of a work, how much is done, and of how much.
    type Line = (&'static str, u64, u64);

    /// Keeps what is shown.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Line>>>);

    struct KeptWork(Kept, usize);

    impl Progress for Kept {
        fn begin(&self, what: &'static str, _: Unit) -> Arc<dyn Work> {
            let mut all = self.0.lock().unwrap();
            all.push((what, 0, 0));
            Arc::new(KeptWork(self.clone(), all.len() - 1))
        }
    }

    impl Work for KeptWork {
        fn advance(&self, steps: u64) {
            self.0.0.lock().unwrap()[self.1].1 += steps;
        }
        fn add_total(&self, steps: u64) {
            self.0.0.lock().unwrap()[self.1].2 += steps;
        }
        fn correct_total(&self, estimated: u64, found: u64) {
            let total = &mut self.0.0.lock().unwrap()[self.1].2;
            *total = *total + found - estimated;
        }
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("payments", 0)
    }

    fn known() -> (
        BTreeMap<TopicPartition, PartitionObjects>,
        BTreeMap<TopicPartition, Vec<Claim>>,
    ) {
        let link = |first| Slot {
            epoch: Epoch(0),
            first_offset: FirstOffset(first),
            attempt: Attempt::default(),
        };
        let objects = PartitionObjects {
            links: vec![link(100), link(600)],
            ..PartitionObjects::default()
        };
        let claim = Claim {
            source: ClaimSource::Commit,
            height: Height(1),
            epoch: Epoch(0),
            first_offset: None,
            next_offset: NextOffset(1_100),
            link: Hash::ZERO,
            log_root: None,
        };
        (
            BTreeMap::from([(partition(), objects)]),
            BTreeMap::from([(partition(), vec![claim])]),
        )
    }

    #[test]
    fn rows_and_comparisons_with_kafka_are_counted_apart() {
        let (kept, (objects, claims)) = (Kept::default(), known());
        let shown = Shown::begin(&kept, (Depth::Rows, With::Kafka), (&objects, &claims));
        let all = || kept.0.lock().unwrap().clone();
        assert_eq!(all(), [("reading rows", 0, 1_000), ("comparing with Kafka", 0, 1_000)]);
        shown.checked(480);
        shown.compares(&partition(), 300);
        shown.compared().advance(200);
        assert_eq!(
            all(),
            [("reading rows", 480, 1_000), ("comparing with Kafka", 200, 300)]
        );
    }

    #[test]
    fn without_rows_links_are_counted_and_without_kafka_no_comparison_is_shown() {
        let (kept, (objects, claims)) = (Kept::default(), known());
        let shown = Shown::begin(&kept, (Depth::Links, With::Archive), (&objects, &claims));
        shown.checked(480);
        assert_eq!(*kept.0.lock().unwrap(), [("checking links", 1, 2)]);
    }
}
