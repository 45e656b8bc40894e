//! Whole numbers as arguments, with a message that says what one looks like.

use std::str::FromStr;

/// A whole number of this type.
///
/// # Errors
/// A sentence for people who wrote `ten` or `1e6`.
pub fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            "the number is too large or too small".to_owned()
        } else {
            "expected a whole number in digits, such as 1000000".to_owned()
        }
    })
}

/// A whole number of this type from 0 on.
///
/// # Errors
/// As [`whole`].
pub fn natural<N: FromStr + Default + PartialOrd>(text: &str) -> Result<N, String> {
    match whole(text) {
        Ok(number) if number < N::default() => Err("expected a number from 0 on".to_owned()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn what_is_no_whole_number_is_refused_with_an_example() {
        assert_eq!(whole::<u64>("1000"), Ok(1000));
        for wrong in ["ten", "1e6", "1,000", "", "1.5", "-1"] {
            assert!(whole::<u64>(wrong).unwrap_err().contains("1000000"), "{wrong}");
        }
        assert!(whole::<u64>("99999999999999999999").unwrap_err().contains("too large"));
        assert!(whole::<NonZeroU32>("0").unwrap_err().contains("too small"));
        assert_eq!(natural::<i64>("2500"), Ok(2500));
        assert!(natural::<i32>("-1").is_err());
    }
}
