//! What an input is, by its first bytes. The name of a file is not looked at.

use std::io;

/// A form that is not JSON Lines, and cannot be read as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Form {
    /// Text in two or four bytes a character.
    #[error("the text is in UTF-16 or UTF-32, and events must be in UTF-8; nothing of it was sent")]
    Utf16,
    /// One array around all events.
    #[error("this is one JSON array, and events must be one to a line; nothing of it was sent")]
    JsonArray,
    /// Objects over several lines.
    #[error("the JSON is spread over several lines, and events must be one to a line; nothing of it was sent")]
    PrettyJson,
    /// Fields with separators.
    #[error("this looks like CSV, and events must be JSON, one to a line; nothing of it was sent")]
    Csv,
    /// Compressed by a program that is not supported.
    #[error("the input is compressed with {0}, which kivend does not read; nothing of it was sent")]
    Compressed(&'static str),
    /// A binary file of a known kind.
    #[error("this is {0}, and events must be JSON, one to a line; nothing of it was sent")]
    Binary(&'static str),
}

impl Form {
    /// What to do with the input of this name.
    pub(super) fn remedy(self, name: &str) -> String {
        match self {
            Form::Utf16 => format!("`iconv -f UTF-16 -t UTF-8 {name} > NEW` converts it; then ingest NEW"),
            Form::JsonArray => format!("`jq -c '.[]' {name} > NEW` writes one event to a line; then ingest NEW"),
            Form::PrettyJson => format!("`jq -c . {name} > NEW` writes one event to a line; then ingest NEW"),
            Form::Csv => format!("`mlr --icsv --ojsonl cat {name} > NEW` makes JSON of it; then ingest NEW"),
            Form::Compressed(program) => format!("`{program} -dc {name} > NEW` unpacks it; then ingest NEW"),
            Form::Binary(_) => "export it as JSON, one event to a line, and ingest that".to_owned(),
        }
    }
}

impl From<Form> for io::Error {
    fn from(form: Form) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, form)
    }
}

/// A compression that is undone while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// The longest beginning that decides what a file is.
pub(super) const MAGIC_BYTES: usize = 6;

/// The compression of a file that begins with these bytes.
pub(super) fn compression_of(start: &[u8]) -> Option<Compression> {
    match start {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A frame, or a frame to be skipped before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// The form of an input that begins with these bytes, decompressed; `None` if it may be JSON Lines.
pub(super) fn form_of(start: &[u8]) -> Option<Form> {
    binary_form(start).or_else(|| {
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        text_form(start.trim_ascii_start())
    })
}

fn binary_form(start: &[u8]) -> Option<Form> {
    let is_wide = |[one, other]: [u8; 2]| (one == 0) != (other == 0);
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Form::Utf16),
        [0, 0, 0xfe, 0xff, ..] | [b'{' | b'[', 0, 0, 0, ..] | [0, 0, 0, b'{' | b'[', ..] => Some(Form::Utf16),
        [a, b, c, d, ..] if is_wide([*a, *b]) && is_wide([*c, *d]) && (*a == 0) == (*c == 0) => Some(Form::Utf16),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Form::Compressed("xz")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Form::Compressed("bzip2")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Form::Compressed("lz4")),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Form::Binary("a ZIP archive")),
        [b'P', b'A', b'R', b'1', ..] => Some(Form::Binary("a Parquet file")),
        [b'O', b'b', b'j', 1, ..] => Some(Form::Binary("an Avro file")),
        [b'O', b'R', b'C', ..] => Some(Form::Binary("an ORC file")),
        _ => None,
    }
}

/// Decides only where it is certain: a single bad line is no reason to refuse a file.
fn text_form(start: &[u8]) -> Option<Form> {
    let mut lines = start.split(|byte| *byte == b'\n');
    let (first, second) = (lines.next()?.trim_ascii(), lines.next());
    match first.first()? {
        b'[' => {
            let inside = start[1..].trim_ascii_start();
            inside.starts_with(b"{").then_some(Form::JsonArray)
        }
        b'{' => {
            let goes_on = matches!(first.last(), Some(b'{' | b'[' | b',' | b'"' | b':'));
            let second = second?.trim_ascii();
            (goes_on && matches!(second.first(), Some(b'"' | b'}' | b']'))).then_some(Form::PrettyJson)
        }
        _ => {
            let is_csv = |separator: &u8| {
                let count = |line: &[u8]| line.iter().filter(|byte| *byte == separator).count();
                let fields = count(first);
                fields > 0 && second.is_some_and(|second| !second.trim_ascii().is_empty() && count(second) >= fields)
            };
            let has_object = start.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"{"));
            (!has_object && b",;\t".iter().any(is_csv)).then_some(Form::Csv)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forms_are_recognised_by_their_beginning() {
        let cases: [(&[u8], Form); 17] = [
            (b"\xff\xfe{\0\"\0", Form::Utf16),
            (b"\xfe\xff\0{\0\"", Form::Utf16),
            (b"{\0\"\0a\0", Form::Utf16),
            (b"\0{\0\"\0a", Form::Utf16),
            (b"{\0\0\0\"\0\0\0", Form::Utf16),
            (b"[{\"event_type\":\"a\"},", Form::JsonArray),
            (b" [\n  {\n", Form::JsonArray),
            (b"{\n  \"event_type\": \"a\"", Form::PrettyJson),
            (b"{\r\n\t\"event_type\": \"a\"", Form::PrettyJson),
            (b"\xef\xbb\xbf{ \"a\": 1,\n  \"b\": 2 }\n", Form::PrettyJson),
            (b"event_type,customer_id\nview,C1\n", Form::Csv),
            (b"event_type;customer_id\nview;C1\n", Form::Csv),
            (b"a\tb\tc\n1\t2\t3", Form::Csv),
            (b"\xfd7zXZ\0", Form::Compressed("xz")),
            (b"BZh91AY", Form::Compressed("bzip2")),
            (b"PK\x03\x04", Form::Binary("a ZIP archive")),
            (b"PAR1\x15", Form::Binary("a Parquet file")),
        ];
        for (start, form) in cases {
            assert_eq!(form_of(start), Some(form), "{}", start.escape_ascii());
        }
    }

    #[test]
    fn lines_of_json_are_no_other_form_even_if_some_are_bad() {
        for start in [
            &b""[..],
            b"\n\n",
            b"{\"event_type\":\"a\"}\n{\"event_type\":\"b\"}\n",
            b"{\"event_type\":\"a\",\n{\"event_type\":\"b\"}\n",
            b"{\"event_type\":\"a long li",
            b"bad 1\nbad 2\n",
            b"a,b\n{\"event_type\":\"b\"}\n",
            b"not,an,event\nnot one either\n",
            b"[1,2]\n[3,4]\n",
            b"{}\n{}\n",
            b"\xff\n{}\n",
            b"null\n",
        ] {
            assert_eq!(form_of(start), None, "{}", start.escape_ascii());
        }
    }

    #[test]
    fn compression_is_recognised_by_the_first_bytes() {
        assert_eq!(compression_of(b"\x1f\x8b\x08\0"), Some(Compression::Gzip));
        assert_eq!(compression_of(b"\x28\xb5\x2f\xfd"), Some(Compression::Zstd));
        assert_eq!(compression_of(b"{\"a\":1}"), None);
        assert_eq!(compression_of(b"P*"), None);
    }
}
