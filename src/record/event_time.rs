//! The time of an event as a number to sort by: `kivend ingest --sort` orders by it, and nothing else uses it.

use crate::record::time;

/// Nanoseconds since the Unix epoch of `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]`, UTC where no zone is given; digits
/// beyond nanoseconds are cut off. None for any other text, and beyond what 64 bits hold (the years 1677 to 2262).
#[must_use]
pub fn nanoseconds(text: &str) -> Option<i64> {
    let (seconds, nanoseconds) = time::parse::<9>(text.as_bytes())?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_in_several_forms_are_the_same_moment() {
        for (text, expected) in [
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00.000000001", 1),
            ("1970-01-01 00:00:00.5", 500_000_000),
            ("1970-01-01T01:30:00.25+01:30", 250_000_000),
            ("1969-12-31T22:59:59-01:00", -1_000_000_000),
            ("2025-11-19 14:31:02.594554442", 1_763_562_662_594_554_442),
            ("2025-11-19 14:31:02.5945544429999", 1_763_562_662_594_554_442),
        ] {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_and_days_that_do_not_exist_have_no_time() {
        for text in [
            "",
            "2025-11-19",
            "2025-11-19 14:31",
            "2025-13-19 14:31:02",
            "2025-02-31 14:31:02",
            "2025-11-31 14:31:02",
            "2025-11-00 14:31:02",
            "2025-11-19 24:31:02",
            "2025-11-19x14:31:02",
            "2025-11-19 14:31:02.",
            "2025-11-19 14:31:02 ",
            "2025-11-19 14:31:02+24:00",
            "2025-11-19 14:31:02+1:00",
            "0001-01-01 00:00:00",
            "20é5-11-19 14:31:0",
            "2025-11-19 14:31:0é",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = nanoseconds(&text);
        }
    }
}
