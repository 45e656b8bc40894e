//! The files of a sink below a prefix.

use crate::app::audit::request::Request;
use crate::audit::columns::Sink;
use crate::record::topic_pattern::glob_matches;
use crate::store::Entry;
use crate::task::error::AppError;

/// Objects that one request lists.
const PAGE: usize = 1000;

/// The files, and the number of other objects.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) files: Vec<Entry>,
    pub(super) ignored: u64,
}

/// Lists the files with the names that the request asks for.
pub(super) async fn list(request: &Request) -> Result<Listed, AppError> {
    let mut listed = Listed::default();
    let mut after: Option<String> = None;
    loop {
        let page = request.files.list(&request.prefix, after.as_deref(), PAGE).await;
        let page = page.map_err(AppError::CannotList)?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|entry| entry.key.clone()).or(after);
        for entry in page {
            if is_wanted(&entry.key, request) {
                listed.files.push(entry);
            } else {
                listed.ignored += 1;
            }
        }
        if is_last {
            return Ok(listed);
        }
    }
}

fn is_wanted(key: &str, request: &Request) -> bool {
    if let Some(pattern) = &request.pattern {
        return glob_matches(pattern, key) && !key.ends_with('/');
    }
    let folder = request.prefix.rfind('/').map_or(0, |at| at + 1);
    // Aiven's objects may have no ending.
    let columns = &request.columns;
    let names = if columns.sink == Some(Sink::Aiven) || columns.names.is_some() {
        Names::Any
    } else {
        Names::Parquet
    };
    is_data(&key[folder..], names)
}

/// Which names files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Any,
    Parquet,
}

/// Whether a sink's readers would take the object for data: names that begin with `_` or `.` are those of unfinished files and
/// of metadata, as Spark and Hive have it.
fn is_data(key: &str, names: Names) -> bool {
    let is_hidden = |part: &str| part.starts_with('.') || part.starts_with('_') && !part.contains('=');
    let name = key.rsplit('/').next().unwrap_or_default();
    let is_named = match names {
        Names::Any => !name.is_empty(),
        Names::Parquet => name.contains(".parquet") || name.ends_with(".parq"),
    };
    is_named && !key.split('/').any(is_hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_files_and_metadata_are_no_data() {
        for data in [
            "a/b.parquet",
            "_date=1/part-0.snappy.parquet",
            "t-0-1.parquet.gz",
            "x.parq",
        ] {
            assert!(is_data(data, Names::Parquet), "{data}");
        }
        for other in [
            "_temporary/0/part-0.parquet",
            "a/.part.parquet.crc",
            "_spark_metadata/0",
            "m/v1.json",
            "a.avro",
            "a/",
        ] {
            assert!(!is_data(other, Names::Parquet), "{other}");
        }
        assert!(is_data("orders-0-0", Names::Any) && !is_data("orders/", Names::Any));
    }
}
