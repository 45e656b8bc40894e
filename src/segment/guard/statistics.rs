//! The statistics of the values as they are read. Query engines trust those of a file: a false one hides rows that a check of
//! the records alone would not miss.

use crate::segment::page_encoding::description::Statistics;
use crate::segment::schema::Physical;

/// The statistics of a column of numbers, with the offsets of the rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    nulls: i64,
    /// The smallest and the largest value.
    bounds: Option<((i64, i64), (i64, i64))>,
}

impl Seen {
    /// Takes values of consecutive rows, whose offsets are `offsets`.
    pub(crate) fn see(&mut self, values: impl Iterator<Item = Option<i64>>, offsets: impl Iterator<Item = i64>) {
        for (value, offset) in values.zip(offsets) {
            match (value, &mut self.bounds) {
                (None, _) => self.nulls += 1,
                (Some(value), None) => self.bounds = Some(((value, offset), (value, offset))),
                (Some(value), Some((min, _))) if value < min.0 => *min = (value, offset),
                (Some(value), Some((_, max))) if value > max.0 => *max = (value, offset),
                _ => {}
            }
        }
    }

    /// What is false of a chunk's statistics, and the offset of the row that they hide, if they hide one.
    pub(crate) fn contradicts(&self, claimed: &Statistics, physical: Physical) -> Option<(&'static str, Option<i64>)> {
        let bounds = self.bounds.map(|(min, max)| (min.0, max.0));
        if *claimed == Statistics::of_numbers(physical, self.nulls, bounds) {
            return None;
        }
        let claimed = claimed
            .bounds
            .as_ref()
            .map(|(least, greatest)| (number(least), number(greatest)));
        let hidden = self.bounds.zip(claimed).and_then(|((min, max), (least, greatest))| {
            let below = least.is_some_and(|least| min.0 < least).then_some(min.1);
            below.or_else(|| greatest.is_some_and(|greatest| max.0 > greatest).then_some(max.1))
        });
        let what = hidden.map_or(
            "a statistic is not that of the rows",
            |_| "a statistic hides an existing row",
        );
        Some((what, hidden))
    }
}

fn number(plain: &[u8]) -> Option<i64> {
    match plain.len() {
        4 => Some(i32::from_le_bytes(plain.try_into().ok()?).into()),
        8 => Some(i64::from_le_bytes(plain.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bounds: Option<(i64, i64)>, nulls: i64, values: &[Option<i64>]) -> Option<(&'static str, Option<i64>)> {
        let mut seen = Seen::default();
        let (before, after) = values.split_at(values.len() / 2);
        seen.see(before.iter().copied(), 100..);
        seen.see(after.iter().copied(), 100 + before.len() as i64..);
        seen.contradicts(&Statistics::of_numbers(Physical::Int32, nulls, bounds), Physical::Int32)
    }

    #[test]
    fn true_statistics_pass_and_false_ones_do_not() {
        let values = [Some(-5), None, Some(7), Some(-5)];
        assert_eq!(verdict(Some((-5, 7)), 1, &values), None);
        let hides = |offset| Some(("a statistic hides an existing row", Some(offset)));
        assert_eq!(verdict(Some((-4, 7)), 1, &values), hides(100));
        assert_eq!(verdict(Some((-5, 6)), 1, &values), hides(102));
        for (bounds, nulls) in [
            (Some((-6, 7)), 1),
            (Some((-5, 8)), 1),
            (None, 1),
            (Some((-5, 7)), 0),
            (Some((-5, 7)), -1),
        ] {
            assert!(verdict(bounds, nulls, &values).is_some(), "{bounds:?} {nulls}");
        }
        assert_eq!(verdict(None, 2, &[None, None]), None);
        assert!(verdict(Some((0, 0)), 2, &[None, None]).is_some());
    }

    #[test]
    fn a_bound_of_another_width_is_false() {
        let mut seen = Seen::default();
        seen.see([Some(3)].into_iter(), 0..);
        let wide = Statistics::of_numbers(Physical::Int64, 0, Some((3, 3)));
        assert!(seen.contradicts(&wide, Physical::Int32).is_some());
    }
}
