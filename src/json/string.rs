//! Strings of a JSON text: finding the end, and decoding escapes that the parser has checked.

use std::borrow::Cow;

/// A string as written in the text, checked but not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    quoted: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    #[inline]
    pub(crate) fn new(quoted: &'a str, escaped: bool) -> Text<'a> {
        Text { quoted, escaped }
    }

    /// The string with its quotation marks.
    #[must_use]
    pub fn quoted(self) -> &'a str {
        self.quoted
    }

    /// The text between the quotation marks.
    #[inline]
    pub(crate) fn raw(self) -> &'a str {
        let end = self.quoted.len().saturating_sub(1);
        self.quoted.get(1..end).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn is_escaped(self) -> bool {
        self.escaped
    }

    /// The content; copied only if it has escapes.
    #[inline]
    #[must_use]
    pub fn decoded(self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(decode(self.raw()))
        } else {
            Cow::Borrowed(self.raw())
        }
    }

    /// Whether the decoded content is `other`.
    #[inline]
    #[must_use]
    pub fn is(self, other: &str) -> bool {
        if self.escaped {
            decode(self.raw()) == other
        } else {
            self.raw() == other
        }
    }
}

/// The number of bytes before the first quotation mark, backslash or control character, or the end; eight at a time.
#[inline]
pub(crate) fn next_special(bytes: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte of the result says that this byte of `word` is zero. A borrow reaches only bytes after a
    // zero byte, so the first set bit is right; the same holds for "less than 0x20".
    let zero = |word: u64| word.wrapping_sub(LOW) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = zero(word ^ (LOW * u64::from(b'"')));
        let backslash = zero(word ^ (LOW * u64::from(b'\\')));
        let control = word.wrapping_sub(LOW * 0x20) & !word;
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// Decodes a checked string.
fn decode(raw: &str) -> String {
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        decoded.push_str(plain);
        let (character, length) = decode_escape(escape);
        decoded.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// The character of an escape, and the escape's length without its backslash.
fn decode_escape(escape: &str) -> (char, usize) {
    let unit = |from: usize| {
        let digits = escape.get(from..from + 4).unwrap_or_default();
        u32::from_str_radix(digits, 16).unwrap_or_default()
    };
    match escape.as_bytes().first() {
        Some(b'u') => match unit(1) {
            high @ 0xd800..=0xdbff => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (unit(7) & 0x3ff);
                (char::from_u32(code).unwrap_or_default(), 11)
            }
            code => (char::from_u32(code).unwrap_or_default(), 5),
        },
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'n') => ('\n', 1),
        Some(b'r') => ('\r', 1),
        Some(b't') => ('\t', 1),
        Some(other) => (char::from(*other), 1),
        None => ('\\', 0),
    }
}
