//! Forges an archive for the demo: copies it and turns one failed payment into a successful one, rewriting the Parquet file as
//! an honest writer would, but without the signing key.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;

use crate::app::demo::error::cannot;
use crate::log::object_key::SEGMENTS;
use crate::record::record::Record;
use crate::segment::decode::Segment;
use crate::segment::encode::encode;
use crate::segment::footer::Footer;
use crate::segment::rows::Rows;
use crate::task::error::AppError;

const FAILED: &str = "\"payment_failure\"";
const PAID: &str = "\"payment_success\"";

/// The forged record.
#[derive(Debug, Clone, Serialize)]
pub struct Forged {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The key of the segment.
    pub object: String,
    /// The value before.
    pub before: String,
    /// The value after.
    pub after: String,
}

/// Copies the archive to `copy` and forges one payment in the copy.
pub fn forge_one_value(archive: &Path, copy: &Path) -> Result<Forged, AppError> {
    let mut segments = Vec::new();
    copy_folder(archive, copy, &mut segments).map_err(|error| cannot("copy", archive, &error))?;
    segments.sort();
    let chosen = segments
        .iter()
        .find(|path| path.to_string_lossy().contains("payments"))
        .or(segments.first());
    let Some(path) = chosen else {
        return Err(AppError::internal("the demo's archive has no segment to forge"));
    };
    let object = Bytes::from(fs::read(path).map_err(|error| cannot("read", path, &error))?);
    // With a routing of the user's own, the segment may have no such payment.
    let forged = match rewrite(object.clone(), paid)? {
        Some(forged) => Some(forged),
        None => rewrite(object, other_digit)?,
    };
    let (forged, bytes) = forged.ok_or_else(|| AppError::internal("the demo found no value to forge"))?;
    fs::write(path, bytes).map_err(|error| cannot("write", path, &error))?;
    let key = path.strip_prefix(copy).unwrap_or(path).to_string_lossy().into_owned();
    Ok(Forged { object: key, ..forged })
}

fn copy_folder(from: &Path, to: &Path, segments: &mut Vec<PathBuf>) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy_folder(&from, &to, segments)?;
        } else {
            fs::copy(&from, &to)?;
            if to.extension().is_some_and(|kind| kind == "parquet") && to.to_string_lossy().contains(SEGMENTS) {
                segments.push(to);
            }
        }
    }
    Ok(())
}

/// Rewrites the segment with the first value from its middle on that `forge` changes; `None` if it changes none.
fn rewrite(object: Bytes, forge: fn(&[u8]) -> Option<Vec<u8>>) -> Result<Option<(Forged, Vec<u8>)>, AppError> {
    let corrupt = |error: crate::segment::error::Unreadable| AppError::corrupt(error.to_string());
    let segment = Segment::open(object).map_err(corrupt)?;
    let footer = segment.footer().clone();
    let middle = i64::try_from(footer.record_count / 2).unwrap_or(0);
    let mut rows = Rows::new(&footer.topic_partition);
    let mut forged = None;
    let mut index = 0;
    segment
        .for_each_record(|record| {
            let after = (index >= middle && forged.is_none())
                .then(|| record.value.and_then(forge))
                .flatten();
            match (&after, record.value) {
                (Some(after), Some(before)) => {
                    rows.push(&Record {
                        value: Some(after),
                        ..*record
                    });
                    forged = Some(Forged {
                        topic: footer.topic_partition.topic.to_string(),
                        partition: footer.topic_partition.partition,
                        offset: record.offset,
                        object: String::new(),
                        before: String::from_utf8_lossy(before).into_owned(),
                        after: String::from_utf8_lossy(after).into_owned(),
                    });
                }
                _ => rows.push(record),
            }
            index += 1;
        })
        .map_err(corrupt)?;
    let Some(forged) = forged else {
        return Ok(None);
    };
    let footer = Footer {
        records_root: rows.root(),
        ..footer
    };
    Ok(Some((forged, encode(rows, &footer, segment.projection())?)))
}

/// The value of a failed payment as that of a successful one.
fn paid(value: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memmem::find(value, FAILED.as_bytes())?;
    Some([&value[..at], PAID.as_bytes(), &value[at + FAILED.len()..]].concat())
}

/// The value with its last digit changed: still valid JSON, and plausible.
fn other_digit(value: &[u8]) -> Option<Vec<u8>> {
    let position = value.iter().rposition(u8::is_ascii_digit)?;
    let mut other = value.to_vec();
    other[position] = if other[position] == b'9' {
        b'1'
    } else {
        other[position] + 1
    };
    Some(other)
}
