//! The folder with the records of a selection, their proof, and a page that explains them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::app::export::{Form, Rows};
use crate::app::prove::selection::Selected;
use crate::record::decode::Encoded;
use crate::record::record::Record;
use crate::verify::html::render_retrieval;
use crate::verify::retrieval::{LINES, PAGE, PROOF, ROWS, Retrieval, ShownRecord};

/// Records on the page.
const SHOWN: usize = 100;
/// Characters of a key or value on the page.
const SHOWN_CHARS: usize = 300;

/// Writes the files to an empty folder, and returns what is in them.
///
/// # Errors
/// Why a file cannot be written.
pub fn write_folder(folder: &Path, selected: Selected) -> io::Result<Retrieval> {
    let Selected {
        text,
        mut retrieval,
        records,
    } = selected;
    write(&folder.join(PROOF), |file| file.write_all(text.as_bytes()))?;
    drop(text);
    retrieval.without_line = write(&folder.join(LINES), |file| {
        write_records(Form::Jsonl, Form::Jsonl.rows(file)?, &records)
    })?;
    write(&folder.join(ROWS), |file| {
        write_records(Form::Parquet, Form::rows_only(file)?, &records)
    })?;
    for encoding in records.iter().take(SHOWN) {
        retrieval.shown.push(shown(&read(encoding)?));
    }
    let page = render_retrieval(&retrieval);
    write(&folder.join(PAGE), |file| file.write_all(page.as_bytes()))?;
    File::open(folder)?.sync_all()?;
    Ok(retrieval)
}

fn write<T>(file: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create_new(file)?);
    let filled = fill(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(filled)
}

/// Writes the records in a form, and returns how many have no place in it.
fn write_records(form: Form, mut rows: Box<dyn Rows + '_>, records: &[Vec<u8>]) -> io::Result<u64> {
    let mut left_out = 0;
    for encoding in records {
        let encoded = read(encoding)?;
        let record: Record<'_> = encoded.record();
        if form.takes(record.value) {
            rows.record(&encoded.partition, &record)?;
        } else {
            left_out += 1;
        }
    }
    rows.finish()?;
    Ok(left_out)
}

fn read(encoding: &[u8]) -> io::Result<Encoded<'_>> {
    Encoded::read(encoding).map_err(io::Error::other)
}

fn shown(encoded: &Encoded<'_>) -> ShownRecord {
    let record = encoded.record();
    ShownRecord {
        place: format!(
            "{} {} {}",
            encoded.partition.topic, encoded.partition.partition, record.offset
        ),
        timestamp_ms: record.timestamp.ms(),
        key: shortened(record.key),
        value: shortened(record.value),
    }
}

fn shortened(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
