//! A strict reader of JSON text that builds no tree: it checks the whole text and shows the members of the outermost
//! object as slices of it. Events pass here by the million, and each needs two or three of its members.
//!
//! JSON is RFC 8259, narrowed as the archive format has it: repeated names at any depth, lone surrogates, a byte order
//! mark and more than 127 objects and arrays open at once are refused. Never panics, never allocates more than the
//! names of the objects open, and reads every byte a bounded number of times whatever the text.

mod shape;

use std::borrow::Cow;

use shape::{Mark, Shape};

/// Objects and arrays that may be open at once.
pub const DEPTH_MAX: usize = 127;

/// Objects of more names than this are checked for repetition once, at their end, by sorting.
const NAMES_COMPARED_DIRECTLY: usize = 32;

/// What is wrong with the text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte={at}")]
pub struct NotJson {
    /// The rule that was broken.
    pub what: &'static str,
    /// Offset in bytes from the start of the text.
    pub at: usize,
}

/// What stood in the outermost place of a valid text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outermost {
    /// An object: its members were shown.
    Object,
    /// A valid value of another kind: nothing was shown.
    Other,
}

/// A string as it stands between its quotation marks, checked but not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The literal.
    Number(&'a str),
    /// The string.
    String(Text<'a>),
    /// From `[` to `]`.
    Array(&'a str),
    /// From `{` to `}`.
    Object(&'a str),
}

/// Reads texts one after the other. It keeps between them the room for names and the last [`Shape`], which make it
/// fast and change no answer.
#[derive(Debug, Default)]
pub struct Reader {
    names: Vec<Name>,
    marks: Vec<Mark>,
    shape: Shape,
}

/// A name of an object that is still open: where it stands, and enough of it to tell most others apart.
#[derive(Debug, Clone, Copy)]
struct Name {
    print: u32,
    start: usize,
    end: usize,
    escaped: bool,
}

impl Reader {
    /// Checks the whole of `text`, showing each member of the outermost object to `visit`.
    ///
    /// Members are shown as they are met, in order; some may be shown twice, with the same value. When the answer is an
    /// error, what was shown before counts for nothing.
    ///
    /// # Errors
    /// [`NotJson`] with the first rule that was broken.
    pub fn read<'a>(
        &mut self,
        text: &'a str,
        mut visit: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<Outermost, NotJson> {
        self.names.clear();
        self.marks.clear();
        let mut cursor = Cursor {
            text,
            bytes: text.as_bytes(),
            at: 0,
            names: &mut self.names,
            marks: &mut self.marks,
        };
        if cursor.read_in_shape(&self.shape, &mut visit) {
            return Ok(Outermost::Object);
        }
        cursor.at = 0;
        let outermost = cursor.read_all(&mut visit)?;
        if outermost == Outermost::Object {
            self.shape.learn(text, &self.marks);
        }
        Ok(outermost)
    }
}

impl<'a> Text<'a> {
    /// The string's content; it is copied only where it holds escapes.
    #[must_use]
    pub fn decoded(self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(decode(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Whether the content is `other`.
    #[must_use]
    pub fn is(self, other: &str) -> bool {
        if self.escaped {
            decode(self.raw) == other
        } else {
            self.raw == other
        }
    }
}

struct Cursor<'a, 'n> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    names: &'n mut Vec<Name>,
    /// Of the outermost object's members.
    marks: &'n mut Vec<Mark>,
}

impl<'a> Cursor<'a, '_> {
    fn read_all(&mut self, visit: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<Outermost, NotJson> {
        self.skip_white_space();
        let outermost = if self.peek() == Some(b'{') {
            self.object(1, visit)?;
            Outermost::Object
        } else {
            self.value(0)?;
            Outermost::Other
        };
        self.skip_white_space();
        match self.peek() {
            None => Ok(outermost),
            Some(_) => Err(self.error("text after the value")),
        }
    }

    /// Reads a text that is like the last one but for its values; false if it is not.
    fn read_in_shape(&mut self, shape: &Shape, visit: &mut impl FnMut(Text<'a>, Value<'a>)) -> bool {
        for member in shape.members() {
            let Some(name) = member.name_in(self.text, self.at) else {
                return false;
            };
            self.at += member.lead().len();
            let Ok(value) = self.value(1) else {
                return false;
            };
            visit(name, value);
        }
        shape.is_end(&self.bytes[self.at..])
    }

    fn error(&self, what: &'static str) -> NotJson {
        NotJson { what, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), NotJson> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.error(what))
        }
    }

    /// The text since `start`, which was a character boundary, as is every place where a token ends.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// `depth`: objects and arrays open around the value.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, NotJson> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Ok(Value::Number(self.since(start)))
            }
            Some(b'{') => {
                self.object(depth + 1, &mut |_, _| ())?;
                Ok(Value::Object(self.since(start)))
            }
            Some(b'[') => {
                self.array(depth + 1)?;
                Ok(Value::Array(self.since(start)))
            }
            _ => Err(self.error("no value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, NotJson> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("no value"))
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), NotJson> {
        if depth > DEPTH_MAX {
            return Err(self.error("too many open objects and arrays"));
        }
        self.at += 1;
        self.skip_white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_white_space();
            self.value(depth)?;
            self.skip_white_space();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(());
            }
            self.expect(b',', "neither comma nor end of the array")?;
        }
    }

    fn object(&mut self, depth: usize, visit: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<(), NotJson> {
        if depth > DEPTH_MAX {
            return Err(self.error("too many open objects and arrays"));
        }
        let outer_names = self.names.len();
        self.at += 1;
        self.skip_white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_white_space();
            let name = self.name(outer_names)?;
            self.skip_white_space();
            self.expect(b':', "no colon after a name")?;
            self.skip_white_space();
            let value_start = self.at;
            let value = self.value(depth)?;
            if depth == 1 {
                self.mark(value_start);
            }
            visit(name, value);
            self.skip_white_space();
            if self.peek() == Some(b'}') {
                self.at += 1;
                break;
            }
            self.expect(b',', "neither comma nor end of the object")?;
        }
        self.check_names_at_end(outer_names)?;
        self.names.truncate(outer_names);
        Ok(())
    }

    /// Notes where the member that was just read stands.
    fn mark(&mut self, value_start: usize) {
        if let Some(name) = self.names.last() {
            self.marks.push(Mark {
                name: name.start..name.end,
                value: value_start..self.at,
                escaped: name.escaped,
            });
        }
    }

    /// Reads a name, and refuses it if its object, whose names stand from `outer_names` on, has it already.
    fn name(&mut self, outer_names: usize) -> Result<Text<'a>, NotJson> {
        let start = self.at + 1;
        if self.peek() != Some(b'"') {
            return Err(self.error("no name"));
        }
        let text = self.string()?;
        let name = Name {
            print: print_of(text.raw.as_bytes()),
            start,
            end: start + text.raw.len(),
            escaped: text.escaped,
        };
        let earlier = &self.names[outer_names..];
        if earlier.len() < NAMES_COMPARED_DIRECTLY
            && earlier.iter().any(|other| other.print == name.print)
            && earlier.iter().any(|other| self.text_of(other).raw == text.raw)
        {
            return Err(self.error("repeated name"));
        }
        self.names.push(name);
        Ok(text)
    }

    fn text_of(&self, name: &Name) -> Text<'a> {
        Text {
            raw: self.text.get(name.start..name.end).unwrap_or_default(),
            escaped: name.escaped,
        }
    }

    /// The names that could not be compared as they came: too many of them, or written with escapes.
    fn check_names_at_end(&self, outer_names: usize) -> Result<(), NotJson> {
        let names = &self.names[outer_names..];
        if names.len() <= NAMES_COMPARED_DIRECTLY && !names.iter().any(|name| name.escaped) {
            return Ok(());
        }
        let mut decoded: Vec<Cow<'a, str>> = names.iter().map(|name| self.text_of(name).decoded()).collect();
        decoded.sort_unstable();
        if decoded.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.error("repeated name"));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, NotJson> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = next_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let raw = self.since(start);
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("string without end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(self.at)? {
                0xd800..=0xdbff if self.is_low_surrogate(self.at + 6) => self.at += 12,
                0xd800..=0xdfff => return Err(self.error("lone surrogate")),
                _ => self.at += 6,
            },
            _ => return Err(self.error("unknown escape")),
        }
        Ok(())
    }

    fn is_low_surrogate(&self, at: usize) -> bool {
        self.bytes.get(at..at + 2) == Some(b"\\u") && matches!(self.unit(at), Ok(0xdc00..=0xdfff))
    }

    /// The number in the four hex digits of the `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Result<u32, NotJson> {
        let digits = self.bytes.get(at + 2..at + 6).unwrap_or_default();
        if digits.len() < 4 {
            return Err(self.error("unknown escape"));
        }
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16);
            Ok(unit << 4 | digit.ok_or_else(|| self.error("unknown escape"))?)
        })
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("no digit in a number"));
        }
        Ok(())
    }
}

/// The place of the first quotation mark, backslash or control character from `at` on, or the end: eight bytes a step.
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte of the answer says that this byte of `word` is zero. A borrow can only reach bytes
    // after a true answer, so the first answer is right; the same holds for "less than 0x20".
    let zero = |word: u64| word.wrapping_sub(LOW) & !word;
    while let Some(Ok(eight)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        let quote = zero(word ^ (LOW * u64::from(b'"')));
        let backslash = zero(word ^ (LOW * u64::from(b'\\')));
        let control = word.wrapping_sub(LOW * 0x20) & !word;
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        .unwrap_or(rest.len())
}

/// Length, first and last bytes: different for most names of one object.
fn print_of(name: &[u8]) -> u32 {
    let byte = |place: Option<&u8>| u32::from(place.copied().unwrap_or_default());
    let middle = byte(name.get(name.len() / 2));
    (name.len() as u32 & 0xff) << 24 | byte(name.first()) << 16 | middle << 8 | byte(name.last())
}

/// Decodes what [`Cursor::string`] has checked.
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

/// The character that an escape stands for, and the length of the escape without its backslash.
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

#[cfg(test)]
mod tests;
