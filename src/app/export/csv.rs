//! Records as CSV (RFC 4180). A null is an empty field without quotes, and an empty text is `""`, as PostgreSQL's `COPY` has
//! it; libraries for CSV do not tell the two apart.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::app::export::rows::Rows;
use crate::record::position::TopicPartition;
use crate::record::record::{Header, Record};

const COLUMNS: &str = "topic,partition,offset,timestamp_ms,timestamp_type,key,value,headers,base64\r\n";

pub(super) struct CsvRows<'o> {
    output: &'o mut dyn Write,
    row: String,
}

impl CsvRows<'_> {
    pub(super) fn begin(output: &mut dyn Write) -> io::Result<CsvRows<'_>> {
        output.write_all(COLUMNS.as_bytes())?;
        Ok(CsvRows {
            output,
            row: String::new(),
        })
    }
}

impl Rows for CsvRows<'_> {
    fn record(&mut self, partition: &TopicPartition, record: &Record<'_>) -> io::Result<()> {
        self.row.clear();
        let place = format!("{},{},{}", partition.topic, partition.partition, record.offset);
        let time = record.timestamp.ms().map_or(String::new(), |ms| ms.to_string());
        // Writing to a text does not fail.
        let _ = write!(self.row, "{place},{time},{},", record.timestamp.type_code());
        let mut encoded = Vec::new();
        for (name, bytes) in [("key", record.key), ("value", record.value)] {
            if !push_bytes(&mut self.row, bytes) {
                encoded.push(name);
            }
            self.row.push(',');
        }
        if !push_headers(&mut self.row, record.headers) {
            encoded.push("headers");
        }
        self.row.push(',');
        self.row.push_str(&encoded.join(" "));
        self.row.push_str("\r\n");
        self.output.write_all(self.row.as_bytes())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Appends a field; whether its bytes stand there as they are, and not as Base64, because they are UTF-8.
fn push_bytes(row: &mut String, bytes: Option<&[u8]>) -> bool {
    let Some(bytes) = bytes else { return true };
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            push_text(row, text);
            true
        }
        Err(_) => {
            push_text(row, &BASE64.encode(bytes));
            false
        }
    }
}

fn push_text(row: &mut String, text: &str) {
    row.push('"');
    row.push_str(&text.replace('"', "\"\""));
    row.push('"');
}

/// Appends the headers as JSON, an array of pairs; nothing if there are none. Whether their names and values stand there as they
/// are, and not as Base64.
fn push_headers(row: &mut String, headers: &[Header<'_>]) -> bool {
    if headers.is_empty() {
        return true;
    }
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    let is_plain = headers
        .iter()
        .all(|header| is_text(header.name) && header.value.is_none_or(is_text));
    let text = |bytes: &[u8]| match is_plain {
        true => String::from_utf8_lossy(bytes).into_owned(),
        false => BASE64.encode(bytes),
    };
    let pairs: Vec<(String, Option<String>)> = headers
        .iter()
        .map(|header| (text(header.name), header.value.map(text)))
        .collect();
    push_text(row, &serde_json::json!(pairs).to_string());
    is_plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::record::Timestamp;

    fn rows(records: &[Record<'_>]) -> String {
        let mut output = Vec::new();
        let mut rows = CsvRows::begin(&mut output).unwrap();
        for record in records {
            rows.record(&TopicPartition::new("payments", 3), record).unwrap();
        }
        rows.finish().unwrap();
        String::from_utf8(output).unwrap().replace(COLUMNS, "")
    }

    #[test]
    fn null_empty_quotes_newlines_and_other_bytes_are_told_apart() {
        let record = Record {
            offset: 7,
            timestamp: Timestamp::CreateMs(1_000),
            key: None,
            value: Some(b""),
            headers: &[],
        };
        let quoted = Record {
            key: Some(b"a\"b,\n"),
            timestamp: Timestamp::Absent,
            ..record
        };
        let headers = [
            Header {
                name: b"n",
                value: None,
            },
            Header {
                name: b"\xff",
                value: Some(b"v"),
            },
        ];
        let bytes = Record {
            value: Some(b"\xff"),
            headers: &headers,
            ..record
        };
        assert_eq!(
            rows(&[record, quoted, bytes]),
            "payments,3,7,1000,0,,\"\",,\r\n\
             payments,3,7,,255,\"a\"\"b,\n\",\"\",,\r\n\
             payments,3,7,1000,0,,\"/w==\",\"[[\"\"bg==\"\",null],[\"\"/w==\"\",\"\"dg==\"\"]]\",value headers\r\n"
        );
    }
}
