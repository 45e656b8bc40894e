//! The strict JSON parser: reads a text value by value and borrows from it. Recursion is bounded by [`DEPTH_MAX`].

use std::borrow::Cow;

use crate::json::shape::{Mark, Shape};
use crate::json::string::{Text, next_special};
use crate::json::value::{DEPTH_MAX, NotJson, Outermost, Value};

/// Objects with more names than this are checked for repeated names once, at their end, by sorting.
const NAMES_COMPARED_DIRECTLY: usize = 32;

/// A name of an object that is still open: its position, and a fingerprint that differs for most other names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    fingerprint: u32,
    start: usize,
    end: usize,
    escaped: bool,
}

/// A position in a text that is read from its start to its end.
pub(crate) struct Cursor<'a, 'n> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    names: &'n mut Vec<Name>,
    /// The members of the outermost object.
    marks: &'n mut Vec<Mark>,
}

impl<'a, 'n> Cursor<'a, 'n> {
    pub(crate) fn new(text: &'a str, names: &'n mut Vec<Name>, marks: &'n mut Vec<Mark>) -> Cursor<'a, 'n> {
        Cursor {
            text,
            bytes: text.as_bytes(),
            at: 0,
            names,
            marks,
        }
    }

    pub(crate) fn rewind(&mut self) {
        self.at = 0;
    }

    pub(crate) fn read_all(&mut self, visit: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<Outermost, NotJson> {
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

    /// Reads a text that differs from the last one in its values only; false if it differs elsewhere or is not valid.
    #[inline]
    pub(crate) fn read_in_shape<T>(&mut self, shape: &Shape<T>, visit: &mut impl FnMut(&T, Value<'a>)) -> bool {
        for member in shape.members() {
            let Some(length) = member.lead_in(&self.bytes[self.at..]) else {
                return false;
            };
            self.at += length;
            let Ok(value) = self.value(1) else {
                return false;
            };
            visit(member.meaning(), value);
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

    /// The text since `start`. Tokens begin and end at character boundaries, so the slice exists.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// `depth` is the number of objects and arrays open around the value.
    #[inline]
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
            _ => Err(self.error("expected a value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, NotJson> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("expected a value"))
        }
    }

    /// Enters an object or array. False if it is empty; its end is then consumed too.
    #[inline]
    fn enter(&mut self, depth: usize, close: u8) -> Result<bool, NotJson> {
        if depth > DEPTH_MAX {
            return Err(self.error("nested more than 127 levels deep"));
        }
        self.at += 1;
        self.skip_white_space();
        let is_empty = self.peek() == Some(close);
        self.at += usize::from(is_empty);
        Ok(!is_empty)
    }

    /// Reads what follows a member or element: true at the closing byte, false at the start of the next one.
    #[inline]
    fn is_left(&mut self, close: u8, otherwise: &'static str) -> Result<bool, NotJson> {
        self.skip_white_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(true);
        }
        self.expect(b',', otherwise)?;
        self.skip_white_space();
        Ok(false)
    }

    fn array(&mut self, depth: usize) -> Result<(), NotJson> {
        if !self.enter(depth, b']')? {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.is_left(b']', "expected a comma or the end of the array")? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, depth: usize, visit: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<(), NotJson> {
        if !self.enter(depth, b'}')? {
            return Ok(());
        }
        let outer_names = self.names.len();
        loop {
            let name = self.name(outer_names)?;
            self.skip_white_space();
            self.expect(b':', "expected a colon after a name")?;
            self.skip_white_space();
            let value_start = self.at;
            let value = self.value(depth)?;
            if depth == 1 {
                self.mark(value_start);
            }
            visit(name, value);
            if self.is_left(b'}', "expected a comma or the end of the object")? {
                break;
            }
        }
        self.check_names_at_end(outer_names)?;
        self.names.truncate(outer_names);
        Ok(())
    }

    /// Records the position of the member that was just read.
    fn mark(&mut self, value_start: usize) {
        if let Some(name) = self.names.last() {
            self.marks.push(Mark {
                name: name.start..name.end,
                value: value_start..self.at,
                escaped: name.escaped,
            });
        }
    }

    /// Reads a name and refuses it if its object has it already. The object's names start at `outer_names`.
    fn name(&mut self, outer_names: usize) -> Result<Text<'a>, NotJson> {
        let start = self.at + 1;
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a name"));
        }
        let text = self.string()?;
        let raw = text.raw();
        let name = Name {
            fingerprint: fingerprint(raw.as_bytes()),
            start,
            end: start + raw.len(),
            escaped: text.is_escaped(),
        };
        let earlier = &self.names[outer_names..];
        if earlier.len() < NAMES_COMPARED_DIRECTLY
            && earlier.iter().any(|other| other.fingerprint == name.fingerprint)
            && earlier.iter().any(|other| self.text_of(other).raw() == raw)
        {
            return Err(self.error("repeated name"));
        }
        self.names.push(name);
        Ok(text)
    }

    fn text_of(&self, name: &Name) -> Text<'a> {
        let quoted = self.text.get(name.start - 1..=name.end).unwrap_or_default();
        Text::new(quoted, name.escaped)
    }

    /// Checks names that were not compared one by one: more than [`NAMES_COMPARED_DIRECTLY`], or written with escapes.
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

    /// Most strings are plain. The others are read by a function of their own, so that this one is small.
    #[expect(
        clippy::inline_always,
        reason = "every name and most values: a call costs a twelfth of reading a line"
    )]
    #[inline(always)]
    fn string(&mut self) -> Result<Text<'a>, NotJson> {
        let start = self.at;
        self.at += 1;
        self.at += next_special(&self.bytes[self.at..]);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Text::new(self.since(start), false));
        }
        self.unusual_string(start)
    }

    /// Reads the rest of the string that begins at `start`; the cursor is at its first byte that is not plain.
    #[cold]
    fn unusual_string(&mut self, start: usize) -> Result<Text<'a>, NotJson> {
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::new(self.since(start), escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                    self.at += next_special(&self.bytes[self.at..]);
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("unterminated string")),
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
            return Err(self.error("expected a digit"));
        }
        Ok(())
    }
}

/// Length and the first, middle and last byte: different for most names of one object.
fn fingerprint(name: &[u8]) -> u32 {
    let byte = |place: Option<&u8>| u32::from(place.copied().unwrap_or_default());
    let middle = byte(name.get(name.len() / 2));
    (name.len() as u32 & 0xff) << 24 | byte(name.first()) << 16 | middle << 8 | byte(name.last())
}
