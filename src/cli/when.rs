//! A time as users write it: `2026-02-03`, `2026-02-03T10:15:00Z`, or `24h` for that long ago. A date is midnight UTC.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::config::Span;

/// A time, absolute or relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    At(Timestamp),
    Ago(Span),
}

impl When {
    /// The time, given the current time.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(moment) => moment,
            When::Ago(span) => {
                let ago = SignedDuration::try_from(span.0).unwrap_or(SignedDuration::MAX);
                now.saturating_sub(ago).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Ok(span) = text.parse::<Span>() {
            return Ok(When::Ago(span));
        }
        let midnight = || {
            text.parse::<Date>()
                .ok()
                .filter(|_| text.len() == 10)
                .map(|_| format!("{text}T00:00:00Z"))
        };
        let moment = text.parse::<Timestamp>().ok().or_else(|| midnight()?.parse().ok());
        moment.map(When::At).ok_or_else(|| {
            "expected 2026-02-03, 2026-02-03T10:15:00Z, or a duration such as 24h for that long ago".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_timestamps_or_durations_back_from_now() {
        let now: Timestamp = "2026-02-03T10:15:00Z".parse().unwrap();
        let resolved = |text: &str| text.parse::<When>().unwrap().resolve(now).to_string();
        assert_eq!(resolved("2026-02-01"), "2026-02-01T00:00:00Z");
        assert_eq!(resolved("2026-02-01T12:00:00+01:00"), "2026-02-01T11:00:00Z");
        assert_eq!(resolved("24h"), "2026-02-02T10:15:00Z");
        for wrong in ["", "yesterday", "2026-02-30", "2026-02-01T12:00:00", "24"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
