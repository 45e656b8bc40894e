//! What an input is, by its first bytes. The name of a file is not looked at.

use crate::app::ingest::input::compression::Compression;

/// A form that is not JSON Lines, and cannot be read as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Form {
    /// Text in two or four bytes a character, by the name that `iconv` gives to the encoding.
    #[error("the text is in {0}, and events must be in UTF-8; nothing of it was sent")]
    Wide(&'static str),
    /// One array around all events.
    #[error("this is one JSON array, and events must be one to a line; nothing of it was sent")]
    JsonArray,
    /// Objects over several lines.
    #[error("the JSON is spread over several lines, and events must be one to a line; nothing of it was sent")]
    PrettyJson,
    /// Objects one after the other on one line.
    #[error("there are several JSON objects on one line, and events must be one to a line; nothing of it was sent")]
    Joined,
    /// Objects that each follow a record separator (RFC 7464).
    #[error("the JSON has record separators, and events must be one to a line; nothing of it was sent")]
    Sequence,
    /// Lines that end with carriage returns alone.
    #[error("the lines end with carriage returns, and must end with newlines; nothing of it was sent")]
    CarriageReturns,
    /// Fields with this separator.
    #[error("this looks like CSV, and events must be JSON, one to a line; nothing of it was sent")]
    Csv(u8),
    /// Compressed by a program that is not supported, or compressed twice.
    #[error("the content is compressed with {0}, and events must be JSON, one to a line; nothing of it was sent")]
    Compressed(&'static str),
    /// Several files in one.
    #[error("this is a tar archive, and events must be JSON, one to a line; nothing of it was sent")]
    Tar,
    /// Another known kind.
    #[error("this is {0}, and events must be JSON, one to a line; nothing of it was sent")]
    Other(&'static str),
}

impl Form {
    /// A command that makes JSON Lines of it, or brings it nearer to that. The input is its last argument, or stdin.
    pub(super) fn converter(self) -> Option<String> {
        Some(match self {
            Form::Wide(encoding) => format!("iconv -f {encoding} -t UTF-8"),
            Form::JsonArray => "jq -c '.[]'".to_owned(),
            Form::PrettyJson | Form::Joined => "jq -c .".to_owned(),
            Form::Sequence => "tr -d '\\036' <".to_owned(),
            Form::CarriageReturns => "tr '\\r' '\\n' <".to_owned(),
            Form::Csv(b'\t') => "mlr --itsv --ojsonl cat".to_owned(),
            Form::Csv(b';') => "mlr --icsv --ifs ';' --ojsonl cat".to_owned(),
            Form::Csv(_) => "mlr --icsv --ojsonl cat".to_owned(),
            Form::Compressed(program) => format!("{program} -dc"),
            Form::Tar => "tar -xOf".to_owned(),
            Form::Other(_) => return None,
        })
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
    match start {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Form::Compressed("xz")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Form::Compressed("bzip2")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Form::Compressed("lz4")),
        [b'L', b'Z', b'I', b'P', ..] => Some(Form::Compressed("lzip")),
        [0x1f, 0x9d, ..] => Some(Form::Compressed("compress")),
        [0xff, 0x06, 0, 0, b's', b'N', ..] => Some(Form::Other("compressed with Snappy")),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Form::Other("a ZIP archive")),
        [b'7', b'z', 0xbc, 0xaf, ..] => Some(Form::Other("a 7z archive")),
        [b'P', b'A', b'R', b'1', ..] => Some(Form::Other("a Parquet file")),
        [b'O', b'b', b'j', 1, ..] => Some(Form::Other("an Avro file")),
        [b'O', b'R', b'C', ..] => Some(Form::Other("an ORC file")),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] | [b'G', b'I', b'F', b'8', ..] => {
            Some(Form::Other("an image"))
        }
        [0x7f, b'E', b'L', b'F', ..] => Some(Form::Other("a program")),
        _ if start.starts_with(b"ARROW1") => Some(Form::Other("an Arrow file")),
        _ if start.starts_with(b"SQLite format 3\0") => Some(Form::Other("an SQLite database")),
        _ if start.starts_with(b"%PDF-") => Some(Form::Other("a PDF file")),
        _ if start.get(257..262) == Some(b"ustar") => Some(Form::Tar),
        _ => Compression::of(start)
            .map(|compression| Form::Compressed(compression.program()))
            .or_else(|| wide_form(start)),
    }
}

fn wide_form(start: &[u8]) -> Option<Form> {
    let is_wide = |[one, other]: [u8; 2]| (one == 0) != (other == 0);
    Some(Form::Wide(match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        [b'{' | b'[', 0, 0, 0, ..] => "UTF-32LE",
        [0, 0, 0, b'{' | b'[', 0, 0, 0, ..] => "UTF-32BE",
        [a, b, c, d, ..] if is_wide([*a, *b]) && is_wide([*c, *d]) && (*a == 0) == (*c == 0) => {
            if *a == 0 {
                "UTF-16BE"
            } else {
                "UTF-16LE"
            }
        }
        _ => return None,
    }))
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
        b'{' => object_form(first, second),
        0x1e => matches!(first.get(1), Some(b'{' | b'[')).then_some(Form::Sequence),
        _ if start.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"{")) => None,
        b'<' if matches!(first.get(1), Some(b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z')) => {
            Some(Form::Other("XML or HTML"))
        }
        // Not text at all.
        _ if start.iter().any(|byte| *byte < b'\t') => None,
        _ => {
            let is_csv = |separator: &&u8| {
                let count = |line: &[u8]| line.iter().filter(|byte| *byte == *separator).count();
                let fields = count(first);
                fields > 0 && second.is_some_and(|second| !second.trim_ascii().is_empty() && count(second) >= fields)
            };
            b",;\t".iter().find(is_csv).map(|separator| Form::Csv(*separator))
        }
    }
}

/// The form of a text whose first line begins an object.
fn object_form(first: &[u8], second: Option<&[u8]>) -> Option<Form> {
    if let Some(second) = second {
        let goes_on = matches!(first.last(), Some(b'{' | b'[' | b',' | b'"' | b':'));
        let is_continued = matches!(second.trim_ascii_start().first(), Some(b'"' | b'}' | b']'));
        return (goes_on && is_continued).then_some(Form::PrettyJson);
    }
    let has = |part: &[u8]| memchr::memmem::find(first, part).is_some();
    if has(b"}\r{") || has(b"}\r\r{") {
        return Some(Form::CarriageReturns);
    }
    // Within a string a quote is escaped, and the end of a string is not followed by a letter.
    let is_start = |at: usize| first.get(at + 3).is_some_and(u8::is_ascii_alphabetic);
    memchr::memmem::find_iter(first, b"}{\"")
        .any(is_start)
        .then_some(Form::Joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forms_are_recognised_by_their_beginning() {
        let mut tar = [0; 512];
        tar[..9].copy_from_slice(b"app.jsonl");
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], Form); 33] = [
            (b"\xff\xfe{\0\"\0", Form::Wide("UTF-16")),
            (b"\xfe\xff\0{\0\"", Form::Wide("UTF-16")),
            (b"{\0\"\0a\0", Form::Wide("UTF-16LE")),
            (b"\0{\0\"\0a", Form::Wide("UTF-16BE")),
            (b"\xff\xfe\0\0{\0\0\0", Form::Wide("UTF-32")),
            (b"{\0\0\0\"\0\0\0", Form::Wide("UTF-32LE")),
            (b"[{\"event_type\":\"a\"},", Form::JsonArray),
            (b" [\n  {\n", Form::JsonArray),
            (b"{\n  \"event_type\": \"a\"", Form::PrettyJson),
            (b"{\r\n\t\"event_type\": \"a\"", Form::PrettyJson),
            (b"\xef\xbb\xbf{ \"a\": 1,\n  \"b\": 2 }\n", Form::PrettyJson),
            (b"{\"event_type\":\"a\"}{\"event_type\":\"b\"}", Form::Joined),
            (
                b"{\"event_type\":\"a\"}\r{\"event_type\":\"b\"}\r",
                Form::CarriageReturns,
            ),
            (b"\x1e{\"event_type\":\"a\"}\n\x1e{}\n", Form::Sequence),
            (b"event_type,customer_id\nview,C1\n", Form::Csv(b',')),
            (b"event_type;customer_id\nview;C1\n", Form::Csv(b';')),
            (b"a\tb\tc\n1\t2\t3", Form::Csv(b'\t')),
            (b"\xfd7zXZ\0", Form::Compressed("xz")),
            (b"BZh91AY", Form::Compressed("bzip2")),
            (b"\x1f\x8b\x08\0", Form::Compressed("gzip")),
            (b"\x1f\x9d\x90", Form::Compressed("compress")),
            (b"\x28\xb5\x2f\xfd", Form::Compressed("zstd")),
            (b"PK\x03\x04", Form::Other("a ZIP archive")),
            (b"7z\xbc\xaf\x27\x1c", Form::Other("a 7z archive")),
            (b"PAR1\x15", Form::Other("a Parquet file")),
            (b"SQLite format 3\0", Form::Other("an SQLite database")),
            (b"<?xml version=\"1.0\"?>\n<Error>", Form::Other("XML or HTML")),
            (b"<!DOCTYPE html>\n", Form::Other("XML or HTML")),
            (b"<html>", Form::Other("XML or HTML")),
            (b"\x89PNG\r\n\x1a\n", Form::Other("an image")),
            (b"\x7fELF\x02\x01\x01\0", Form::Other("a program")),
            (b"ARROW1\0\0", Form::Other("an Arrow file")),
            (&tar, Form::Tar),
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
            b"{\"event_type\":\"}{\",\"b\":1}\n",
            b"{\"event_type\":\"a\"}{\"event_type\":\"b\"}\n",
            b"bad 1\nbad 2\n",
            b"a,b\n{\"event_type\":\"b\"}\n",
            b"<html>\n{\"event_type\":\"b\"}\n",
            b"<34>1 a message of syslog\n",
            b"not,an,event\nnot one either\n",
            b"[1,2]\n[3,4]\n",
            b"{}\n{}\n",
            b"\xff\n{}\n",
            b"null\n",
            b"\0\0\0\0\0\0\0\0",
            b"\0\0\0\0{\"event_type\":\"a\"}\n",
            b"a bad line \x01\n",
            b"\x1e",
            b"latin 1: \xe9t\xe9\n",
        ] {
            assert_eq!(form_of(start), None, "{}", start.escape_ascii());
        }
    }
}
