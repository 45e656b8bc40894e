//! Where most of some times lie. Producers may set any time, and one absurd one must not stretch the scale of a picture.

/// How many times the distance between the quartiles a time may be away from them.
const WIDTHS: i128 = 8;
/// The least distance from the quartiles at which a time is outside: a day.
const LEAST_MS: i128 = 86_400_000;

/// The earliest and the latest of these times, each with a weight, that are not far from where most of the weight is: not beyond
/// eight times the distance between the quartiles, nor a day, from the nearer quartile. `None` without weight.
#[must_use]
pub fn bulk(mut times: Vec<(i64, u64)>) -> Option<(i64, i64)> {
    times.retain(|(_, weight)| *weight > 0);
    times.sort_unstable();
    let total: u128 = times.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let quartile = |number: u128| {
        let mut below = 0;
        let reached = times.iter().find(|(_, weight)| {
            below += u128::from(*weight);
            below * 4 >= total * number
        });
        reached.map(|(time, _)| i128::from(*time))
    };
    let (first, third) = (quartile(1)?, quartile(3)?);
    let reach = ((third - first) * WIDTHS).max(LEAST_MS);
    let is_inside = |time: &i64| (first - reach..=third + reach).contains(&i128::from(*time));
    let mut inside = times.iter().map(|(time, _)| *time).filter(is_inside);
    let from = inside.next()?;
    Some((from, inside.next_back().unwrap_or(from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_time_far_from_the_others_is_outside_and_a_long_history_is_not() {
        let week: Vec<(i64, u64)> = (0..7).map(|day| (day * DAY, 10)).collect();
        assert_eq!(bulk(week.clone()), Some((0, 6 * DAY)));
        for absurd in [i64::MIN, -20_000 * DAY, 3_000_000 * DAY, i64::MAX] {
            let mut with = week.clone();
            with.push((absurd, 10));
            assert_eq!(bulk(with), Some((0, 6 * DAY)), "{absurd}");
        }
        let years: Vec<(i64, u64)> = (0..10).map(|year| (year * 365 * DAY, 1)).collect();
        assert_eq!(bulk(years), Some((0, 9 * 365 * DAY)));
        assert_eq!(bulk(vec![(5, 0)]), None);
        assert_eq!(bulk(vec![(5, 1)]), Some((5, 5)));
    }
}
