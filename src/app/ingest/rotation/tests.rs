//! Tests of which file an input is.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use super::*;
use crate::app::ingest::error::IngestError;
use crate::app::ingest::mark::{Known, Place, Reached, Subject};

const LINE_MAX_BYTES: usize = 1_000;

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn place(&self, name: &str) -> Place {
        Place {
            file: self.path(name).display().to_string(),
            only: None,
        }
    }

    /// What a run knows after it sent these lines of the file.
    fn sent(&self, name: &str, text: &str) -> Known {
        let seen = look(&self.path(name), LINE_MAX_BYTES).unwrap();
        let mut reached = Reached::default();
        reached.pass(text.as_bytes());
        let (first, mark) = reached.mark(&seen.standing).unwrap();
        let Place { file, only } = self.place(name);
        Known {
            subject: Subject { file, only, first },
            mark,
        }
    }

    fn begin(&self, name: &str, known: &[Known]) -> Result<Begin, IngestError> {
        let seen = look(&self.path(name), LINE_MAX_BYTES).unwrap();
        begin(&seen, &self.place(name), known, LINE_MAX_BYTES)
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

fn rotated(earlier: &Known, rest: Option<PathBuf>) -> Begin {
    Begin::Rotated(Rotation {
        earlier: earlier.clone(),
        rest,
        unsent: Vec::new(),
    })
}

#[test]
fn a_file_that_grew_continues_and_another_is_new() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    let known = [folder.sent("app.log", "a\nb\n")];
    folder.write("app.log", "a\nb\nc\n");
    folder.write("other.log", "x\n");
    assert_eq!(
        folder.begin("app.log", &known).unwrap(),
        Begin::Continue(known[0].clone())
    );
    assert_eq!(folder.begin("other.log", &known).unwrap(), Begin::New);
}

#[test]
fn a_log_rotated_by_renaming_is_found_and_continues_under_its_new_name() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    let known = [folder.sent("app.log", "a\nb\n")];
    folder.write("app.log", "a\nb\nc\n");
    fs::rename(folder.path("app.log"), folder.path("app.log.1")).unwrap();
    folder.write("app.log", "d\n");
    let rotated = rotated(&known[0], Some(folder.path("app.log.1")));
    assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
    assert_eq!(
        folder.begin("app.log.1", &known).unwrap(),
        Begin::Continue(known[0].clone())
    );
}

#[test]
fn a_log_rotated_by_copying_and_truncating_is_found_in_its_copy_compressed_or_not() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    let known = [folder.sent("app.log", "a\nb\n")];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"a\nb\nc\n").unwrap();
    for (copy, bytes) in [
        ("app.log.1", b"a\nb\nc\n".to_vec()),
        ("app-20250101.gz", gzip.finish().unwrap()),
    ] {
        fs::write(folder.path(copy), bytes).unwrap();
        folder.write("app.log", "d\n");
        let rotated = rotated(&known[0], Some(folder.path(copy)));
        assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
        fs::remove_file(folder.path(copy)).unwrap();
    }
}

#[test]
fn a_rotated_log_that_is_gone_is_told() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    let known = [folder.sent("app.log", "a\nb\n")];
    folder.write("app.log.1", "a\nx\nc\n");
    folder.write("app.log", "");
    let rotated = rotated(&known[0], None);
    assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
}

#[test]
fn an_edited_file_is_refused_whatever_its_inode_and_its_backup() {
    let folder = folder();
    folder.write("app.log", "a\nb\nc\n");
    let known = [folder.sent("app.log", "a\nb\nc\n")];
    fs::rename(folder.path("app.log"), folder.path("app.log~")).unwrap();
    for edited in [
        "x\nb\nc\n",
        "b\nc\n",
        "x\na\nb\nc\nd\n",
        "a\nx\nc\n",
        "a\nb\nx\n",
        "a\nb\n",
    ] {
        folder.write("app.log", edited);
        let error = folder.begin("app.log", &known).unwrap_err();
        assert!(
            matches!(error, IngestError::Changed { lines: 3, .. }),
            "{edited}: {error}"
        );
    }
}

/// Sets the time at which a file was written last.
fn touch(path: PathBuf, ms: i64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms.unsigned_abs());
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[test]
fn files_of_a_log_that_was_rotated_twice_are_told() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    touch(folder.path("app.log"), 5_000);
    let known = [folder.sent("app.log", "a\nb\n")];
    fs::rename(folder.path("app.log"), folder.path("app.log.3")).unwrap();
    for (name, written_ms) in [
        ("app.log.1", 7_000),
        ("app.log.2", 6_000),
        ("app.log.4", 4_000),
        ("app-other.log", 7_000),
    ] {
        folder.write(name, &format!("{name}\n"));
        touch(folder.path(name), written_ms);
    }
    folder.write("app.log.5", "");
    folder.write("app.log", "z\n");
    let Begin::Rotated(rotation) = folder.begin("app.log", &known).unwrap() else {
        panic!("not rotated")
    };
    assert_eq!(rotation.rest, Some(folder.path("app.log.3")));
    assert_eq!(rotation.unsent, [folder.path("app.log.2"), folder.path("app.log.1")]);
    // Those that were sent meanwhile are not told again.
    let known = [
        folder.sent("app.log.1", "app.log.1\n"),
        folder.sent("app.log.2", "app.log.2\n"),
        known[0].clone(),
    ];
    let Begin::Rotated(rotation) = folder.begin("app.log", &known).unwrap() else {
        panic!("not rotated")
    };
    assert_eq!(rotation.unsent, Vec::<PathBuf>::new());
}

#[test]
fn a_log_whose_files_all_begin_with_the_same_line_is_found_by_all_its_lines() {
    let folder = folder();
    folder.write("app.log", "started\na\nb\n");
    let known = [folder.sent("app.log", "started\na\n")];
    // By copying and truncating.
    fs::copy(folder.path("app.log"), folder.path("app.log.1")).unwrap();
    folder.write("app.log", "started\nc\n");
    let copied = rotated(&known[0], Some(folder.path("app.log.1")));
    assert_eq!(folder.begin("app.log", &known).unwrap(), copied);
    // By renaming.
    folder.write("app.log", "started\na\nb\n");
    fs::remove_file(folder.path("app.log.1")).unwrap();
    fs::rename(folder.path("app.log"), folder.path("app.log.1")).unwrap();
    folder.write("app.log", "started\nc\n");
    assert_eq!(folder.begin("app.log", &known).unwrap(), copied);
    // A copy beside a file that only grew does not matter.
    let continued = Begin::Continue(known[0].clone());
    assert_eq!(folder.begin("app.log.1", &known).unwrap(), continued);
    fs::copy(folder.path("app.log.1"), folder.path("app.log.2")).unwrap();
    assert_eq!(folder.begin("app.log.1", &known).unwrap(), continued);
}

#[test]
fn another_file_with_the_same_first_line_is_new_whatever_its_inode() {
    let folder = folder();
    folder.write("run-1.log", "started\n");
    let known = [folder.sent("run-1.log", "started\n")];
    folder.write("run-2.log", "started\nb\n");
    assert_eq!(folder.begin("run-2.log", &known).unwrap(), Begin::New);
    // The inode of a file that was deleted is given to the next one.
    folder.write("run-3.log", "started\na\n");
    let known = [folder.sent("run-3.log", "started\na\n")];
    fs::rename(folder.path("run-3.log"), folder.path("run-4.log")).unwrap();
    folder.write("run-4.log", "started\nc\n");
    assert_eq!(folder.begin("run-4.log", &known).unwrap(), Begin::New);
}

#[test]
fn a_file_that_may_be_rotated_or_copied_is_refused() {
    let folder = folder();
    folder.write("app.log", "a\nb\n");
    let known = [folder.sent("app.log", "a\nb\n")];
    fs::rename(folder.path("app.log"), folder.path("app.log.1")).unwrap();
    folder.write("app.log", "a\nb\nc\n");
    let error = folder.begin("app.log", &known).unwrap_err();
    assert!(
        matches!(&error, IngestError::Ambiguous { other, lines: 2, .. } if other.ends_with("app.log.1")),
        "{error}"
    );
}
