//! Times in stored text: RFC 3339 in UTC, whole seconds, with `Z`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::time::{civil_from_days, civil_seconds};

/// Whole seconds since the Unix epoch, UTC, within the years 0001–9999; printed as `2026-02-03T10:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcSeconds(i64);

/// The text is not a moment of the form `2026-02-03T10:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form 2026-02-03T10:15:00Z")]
pub struct NotUtcSeconds;

impl UtcSeconds {
    const MIN: i64 = -62_135_596_800;
    const MAX: i64 = 253_402_300_799;

    /// The moment `seconds` after the Unix epoch, clamped to the years 0001–9999.
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
        let exact = |text: &[u8]| match text.split_first_chunk::<19>() {
            Some((moment, b"Z")) if moment[10] == b'T' => civil_seconds(moment),
            _ => None,
        };
        // Readers of other languages know no year 0.
        exact(text.as_bytes())
            .filter(|seconds| *seconds >= Self::MIN)
            .map(UtcSeconds)
            .ok_or(NotUtcSeconds)
    }
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
    fn known_times_print_in_the_stored_form() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_770_113_700, "2026-02-03T10:15:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (UtcSeconds::MIN, "0001-01-01T00:00:00Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(UtcSeconds::from_unix(seconds).to_string(), text);
        }
    }

    #[test]
    fn any_other_form_is_refused() {
        for wrong in [
            "",
            "2026-02-03",
            "2026-02-03T10:15:00",
            "2026-02-03 10:15:00Z",
            "2026-02-30T10:15:00Z",
            "2026-02-29T10:15:00Z",
            "2026-04-31T10:15:00Z",
            "2026-00-03T10:15:00Z",
            "2026-02-03T10:15:00z",
            "2026-02-03T10:15:00ZZ",
            "2026-02-03T10-15-00Z",
            "2026-02-03T10:15:60Z",
            "2026-02-03T10:15:00.0Z",
            "+026-02-03T10:15:00Z",
            "2026-02-03T24:00:00Z",
            "0000-01-01T00:00:00Z",
            "0000-12-31T23:59:59Z",
        ] {
            assert_eq!(wrong.parse::<UtcSeconds>(), Err(NotUtcSeconds), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_time_reads_back(seconds in UtcSeconds::MIN..=UtcSeconds::MAX) {
            let moment = UtcSeconds::from_unix(seconds);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
