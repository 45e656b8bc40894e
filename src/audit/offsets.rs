//! Sets of offsets as ranges: what a sink and Kafka hold are few ranges, whatever the number of records.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetSet(BTreeMap<i64, i64>);

impl OffsetSet {
    /// Whether the offset is in the set.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let before = self.0.range(..=offset).next_back();
        before.is_some_and(|(_, end)| offset < *end)
    }

    /// Adds an offset, which is below `i64::MAX`.
    pub fn insert(&mut self, offset: i64) {
        self.insert_range(offset..offset.saturating_add(1));
    }

    /// Adds a range.
    pub fn insert_range(&mut self, range: Range<i64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((first, last)) = self.touching(start, end) {
            if (first, last) == (start, end) {
                return;
            }
            self.0.remove(&first);
            (start, end) = (start.min(first), end.max(last));
        }
        self.0.insert(start, end);
    }

    /// A range of the set that overlaps this one or is next to it.
    fn touching(&self, start: i64, end: i64) -> Option<(i64, i64)> {
        let (first, last) = self.0.range(..=end).next_back()?;
        (*last >= start).then_some((*first, *last))
    }

    /// Whether it has no offset.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of offsets.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.iter().map(|range| range.end.abs_diff(range.start)).sum()
    }

    /// The number of ranges, which memory depends on.
    #[must_use]
    pub fn range_count(&self) -> usize {
        self.0.len()
    }

    /// The offset after the last one.
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.0.last_key_value().map(|(_, end)| *end)
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range<i64>> {
        self.0.iter().map(|(start, end)| *start..*end)
    }

    /// The offsets of this set that are not in the other.
    #[must_use]
    pub fn minus(&self, other: &OffsetSet) -> OffsetSet {
        let mut left = OffsetSet::default();
        for range in self.iter() {
            let mut start = range.start;
            let first = other.0.range(..=start).next_back().map_or(start, |(first, _)| *first);
            for (cut, end) in other.0.range(first..range.end) {
                left.insert_range(start..(*cut).min(range.end));
                start = start.max(*end);
            }
            left.insert_range(start..range.end);
        }
        left
    }

    /// The offsets that are in the range too.
    #[must_use]
    pub fn within(&self, range: &Range<i64>) -> OffsetSet {
        let first = self.0.range(..=range.start).next_back();
        let first = first.map_or(range.start, |(first, _)| *first);
        let mut found = OffsetSet::default();
        if first < range.end {
            for (start, end) in self.0.range(first..range.end) {
                found.insert_range((*start).max(range.start)..(*end).min(range.end));
            }
        }
        found
    }
}

impl FromIterator<Range<i64>> for OffsetSet {
    fn from_iter<I: IntoIterator<Item = Range<i64>>>(ranges: I) -> OffsetSet {
        let mut set = OffsetSet::default();
        ranges.into_iter().for_each(|range| set.insert_range(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<Range<i64>>> {
        prop::collection::vec(
            (0i64..60, 0i64..8).prop_map(|(start, length)| start..start + length),
            0..20,
        )
    }

    fn offsets(ranges: impl IntoIterator<Item = Range<i64>>) -> BTreeSet<i64> {
        ranges.into_iter().flatten().collect()
    }

    proptest! {
        #[test]
        fn a_set_is_the_set_of_its_offsets(one in ranges(), other in ranges(), within in (0i64..60, 0i64..60)) {
            let (a, b): (OffsetSet, OffsetSet) = (one.iter().cloned().collect(), other.iter().cloned().collect());
            let (plain_a, plain_b) = (offsets(one), offsets(other));
            prop_assert_eq!(offsets(a.iter()), plain_a.clone());
            prop_assert_eq!(a.len(), plain_a.len() as u64);
            prop_assert_eq!(a.end(), plain_a.last().map(|last| last + 1));
            prop_assert!((0..70).all(|offset| a.contains(offset) == plain_a.contains(&offset)));
            prop_assert_eq!(offsets(a.minus(&b).iter()), &plain_a - &plain_b);
            let range = within.0..within.1;
            let inside = plain_a.iter().copied().filter(|offset| range.contains(offset)).collect();
            prop_assert_eq!(offsets(a.within(&range).iter()), inside);
        }

        #[test]
        fn neighbouring_ranges_are_one(one in ranges()) {
            let set: OffsetSet = one.into_iter().collect();
            let all: Vec<_> = set.iter().collect();
            prop_assert!(all.windows(2).all(|two| two[0].end < two[1].start));
        }
    }
}
