//! A strict reader of JSON text that builds no tree: it checks the whole text and shows the members of the outermost
//! object as slices of it. Events pass here by the million, and each needs two or three of its members.
//!
//! JSON is RFC 8259, narrowed as the archive format has it: repeated names at any depth, lone surrogates, a byte order
//! mark and more than 127 objects and arrays open at once are refused. Never panics, never allocates more than the
//! names of the objects open, and reads every byte a bounded number of times whatever the text.

pub mod canonical;
mod cursor;
pub mod scan_member;
mod shape;
mod string;

use cursor::{Cursor, Name};
use shape::{Mark, Shape};

pub use string::Text;

/// Objects and arrays that may be open at once.
pub const DEPTH_MAX: usize = 127;

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
/// fast and change no answer. `T` is what a name means to the caller.
#[derive(Debug)]
pub struct Reader<T> {
    names: Vec<Name>,
    marks: Vec<Mark>,
    shape: Shape<T>,
}

impl<T> Default for Reader<T> {
    fn default() -> Reader<T> {
        Reader {
            names: Vec::new(),
            marks: Vec::new(),
            shape: Shape::default(),
        }
    }
}

impl<T> Reader<T> {
    /// Checks the whole of `text`, showing each member of the outermost object to `visit`: what `meaning` gives for its
    /// name, and its value. `meaning` must give the same for a name each time: it is asked only where a text is not like the
    /// last one.
    ///
    /// Members are shown as they are met, in order; some may be shown twice, with the same value. When the answer is an
    /// error, what was shown before counts for nothing.
    ///
    /// # Errors
    /// [`NotJson`] with the first rule that was broken.
    pub fn read<'a>(
        &mut self,
        text: &'a str,
        meaning: impl Fn(&str) -> T,
        mut visit: impl FnMut(&T, Value<'a>),
    ) -> Result<Outermost, NotJson> {
        self.names.clear();
        self.marks.clear();
        let mut cursor = Cursor::new(text, &mut self.names, &mut self.marks);
        if cursor.read_in_shape(&self.shape, &mut visit) {
            return Ok(Outermost::Object);
        }
        cursor.begin_again();
        let outermost = cursor.read_all(&mut |name: Text<'a>, value| visit(&meaning(&name.decoded()), value))?;
        if outermost == Outermost::Object {
            self.shape.learn(text, &self.marks, meaning);
        }
        Ok(outermost)
    }
}

impl<'a> Value<'a> {
    /// The value's text.
    #[must_use]
    pub fn raw(self) -> &'a str {
        match self {
            Value::Null => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::String(text) => text.quoted(),
            Value::Number(raw) | Value::Array(raw) | Value::Object(raw) => raw,
        }
    }
}

#[cfg(test)]
mod tests;
