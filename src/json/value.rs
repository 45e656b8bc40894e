//! The values and the error of the JSON reader.

use crate::json::string::Text;

/// The maximum number of objects and arrays open at once (FORMAT.md section 7.4).
pub const DEPTH_MAX: usize = 127;

/// The text is not JSON as the archive format defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct NotJson {
    /// The broken rule.
    pub what: &'static str,
    /// Offset in bytes from the start of the text.
    pub at: usize,
}

/// The kind of a valid text's outermost value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outermost {
    /// An object; its members were visited.
    Object,
    /// Another value; nothing was visited.
    Other,
}

/// A value as written in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The literal, not converted.
    Number(&'a str),
    /// A string, not yet decoded.
    String(Text<'a>),
    /// From `[` to `]`.
    Array(&'a str),
    /// From `{` to `}`.
    Object(&'a str),
}

impl<'a> Value<'a> {
    /// The value as written in the text.
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
