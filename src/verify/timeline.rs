//! Which offsets of a partition have which record times, from the links of its chain. Bounded, however long the chain is:
//! neighbours are joined when there are too many, and times within a stretch are then estimated.

use crate::log::link::Link;
use crate::verify::bulk::bulk;

/// Stretches that are kept of one partition.
const KEPT: usize = 256;

/// The times of the records of one link, or of neighbouring ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    first: i64,
    next: i64,
    from_ms: i64,
    until_ms: i64,
    /// When the newest of its links was sealed.
    sealed_ms: i64,
    records: u64,
}

/// Where most records of a partition lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// The earliest time.
    pub from_ms: i64,
    /// The latest time.
    pub until_ms: i64,
    /// The records of links that also have times outside, of which one or all are there.
    pub outside: u64,
}

/// The record times of one partition, by offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    stretches: Vec<Stretch>,
    /// The number of links that one stretch has; it doubles when there are too many stretches.
    width: usize,
    /// The links in the newest stretch.
    filled: usize,
}

impl Timeline {
    /// Adds the next link of the chain. One without records has no times.
    pub fn push(&mut self, link: &Link) {
        let Some((from_ms, until_ms)) = link.min_timestamp_ms.zip(link.max_timestamp_ms) else {
            return;
        };
        let stretch = Stretch {
            first: link.first_offset.0,
            next: link.next_offset.0,
            from_ms,
            until_ms,
            sealed_ms: link.sealed_at.unix().saturating_mul(1_000),
            records: link.record_count,
        };
        match self.stretches.last_mut() {
            // Where an epoch begins, offsets may start again from 0.
            Some(last) if self.filled < self.width && last.next <= stretch.first => {
                *last = last.and(&stretch);
                self.filled += 1;
            }
            _ => {
                self.stretches.push(stretch);
                self.filled = 1;
            }
        }
        if self.stretches.len() > KEPT {
            self.join_pairs();
        }
    }

    fn join_pairs(&mut self) {
        let mut joined: Vec<Stretch> = Vec::with_capacity(KEPT);
        let mut is_full = true;
        for stretch in std::mem::take(&mut self.stretches) {
            match joined.last_mut() {
                Some(last) if !is_full && last.next <= stretch.first => {
                    *last = last.and(&stretch);
                    is_full = true;
                }
                _ => {
                    joined.push(stretch);
                    is_full = false;
                }
            }
        }
        // A chain of which no two neighbours may be joined: the oldest epochs are forgotten.
        let excess = joined.len().saturating_sub(KEPT);
        joined.drain(..excess);
        self.stretches = joined;
        self.width = self.width.max(1) * 2;
        self.filled = self.width;
    }

    /// The earliest and the latest time.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let from = self.stretches.iter().map(|stretch| stretch.from_ms).min()?;
        let until = self.stretches.iter().map(|stretch| stretch.until_ms).max()?;
        Some((from, until))
    }

    /// Where most records lie in time; `None` without a time.
    #[must_use]
    pub fn bulk(&self) -> Option<Bulk> {
        let (from, until) = bulk(self.stretches.iter().flat_map(Stretch::weighted).collect())?;
        let is_inside = |ms: i64| (from..=until).contains(&ms);
        let times = || self.stretches.iter().flat_map(|of| [of.from_ms, of.until_ms]);
        let beyond = |of: &&Stretch| !is_inside(of.from_ms) || !is_inside(of.until_ms);
        Some(Bulk {
            // The times of seals only help to tell.
            from_ms: times().filter(|ms| is_inside(*ms)).min()?,
            until_ms: times().filter(|ms| is_inside(*ms)).max()?,
            outside: self.stretches.iter().filter(beyond).map(|of| of.records).sum(),
        })
    }

    /// The lowest and the highest offset, as `[first, next)`.
    #[must_use]
    pub fn offsets(&self) -> Option<(i64, i64)> {
        let first = self.stretches.iter().map(|stretch| stretch.first).min()?;
        let next = self.stretches.iter().map(|stretch| stretch.next).max()?;
        Some((first, next))
    }

    /// The times around the offsets `[first, next)`. Where no link has times for them, those of the records before and after;
    /// `None` where there is none on that side.
    #[must_use]
    pub fn around(&self, first: i64, next: i64) -> (Option<i64>, Option<i64>) {
        let last = next.saturating_sub(1).max(first);
        let from = match self.containing(first) {
            Some(stretch) => Some(stretch.time_of(first)),
            None => self.before(first).map(|stretch| stretch.until_ms),
        };
        let until = match self.containing(last) {
            Some(stretch) if next >= stretch.next => Some(stretch.until_ms),
            Some(stretch) => Some(stretch.time_of(last)),
            None => self.after(last).map(|stretch| stretch.from_ms),
        };
        (from, until.map(|until| until.max(from.unwrap_or(until))))
    }

    /// Where the first records after this offset begin.
    #[must_use]
    pub fn next_known(&self, offset: i64) -> Option<i64> {
        self.after(offset).map(|stretch| stretch.first)
    }

    fn containing(&self, offset: i64) -> Option<&Stretch> {
        let holds = |stretch: &&Stretch| (stretch.first..stretch.next).contains(&offset);
        self.stretches.iter().rev().find(holds)
    }

    fn before(&self, offset: i64) -> Option<&Stretch> {
        let below = self.stretches.iter().filter(|stretch| stretch.next <= offset);
        below.max_by_key(|stretch| stretch.next)
    }

    fn after(&self, offset: i64) -> Option<&Stretch> {
        let above = self.stretches.iter().filter(|stretch| stretch.first > offset);
        above.min_by_key(|stretch| stretch.first)
    }
}

impl Stretch {
    fn and(&self, next: &Stretch) -> Stretch {
        Stretch {
            first: self.first,
            next: next.next,
            from_ms: self.from_ms.min(next.from_ms),
            until_ms: self.until_ms.max(next.until_ms),
            sealed_ms: self.sealed_ms.max(next.sealed_ms),
            records: self.records.saturating_add(next.records),
        }
    }

    /// Its earliest and its latest time, and that of its seal, which counts as much as both: of a link with an absurd time, only that
    /// tells which of its times it is.
    fn weighted(&self) -> [(i64, u64); 4] {
        [self.from_ms, self.sealed_ms, self.sealed_ms, self.until_ms].map(|ms| (ms, self.records))
    }

    /// Records come about evenly within a stretch.
    fn time_of(&self, offset: i64) -> i64 {
        let wide = |from: i64, until: i64| i128::from(until) - i128::from(from);
        let share = wide(self.from_ms, self.until_ms) * wide(self.first, offset) / wide(self.first, self.next).max(1);
        i64::try_from(i128::from(self.from_ms) + share).unwrap_or(self.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stretches: &[(i64, i64, i64, i64)]) -> Timeline {
        let stretch = |&(first, next, from_ms, until_ms): &(i64, i64, i64, i64)| Stretch {
            first,
            next,
            from_ms,
            until_ms,
            sealed_ms: until_ms,
            records: next.abs_diff(first),
        };
        Timeline {
            stretches: stretches.iter().map(stretch).collect(),
            ..Timeline::default()
        }
    }

    #[test]
    fn offsets_without_times_lie_between_the_records_around_them() {
        let times = of(&[(0, 10, 1_000, 2_000), (20, 30, 5_000, 6_000)]);
        assert_eq!(times.around(0, 10), (Some(1_000), Some(2_000)));
        assert_eq!(times.around(10, 20), (Some(2_000), Some(5_000)));
        assert_eq!(times.around(5, 25), (Some(1_500), Some(5_400)));
        assert_eq!(times.around(30, 40), (Some(6_000), None));
        assert_eq!(Timeline::default().around(0, 10), (None, None));
        assert_eq!((times.span(), times.offsets()), (Some((1_000, 6_000)), Some((0, 30))));
    }

    #[test]
    fn one_absurd_time_is_outside_of_the_bulk_and_its_link_is_counted() {
        let day = 86_400_000;
        let mut times = of(&[
            (0, 10, day, 2 * day),
            (10, 17, day, 4_000_000 * day),
            (17, 30, 2 * day, 3 * day),
        ]);
        times.stretches[1].sealed_ms = 2 * day;
        let bulk = times.bulk().unwrap();
        assert_eq!((bulk.from_ms, bulk.until_ms, bulk.outside), (day, 3 * day, 7));
        assert_eq!(times.span(), Some((day, 4_000_000 * day)));
        // Alone, the time of its seal tells.
        times.stretches = vec![times.stretches[1]];
        let bulk = times.bulk().unwrap();
        assert_eq!((bulk.from_ms, bulk.until_ms, bulk.outside), (day, day, 7));
        assert_eq!(of(&[(0, 10, 0, day)]).bulk().unwrap().outside, 0);
        assert_eq!(Timeline::default().bulk(), None);
    }

    #[test]
    fn extreme_times_and_offsets_overflow_nothing() {
        let times = of(&[(0, i64::MAX, i64::MIN, i64::MAX)]);
        assert_eq!(times.around(0, i64::MAX).1, Some(i64::MAX));
        assert_eq!(times.around(i64::MAX - 1, i64::MAX).1, Some(i64::MAX));
        assert_eq!(times.around(i64::MIN, i64::MIN), (None, Some(i64::MIN)));
    }

    #[test]
    fn a_long_chain_and_one_of_many_epochs_keep_a_bounded_number() {
        let mut long = of(&[]);
        for first in 0..(KEPT as i64 + 1) {
            long.stretches
                .push(of(&[(first, first + 1, first, first)]).stretches[0]);
        }
        let mut epochs = of(&vec![(0, 10, 0, 10); KEPT + 1]);
        for times in [&mut long, &mut epochs] {
            times.join_pairs();
            assert!(times.stretches.len() <= KEPT, "{}", times.stretches.len());
        }
        assert_eq!(long.offsets(), Some((0, KEPT as i64 + 1)));
        assert_eq!(long.span(), Some((0, KEPT as i64)));
    }
}
