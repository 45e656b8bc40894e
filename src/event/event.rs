//! Reads one line of JSONL as an event with a type, a record key and a time, or rejects it with a reason.
//!
//! A line is sent unchanged, and only if all of it is valid JSON. [`crate::event::routing`] chooses its topic.

use std::borrow::Cow;

use crate::json::{NotJson, Outermost, Reader, Value};

/// The names of an event's members, and the maximum length of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The member with the event type, which chooses the topic.
    pub event_type_field: String,
    /// The member that becomes the record key, which chooses the partition.
    pub key_field: String,
    /// The member with the time, which `--sort` orders by.
    pub time_field: String,
    /// The maximum length in bytes, without the newline.
    pub line_max_bytes: usize,
}

/// The members that routing, partitioning and sorting need, borrowed from the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event type; not empty.
    pub event_type: Cow<'a, str>,
    /// The record key; a number as written in the line. None if missing or null.
    pub key: Option<Cow<'a, str>>,
    /// The time, not parsed. None if missing or not a string.
    pub time: Option<Cow<'a, str>>,
}

/// Why a line is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing but white space.
    #[error("the line is empty")]
    Empty,
    /// Longer than [`Form::line_max_bytes`].
    #[error("the line is longer than a record may be (ingest.max_event_bytes)")]
    TooLong,
    /// Not UTF-8 from this byte on.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset in the line.
        at: usize,
    },
    /// A NUL byte, which JSON does not allow.
    #[error("NUL byte at byte {at}")]
    NulByte {
        /// Offset in the line.
        at: usize,
    },
    /// A byte order mark, which some editors write at the start of a file.
    #[error("byte order mark at the start: save the file without it")]
    ByteOrderMark,
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(NotJson),
    /// JSON, but not an object.
    #[error("JSON, but not an object")]
    NotObject,
    /// The event type is missing, null or empty.
    #[error("no event type")]
    NoEventType,
    /// The event type is not a string.
    #[error("the event type is not a string")]
    EventTypeForm,
    /// The record key is neither a string nor a number, so it has no text form that other clients share.
    #[error("the record key is neither a string nor a number")]
    KeyForm,
}

impl Rejection {
    /// A stable name for reports and counters.
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
            Rejection::KeyForm => "key_form",
        }
    }
}

/// Reads lines one after the other and reuses its buffers.
#[derive(Debug)]
pub struct LineReader<'f> {
    form: &'f Form,
    json: Reader<Option<Roles>>,
}

/// What a member is read for. One member may have several roles, such as an event type that is also the record key.
#[derive(Debug, Clone, Copy)]
struct Roles {
    event_type: bool,
    key: bool,
    time: bool,
}

impl Roles {
    /// The roles of the member `name`; none if it is not read.
    fn of(name: &str, form: &Form) -> Option<Roles> {
        let roles = Roles {
            event_type: name == form.event_type_field,
            key: name == form.key_field,
            time: name == form.time_field,
        };
        (roles.event_type || roles.key || roles.time).then_some(roles)
    }
}

impl<'f> LineReader<'f> {
    /// A reader for lines of this form.
    #[must_use]
    pub fn new(form: &'f Form) -> LineReader<'f> {
        LineReader {
            form,
            json: Reader::default(),
        }
    }

    /// Reads `line`, given without its newline.
    ///
    /// # Errors
    /// [`Rejection`]: the first reason found.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Result<Event<'a>, Rejection> {
        let form = self.form;
        if line.len() > form.line_max_bytes {
            return Err(Rejection::TooLong);
        }
        let text = std::str::from_utf8(line).map_err(|e| Rejection::NotUtf8 { at: e.valid_up_to() })?;
        let (mut event_type, mut key, mut time) = (Value::Null, Value::Null, Value::Null);
        let roles = |name: &str| Roles::of(name, form);
        let read = self.json.read(text, roles, |roles, value| {
            let Some(roles) = roles else { return };
            for (is_it, member) in [
                (roles.event_type, &mut event_type),
                (roles.key, &mut key),
                (roles.time, &mut time),
            ] {
                if is_it {
                    *member = value;
                }
            }
        });
        let outermost = read.map_err(|e| why_not_json(text, e))?;
        if outermost == Outermost::Other {
            return Err(Rejection::NotObject);
        }
        Ok(Event {
            event_type: type_of(event_type)?,
            key: key_of(key)?,
            time: match time {
                Value::String(text) => Some(text.decoded()),
                _ => None,
            },
        })
    }
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
        _ => Err(Rejection::KeyForm),
    }
}

/// Names common causes that the JSON reader reports only as a wrong byte.
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

    const LINE_MAX_BYTES: usize = 300;

    fn read(line: &[u8]) -> Result<Event<'_>, Rejection> {
        let form = Form {
            event_type_field: "event_type".to_owned(),
            key_field: "customer_id".to_owned(),
            time_field: "ts".to_owned(),
            line_max_bytes: LINE_MAX_BYTES,
        };
        LineReader::new(&form).read(line)
    }

    #[test]
    fn an_event_is_borrowed_from_its_line() {
        let line = br#"{"event_id": "c0cd", "ts": "2025-11-19 14:31:02.594554442", "event_type": "search", "customer_id": "C00695", "product_id": null}"#;
        let event = read(line).unwrap();
        assert_eq!(event.time.as_deref(), Some("2025-11-19 14:31:02.594554442"));
        assert!(matches!(event.event_type, Cow::Borrowed("search")));
        assert!(matches!(event.key, Some(Cow::Borrowed("C00695"))));
    }

    #[test]
    fn names_and_values_written_with_escapes_mean_the_same() {
        let event = read(br#"{"event\u005ftype":"pay\u006dent","customer_id":"\u0043\ud83d\ude00"}"#).unwrap();
        assert_eq!(event.event_type, "payment");
        assert_eq!(event.key.as_deref(), Some("C😀"));
    }

    #[test]
    fn an_event_without_a_customer_has_no_key_and_a_number_is_a_key() {
        for (line, key) in [
            (r#"{"event_type":"a"}"#, None),
            (r#"{"event_type":"a","customer_id":null}"#, None),
            (r#"{"event_type":"a","customer_id":""}"#, Some("")),
            (r#"{"event_type":"a","customer_id":10.50}"#, Some("10.50")),
            ("{\"event_type\":\"a\",\"customer_id\":\"x\"}\r", Some("x")),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap().key.as_deref(), key, "{line}");
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
            (b"{\"event_type\":\"a\",\"customer_id\":[1]}", "key_form"),
            (b"{\"event_type\":\"a\",\"customer_id\":true}", "key_form"),
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
        fn no_bytes_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
        }

        #[test]
        fn one_changed_byte_never_panics_and_never_changes_what_serde_json_reads(
            at in 0usize..90, byte in any::<u8>(),
        ) {
            let mut line = br#"{"ts": "2025-11-19 14:31:02.5", "event_type": "search", "customer_id": "C0", "n": [1.5e1]}"#.to_vec();
            line[at] = byte;
            if let Ok(event) = read(&line) {
                let tree: serde_json::Value = serde_json::from_slice(&line).unwrap();
                prop_assert_eq!(tree["event_type"].as_str(), Some(&*event.event_type));
                prop_assert_eq!(tree["customer_id"].as_str(), event.key.as_deref());
            }
        }
    }
}
