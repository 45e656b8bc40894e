//! The inside of JSON strings: where the next special byte is, what an escape stands for. Never a whole value.

/// How many bytes from the start on are neither a quote, nor a backslash, nor a control character.
///
/// Eight at a time: in `(x - 0x01…01) & !x & 0x80…80` the lowest bit set marks the first zero byte of x, and with 0x20…20 in
/// place of 0x01…01 the first byte below 0x20 (Warren, Hacker's Delight, section 6-1).
#[inline]
pub(super) fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let zero = |x: u64| x.wrapping_sub(ONES) & !x;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | control) & HIGH;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | 0..0x20);
    at + text[at..].iter().take_while(plain).count()
}

/// The character that an escape stands for, and its length behind the backslash. Nothing for an unknown escape or a lone
/// surrogate.
pub(super) fn escape(text: &[u8]) -> Option<(char, usize)> {
    let short = match text.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((short, 1))
}

fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let first = hex4(text.get(1..5)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        // A trailing surrogate alone is no char.
        return Some((char::from_u32(first)?, 5));
    }
    let second = match text.get(5..11)? {
        [b'\\', b'u', digits @ ..] => hex4(digits)?,
        _ => return None,
    };
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code)?, 11))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

/// Appends what the inside of a string stands for; the scan has read it before.
pub(super) fn unescape_into(inside: &[u8], unescaped: &mut String) {
    let mut rest = inside;
    while !rest.is_empty() {
        let (plain, escaped) = rest.split_at(memchr::memchr(b'\\', rest).unwrap_or(rest.len()));
        unescaped.push_str(&String::from_utf8_lossy(plain));
        let Some((char, length)) = escaped.get(1..).and_then(escape) else {
            return;
        };
        unescaped.push(char);
        rest = &escaped[1 + length..];
    }
}
