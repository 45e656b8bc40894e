//! A moment as stored text has it: RFC 3339, UTC, whole seconds, `Z`. Never a clock: it comes in as a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole seconds since the Unix epoch, UTC, within the years 0000–9999; shown as `2026-02-03T10:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcSeconds(i64);

/// The text is not a moment of the form `2026-02-03T10:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form 2026-02-03T10:15:00Z")]
pub struct NotUtcSeconds;

impl UtcSeconds {
    const MIN: i64 = -62_167_219_200;
    const MAX: i64 = 253_402_300_799;

    /// The moment `seconds` after the Unix epoch, clamped to the years 0000–9999.
    #[must_use]
    pub fn from_unix(seconds: i64) -> UtcSeconds {
        UtcSeconds(seconds.clamp(Self::MIN, Self::MAX))
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UtcSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for UtcSeconds {
    type Err = NotUtcSeconds;

    fn from_str(text: &str) -> Result<UtcSeconds, NotUtcSeconds> {
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let parsed = (|| {
            let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?);
            Some(UtcSeconds(
                days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?,
            ))
        })()
        .ok_or(NotUtcSeconds)?;
        // Whatever the arithmetic forgave (a 31st of June, second 60, other separators) does not print the same again.
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(NotUtcSeconds)
        }
    }
}

/// Proleptic Gregorian calendar; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The year, month and day of that many days since the Unix epoch.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * month_shifted + 2) / 5 + 1)
}

impl Serialize for UtcSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UtcSeconds, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_print_as_the_format_says() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_770_113_700, "2026-02-03T10:15:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
        ] {
            assert_eq!(UtcSeconds::from_unix(seconds).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_exactly_that_form_is_refused() {
        for wrong in [
            "",
            "2026-02-03",
            "2026-02-03T10:15:00",
            "2026-02-03 10:15:00Z",
            "2026-02-30T10:15:00Z",
            "2026-02-03T10:15:60Z",
            "2026-02-03T10:15:00.0Z",
            "+026-02-03T10:15:00Z",
            "2026-02-03T24:00:00Z",
        ] {
            assert_eq!(wrong.parse::<UtcSeconds>(), Err(NotUtcSeconds), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(seconds in UtcSeconds::MIN..=UtcSeconds::MAX) {
            let moment = UtcSeconds::from_unix(seconds);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
