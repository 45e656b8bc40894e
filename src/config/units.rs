//! Durations and sizes: `90s 5m 24h 7d`, `64MiB 1MB`. Parsed strictly: `5M` for five minutes must be an error. Printed in
//! the largest unit that divides exactly.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time: digits and one of `ms s m h d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes: digits and one of `B KB MB GB` (powers of 1000) or `KiB MiB GiB` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The text is not a duration or not a size; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A duration without a unit.
    #[error("a duration needs a unit, one of ms s m h d: write {0}s for {0} seconds")]
    DurationWithoutUnit(String),
    /// A size without a unit.
    #[error("a size needs a unit, one of B KB MB GB KiB MiB GiB: write {0}B for {0} bytes")]
    SizeWithoutUnit(String),
    /// Not a duration.
    #[error("`{0}` is not a duration, write digits and one of ms s m h d, such as 90s or 24h")]
    Duration(String),
    /// Not a size.
    #[error("`{0}` is not a size, write digits and one of B KB MB GB KiB MiB GiB, such as 64MiB")]
    Size(String),
}

const SPAN_UNITS_MS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZE_UNITS_BYTES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Whether the text is a number alone.
fn is_bare_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads `<digits><unit>`; white space is an error.
fn parse_units(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Prints `amount` in the largest unit of which it is a whole multiple.
fn print_units(amount: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = units
        .iter()
        .find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor));
    match whole {
        Some((unit, factor)) => write!(f, "{}{unit}", amount / factor),
        None => write!(f, "{amount}{}", units.last().map_or("", |(unit, _)| unit)),
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Span, UnitError> {
        if is_bare_number(text) {
            return Err(UnitError::DurationWithoutUnit(text.to_owned()));
        }
        let milliseconds = parse_units(text, &SPAN_UNITS_MS).ok_or_else(|| UnitError::Duration(text.to_owned()))?;
        Ok(Span(Duration::from_millis(milliseconds)))
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Size, UnitError> {
        if is_bare_number(text) {
            return Err(UnitError::SizeWithoutUnit(text.to_owned()));
        }
        parse_units(text, &SIZE_UNITS_BYTES)
            .map(Size)
            .ok_or_else(|| UnitError::Size(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_units(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &SPAN_UNITS_MS, f)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_units(self.0, &SIZE_UNITS_BYTES, f)
    }
}

/// A text, or a number without a unit, which the parser refuses with what to write instead.
struct Written<P>(P);

impl<T, P: Fn(&str) -> Result<T, UnitError>> Visitor<'_> for Written<P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text with a number and a unit")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

macro_rules! serde_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_any(Written(|text: &str| text.parse::<$name>()))
            }
        }
    };
}

serde_as_text!(Span);
serde_as_text!(Size);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_in_each_unit() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))));
        }
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
    }

    #[test]
    fn sizes_distinguish_powers_of_1000_and_of_1024() {
        for (text, bytes) in [("1MB", 1_000_000), ("64MiB", 67_108_864), ("16KiB", 16_384), ("7B", 7)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
    }

    #[test]
    fn ambiguous_texts_are_refused() {
        for wrong in [
            "",
            "5",
            "5M",
            "5 m",
            "-5m",
            "1h30m",
            "1.5h",
            "m",
            "5min",
            "99999999999999999999s",
            "+5s",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "1",
            "1mb",
            "1M",
            "1 MiB",
            "-1B",
            "1.5GiB",
            "MiB",
            "99999999999GiB",
            "1kB",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_what_to_write() {
        let span = "30".parse::<Span>().unwrap_err().to_string();
        assert!(span.contains("write 30s for 30 seconds"), "{span}");
        let size = "67108864".parse::<Size>().unwrap_err().to_string();
        assert!(size.contains("write 67108864B"), "{size}");
    }

    proptest! {
        #[test]
        fn every_size_and_duration_reads_back_as_printed(amount in 0..u64::MAX) {
            prop_assert_eq!(Size(amount).to_string().parse(), Ok(Size(amount)));
            let span = Span(Duration::from_millis(amount));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
