//! When an event says it happened, as a number to sort by. Never refuses an event: a time that cannot be read is none.

use crate::record::utc::days_from_civil;

/// Nanoseconds since the Unix epoch of `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]`, UTC where no zone is given; digits
/// beyond nanoseconds are cut off. None for any other text, and beyond what 64 bits hold (the years 1677 to 2262).
#[must_use]
pub fn nanoseconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date_and_time, rest) = bytes.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let marked = marks.iter().all(|(place, mark)| date_and_time[*place] == *mark);
    if !marked || !matches!(date_and_time[10], b' ' | b'T') {
        return None;
    }
    let part = |from: usize, to: usize| number(&date_and_time[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !in_range {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s(zone)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// The nanoseconds after the point, if there is one, and what follows them.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = digits.split_at(length);
    let kept = &digits[..length.min(9)];
    let missing = u32::try_from(9 - kept.len()).ok()?;
    Some((number(kept)? * 10_i64.pow(missing), zone))
}

fn offset_s(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        [] | b"Z" => return Some(0),
        [sign, h1, h2, b':', m1, m2] => (sign, number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    let offset = hours * 3600 + minutes * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    })
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
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2025-11-19",
            "2025-11-19 14:31",
            "2025-13-19 14:31:02",
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
        fn any_text_is_answered(text in ".{0,40}") {
            let _ = nanoseconds(&text);
        }
    }
}
