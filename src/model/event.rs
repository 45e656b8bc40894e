//! What one line of JSONL is to us: an event with a type, a customer and a time, or a line to reject, and why.
//!
//! The line is read without building a tree and without changing a byte of it. Never decides where an event goes
//! (that is [`super::routing`]), and never lets a line pass that is not wholly valid JSON.

use std::borrow::Cow;

use super::json::{NotJson, Outermost, Reader, Text, Value};

/// Longest line in bytes, without its newline: what a broker takes as one record by the topics' `max.message.bytes`.
pub const LINE_MAX_BYTES: usize = 1_048_576;

/// What routing, partitioning and sorting need of an event, borrowed from its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// `event_type`, never empty.
    pub event_type: Cow<'a, str>,
    /// `customer_id`: the record's key. A number stands as it is written; none where missing or null.
    pub customer_id: Option<Cow<'a, str>>,
    /// `ts`, unchecked; none where it is missing or no string.
    pub ts: Option<Cow<'a, str>>,
}

/// Why a line is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing but white space.
    #[error("the line is empty")]
    Empty,
    /// Longer than [`LINE_MAX_BYTES`].
    #[error("the line is longer than {LINE_MAX_BYTES} bytes, the most that a record may hold")]
    TooLong,
    /// Not UTF-8 from this byte on.
    #[error("not UTF-8 at byte={at}")]
    NotUtf8 {
        /// Offset in the line.
        at: usize,
    },
    /// A NUL byte, which no JSON text holds.
    #[error("NUL byte at byte={at}")]
    NulByte {
        /// Offset in the line.
        at: usize,
    },
    /// A byte order mark: an editor's, most likely on the first line of a file.
    #[error("byte order mark at the start: save the file without it")]
    ByteOrderMark,
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(NotJson),
    /// JSON, but no object.
    #[error("JSON, but no object")]
    NotObject,
    /// `event_type` is missing, null or empty.
    #[error("no event_type")]
    NoEventType,
    /// `event_type` is no string.
    #[error("event_type is no string")]
    EventTypeForm,
    /// `customer_id` is neither a string nor a number, so that no other client would find the same key.
    #[error("customer_id is neither string nor number")]
    CustomerIdForm,
}

impl Rejection {
    /// A stable name for counting.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Rejection::Empty => "empty",
            Rejection::TooLong => "too_long",
            Rejection::NotUtf8 { .. } => "not_utf8",
            Rejection::NulByte { .. } => "nul_byte",
            Rejection::ByteOrderMark => "byte_order_mark",
            Rejection::NotJson(_) => "not_json",
            Rejection::NotObject => "not_object",
            Rejection::NoEventType => "no_event_type",
            Rejection::EventTypeForm => "event_type_form",
            Rejection::CustomerIdForm => "customer_id_form",
        }
    }
}

/// Reads `line` (without its newline) with `reader`, which only saves allocations between lines.
///
/// # Errors
/// [`Rejection`] with the first reason found.
pub fn read_line<'a>(reader: &mut Reader, line: &'a [u8]) -> Result<Event<'a>, Rejection> {
    if line.len() > LINE_MAX_BYTES {
        return Err(Rejection::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|e| Rejection::NotUtf8 { at: e.valid_up_to() })?;
    let (mut event_type, mut customer_id, mut ts) = (Value::Null, Value::Null, Value::Null);
    let outermost = reader
        .read(text, |name: Text<'a>, value| {
            if name.is("event_type") {
                event_type = value;
            } else if name.is("customer_id") {
                customer_id = value;
            } else if name.is("ts") {
                ts = value;
            }
        })
        .map_err(|e| why_not_json(text, e))?;
    if outermost == Outermost::Other {
        return Err(Rejection::NotObject);
    }
    Ok(Event {
        event_type: type_of(event_type)?,
        customer_id: key_of(customer_id)?,
        ts: match ts {
            Value::String(text) => Some(text.decoded()),
            _ => None,
        },
    })
}

fn type_of(value: Value<'_>) -> Result<Cow<'_, str>, Rejection> {
    match value {
        Value::String(text) if text.is("") => Err(Rejection::NoEventType),
        Value::String(text) => Ok(text.decoded()),
        Value::Null => Err(Rejection::NoEventType),
        _ => Err(Rejection::EventTypeForm),
    }
}

fn key_of(value: Value<'_>) -> Result<Option<Cow<'_, str>>, Rejection> {
    match value {
        Value::String(text) => Ok(Some(text.decoded())),
        Value::Number(literal) => Ok(Some(Cow::Borrowed(literal))),
        Value::Null => Ok(None),
        _ => Err(Rejection::CustomerIdForm),
    }
}

/// Names the plainer causes that a reader of JSON only sees as a wrong byte.
fn why_not_json(text: &str, error: NotJson) -> Rejection {
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        return Rejection::NulByte { at };
    }
    if text.starts_with('\u{feff}') {
        return Rejection::ByteOrderMark;
    }
    if text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        return Rejection::Empty;
    }
    Rejection::NotJson(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &[u8]) -> Result<Event<'_>, Rejection> {
        read_line(&mut Reader::default(), line)
    }

    #[test]
    fn an_event_is_borrowed_from_its_line() {
        let line = br#"{"event_id": "c0cd", "ts": "2025-11-19 14:31:02.594554442", "event_type": "search", "customer_id": "C00695", "product_id": null}"#;
        let event = read(line).unwrap();
        assert_eq!(event.ts.as_deref(), Some("2025-11-19 14:31:02.594554442"));
        assert!(matches!(event.event_type, Cow::Borrowed("search")));
        assert!(matches!(event.customer_id, Some(Cow::Borrowed("C00695"))));
    }

    #[test]
    fn names_and_values_written_with_escapes_mean_the_same() {
        let event = read(br#"{"event\u005ftype":"pay\u006dent","customer_id":"\u0043\ud83d\ude00"}"#).unwrap();
        assert_eq!(event.event_type, "payment");
        assert_eq!(event.customer_id.as_deref(), Some("C😀"));
    }

    #[test]
    fn an_event_without_a_customer_has_no_key_and_a_number_is_one() {
        for (line, key) in [
            (r#"{"event_type":"a"}"#, None),
            (r#"{"event_type":"a","customer_id":null}"#, None),
            (r#"{"event_type":"a","customer_id":""}"#, Some("")),
            (r#"{"event_type":"a","customer_id":10.50}"#, Some("10.50")),
            ("{\"event_type\":\"a\",\"customer_id\":\"x\"}\r", Some("x")),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap().customer_id.as_deref(), key, "{line}");
        }
    }

    #[test]
    fn every_bad_line_has_its_reason() {
        let long = vec![b' '; LINE_MAX_BYTES + 1];
        for (line, code) in [
            (&b""[..], "empty"),
            (b" \t\r", "empty"),
            (&long, "too_long"),
            (b"{\"event_type\":\"\xff\"}", "not_utf8"),
            (b"{\"event_type\":\"a\xc3", "not_utf8"),
            (b"{\"event_type\":\"\xed\xa0\x80\"}", "not_utf8"),
            (b"{\"event_type\":\"a\0\"}", "nul_byte"),
            (b"\0", "nul_byte"),
            (b"\xef\xbb\xbf{\"event_type\":\"a\"}", "byte_order_mark"),
            (b"event_type=a", "not_json"),
            (b"{'event_type':'a'}", "not_json"),
            (b"{\"event_type\":\"a\"", "not_json"),
            (b"{\"event_type\":\"a\"}}", "not_json"),
            (b"{\"event_type\":\"a\",\"event_type\":\"b\"}", "not_json"),
            (b"{\"event_type\":\"a\",\"value\":NaN}", "not_json"),
            (b"[{\"event_type\":\"a\"}]", "not_object"),
            (b"\"event_type\"", "not_object"),
            (b"{}", "no_event_type"),
            (b"{\"event_type\":null}", "no_event_type"),
            (b"{\"event_type\":\"\"}", "no_event_type"),
            (b"{\"inner\":{\"event_type\":\"a\"}}", "no_event_type"),
            (b"{\"event_type\":7}", "event_type_form"),
            (b"{\"event_type\":\"a\",\"customer_id\":[1]}", "customer_id_form"),
            (b"{\"event_type\":\"a\",\"customer_id\":true}", "customer_id_form"),
        ] {
            let answer = read(line).map_err(Rejection::code);
            assert_eq!(
                answer,
                Err(code),
                "{}",
                String::from_utf8_lossy(&line[..line.len().min(80)])
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_have_a_reason(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
        }

        #[test]
        fn one_changed_byte_never_panics_and_never_hides_a_type(
            at in 0usize..90, byte in any::<u8>(),
        ) {
            let mut line = br#"{"ts": "2025-11-19 14:31:02.5", "event_type": "search", "customer_id": "C0", "n": [1.5e1]}"#.to_vec();
            line[at] = byte;
            if let Ok(event) = read(&line) {
                let tree: serde_json::Value = serde_json::from_slice(&line).unwrap();
                prop_assert_eq!(tree["event_type"].as_str(), Some(&*event.event_type));
                prop_assert_eq!(tree["customer_id"].as_str(), event.customer_id.as_deref());
            }
        }
    }
}
