//! Dates and times of day in the proleptic Gregorian calendar, and the one parser of their written form. The callers
//! choose the resolution and the range: [`crate::record::timestamp`], [`crate::record::event_time`] and
//! [`crate::record::utc`].

/// Reads `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]`, UTC where no zone is given, as whole seconds since the Unix epoch
/// and a fraction in units of 10^-`DIGITS` s; further digits are cut off.
///
/// Years 0000–9999, days that the month has, hours 00–23, minutes and seconds 00–59, offsets up to ±23:59. None for
/// any other text.
#[inline]
pub(crate) fn parse<const DIGITS: usize>(text: &[u8]) -> Option<(i64, i64)> {
    let (moment, rest) = text.split_first_chunk::<19>()?;
    let seconds = civil_seconds(moment)?;
    let (fraction, rest) = fraction::<DIGITS>(rest)?;
    let offset_minutes = zone(rest)?;
    Some((seconds - offset_minutes * 60, fraction))
}

/// Seconds since the Unix epoch of `YYYY-MM-DD[T ]hh:mm:ss`, taken as UTC.
#[inline]
pub(crate) fn civil_seconds(text: &[u8; 19]) -> Option<i64> {
    let separated = text[4] == b'-' && text[7] == b'-' && text[13] == b':' && text[16] == b':';
    if !separated || !matches!(text[10], b'T' | b' ') {
        return None;
    }
    let year = two_digits(text, 0)? * 100 + two_digits(text, 2)?;
    let (month, day) = (two_digits(text, 5)?, two_digits(text, 8)?);
    let (hour, minute, second) = (two_digits(text, 11)?, two_digits(text, 14)?, two_digits(text, 17)?);
    if day == 0 || day > days_in_month(year, month)? || hour > 23 || minute > 59 || second > 59 {
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

/// The fraction after the point, 0 without a point, and the text after it. None for a point without a digit.
fn fraction<const DIGITS: usize>(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let scaled = digits.iter().chain(std::iter::repeat(&b'0')).take(DIGITS);
    Some((
        scaled.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')),
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

/// Days since the Unix epoch; the date must exist. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The year, month and day of that many days since the Unix epoch; the inverse of `days_from_civil`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_reads_back_and_the_day_after_each_month_does_not() {
        let first = days_from_civil(0, 1, 1);
        let last = days_from_civil(9999, 12, 31);
        for days in first..=last {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            let length = days_in_month(year, month).unwrap();
            assert!((1..=length).contains(&day), "{year}-{month}-{day}");
            let (_, next_month, _) = civil_from_days(days + 1);
            assert_eq!(day == length, next_month != month, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn only_days_that_exist_are_read() {
        for (text, exists) in [
            (b"2025-02-28 00:00:00", true),
            (b"2025-02-29 00:00:00", false),
            (b"2024-02-29 00:00:00", true),
            (b"2025-02-31 00:00:00", false),
            (b"2025-04-31 00:00:00", false),
            (b"0000-02-29 00:00:00", true),
            (b"1900-02-29 00:00:00", false),
        ] {
            assert_eq!(civil_seconds(text).is_some(), exists, "{}", text.escape_ascii());
        }
    }
}
