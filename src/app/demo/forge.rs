//! Forges an archive for the demo: copies it and changes one value in one segment, rewriting the Parquet file as an honest
//! writer would, but without the signing key.

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
    let object = fs::read(path).map_err(|error| cannot("read", path, &error))?;
    let (forged, bytes) = rewrite(Bytes::from(object))?;
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

/// Rewrites the segment with another digit in the value of the record in its middle.
fn rewrite(object: Bytes) -> Result<(Forged, Vec<u8>), AppError> {
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
                .then(|| record.value.and_then(other_digit))
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
    let forged = forged.ok_or_else(|| AppError::internal("the demo found no value to forge"))?;
    let footer = Footer {
        records_root: rows.root(),
        ..footer
    };
    Ok((forged, encode(rows, &footer, segment.projection())?))
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
