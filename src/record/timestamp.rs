//! Reads the times that stand in events: `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]` as microseconds since the epoch.
//! Exactly that form and nothing lenient: what an auditor's own reader must agree on is kept small. Never a clock.

use crate::record::utc::days_from_civil;

/// Microseconds since the Unix epoch; UTC where no zone is given, digits beyond microseconds cut off.
/// Years 0001–9999, hours 00–23, minutes and seconds 00–59, offsets up to ±23:59.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (moment, rest) = text.split_first_chunk::<19>()?;
    let seconds = civil_seconds(moment)?;
    let (micros, rest) = fraction(rest)?;
    let offset_minutes = zone(rest)?;
    Some((seconds - offset_minutes * 60) * 1_000_000 + micros)
}

fn civil_seconds(text: &[u8; 19]) -> Option<i64> {
    let separated = text[4] == b'-' && text[7] == b'-' && text[13] == b':' && text[16] == b':';
    if !separated || !matches!(text[10], b'T' | b' ') {
        return None;
    }
    let year = two_digits(text, 0)? * 100 + two_digits(text, 2)?;
    let (month, day) = (two_digits(text, 5)?, two_digits(text, 8)?);
    let (hour, minute, second) = (two_digits(text, 11)?, two_digits(text, 14)?, two_digits(text, 17)?);
    if year == 0 || day == 0 || day > days_in_month(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// The fraction in microseconds, and what follows it. A dot without a digit is none.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let scaled = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some((
        scaled.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')),
        rest,
    ))
}

/// Minutes east of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    match text {
        b"" | b"Z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two_digits(text, 1)?, two_digits(text, 4)?);
            let offset = hours * 60 + minutes;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn two_digits(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
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
    fn whatever_else_a_reader_might_forgive_is_no_time() {
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
