//! What a reader shows and says: values as they are in the text, and what is wrong with it.

use crate::json::string::Text;

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
