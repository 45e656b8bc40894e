//! The values of `timestamp_us` columns (FORMAT.md section 7.4): times in events as microseconds since the epoch. Other
//! readers must accept exactly the same texts, so the form stays small and strict.

use crate::record::time;

/// Microseconds since the Unix epoch of `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]`, years 0001–9999; UTC where no zone
/// is given, digits beyond microseconds cut off. None for any other text.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (seconds, microseconds) = time::parse::<6>(text)?;
    (!text.starts_with(b"0000")).then_some(seconds * 1_000_000 + microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_form_read_as_microseconds() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00", 0),
            ("2025-11-19 14:31:02.594554442", 1_763_562_662_594_554),
            ("2025-11-19T14:31:02.5+01:00", 1_763_559_062_500_000),
            ("2025-11-19T14:31:02-00:30", 1_763_564_462_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("1969-12-31T23:59:59.9", -100_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("1970-01-01T00:00:00-00:00", 0),
            ("1970-01-01T00:00:00.0000000000000000000000000000000001Z", 0),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(micros), "{text}");
        }
    }

    #[test]
    fn forms_that_a_lenient_reader_accepts_are_refused() {
        for text in [
            "",
            "2025-11-19",
            "2025-11-19T14:31",
            "2025-11-19t14:31:02Z",
            "2025-11-19T14:31:02z",
            "2025-11-19T14:31:02 Z",
            "2025-11-19T14:31:02.",
            "2025-11-19T14:31:02.Z",
            "2025-11-19T14:31:02,5Z",
            "2025-11-19T14:31:02+0100",
            "2025-11-19T14:31:02+01",
            "2025-11-19T14:31:02+24:00",
            "2025-11-19T14:31:02+01:60",
            "2025-11-19T14:31:02Z ",
            " 2025-11-19T14:31:02Z",
            "2025-11-19T24:00:00Z",
            "2025-11-19T14:60:00Z",
            "2025-11-19T14:31:60Z",
            "2025-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2025-04-31T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "+2025-01-01T00:00:00Z",
            "2025-1-01T00:00:00Z0",
            "2025-11-19T14:31:0\u{0662}Z",
            "２025-11-19T14:31:02Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
