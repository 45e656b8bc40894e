//! Names the records that targets refused, as JSONL. A line is on the disk before the progress that passes its record is
//! committed, so that a crash loses none; a record that was named before is not named again.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::app::restore::report::Refusal;
use crate::task::error::AppError;

/// The file, if there is one. Shared by the topics of a restore.
pub(super) struct Rejects(Option<(PathBuf, Mutex<Open>)>);

struct Open {
    file: File,
    named: HashSet<(String, i32, i64)>,
}

/// What identifies a line.
#[derive(Deserialize)]
struct Named {
    topic: String,
    partition: i32,
    offset: i64,
}

impl Rejects {
    pub(super) fn open(path: Option<&Path>) -> Result<Rejects, AppError> {
        let Some(path) = path else { return Ok(Rejects(None)) };
        let open = open(path).map_err(|error| cannot(path, &error))?;
        Ok(Rejects(Some((path.to_owned(), Mutex::new(open)))))
    }

    /// Names these records, and waits until the disk has them.
    pub(super) fn write(&self, refusals: &[Refusal]) -> Result<(), AppError> {
        let Some((path, open)) = self.0.as_ref().filter(|_| !refusals.is_empty()) else {
            return Ok(());
        };
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.write(refusals).map_err(|error| cannot(path, &error))
    }
}

impl Open {
    fn write(&mut self, refusals: &[Refusal]) -> io::Result<()> {
        let mut lines = Vec::new();
        for refusal in refusals {
            let place = (refusal.topic.clone(), refusal.partition, refusal.offset);
            if self.named.insert(place) {
                serde_json::to_writer(&mut lines, refusal)?;
                lines.push(b'\n');
            }
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()
    }
}

fn open(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut named = HashSet::new();
    let mut ends_in_newline = true;
    let mut reader = BufReader::new(&file);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        ends_in_newline = line.ends_with('\n');
        if let Ok(Named {
            topic,
            partition,
            offset,
        }) = serde_json::from_str(&line)
        {
            named.insert((topic, partition, offset));
        }
        line.clear();
    }
    let mut open = Open { file, named };
    // A crash may have left half a line.
    if !ends_in_newline {
        open.file.write_all(b"\n")?;
    }
    Ok(open)
}

fn cannot(path: &Path, error: &io::Error) -> AppError {
    AppError::input(format!("cannot write refused records to `{}`: {error}", path.display()))
        .fix("name a file in an existing folder on a disk with free space: `--rejects FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(offset: i64) -> Refusal {
        Refusal {
            topic: "payments".to_owned(),
            partition: 0,
            offset,
            reason: "its time is ahead".to_owned(),
        }
    }

    #[test]
    fn a_record_is_named_once_although_a_crash_repeats_it_and_half_a_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.jsonl");
        Rejects::open(Some(&path)).unwrap().write(&[refusal(5)]).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"topic\":\"pay")
            .unwrap();
        let again = Rejects::open(Some(&path)).unwrap();
        again.write(&[refusal(5), refusal(7)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let whole: Vec<Named> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        assert_eq!(whole.iter().map(|named| named.offset).collect::<Vec<_>>(), [5, 7]);
    }
}
