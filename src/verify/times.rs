//! Record times in findings, such as `2026-02-03T10:15:00.250Z`.

use crate::record::utc::UtcSeconds;

/// A time in ms since the Unix epoch, as text.
#[must_use]
pub fn time(ms: i64) -> String {
    let seconds = UtcSeconds::from_unix(ms.div_euclid(1000)).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), ms.rem_euclid(1000))
}

/// The earlier of two times, of which either may be unknown. The later one is their `max`, which takes `None` for the least.
#[must_use]
pub fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// The earliest and the latest time of some records, as text.
#[must_use]
pub fn times(earliest_and_latest_ms: Option<(i64, i64)>) -> String {
    match earliest_and_latest_ms {
        Some((earliest, latest)) => format!("{} to {}", time(earliest), time(latest)),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_before_1970_too() {
        assert_eq!(time(1_770_113_700_250), "2026-02-03T10:15:00.250Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(times(None), "none");
    }
}
