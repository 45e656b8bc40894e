//! Writes the lines that were not sent, with place and reason, as JSONL, so that they can be corrected and sent again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::error::{Explain, Kind};

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write rejected lines file=`{}`", file.display())]
pub struct RejectsError {
    file: PathBuf,
    source: io::Error,
}

impl Explain for RejectsError {
    fn kind(&self) -> Kind {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some("name a file in an existing folder on a disk with free space: `--rejects FILE`".to_owned())
    }
}

/// One line of the file.
#[derive(Debug, Serialize)]
pub(super) struct Rejected<'a> {
    /// The name of the input.
    pub(super) file: &'a str,
    /// The line number, from 1.
    pub(super) line: u64,
    /// The reason, as a stable code.
    pub(super) reason: &'a str,
    /// The reason, as text.
    pub(super) detail: String,
    /// The length of the whole line, if only its start is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) length_bytes: Option<u64>,
}

/// Writes rejected lines to a file, if there is one.
#[derive(Debug)]
pub(super) struct Rejects {
    out: Option<(PathBuf, BufWriter<File>)>,
}

impl Rejects {
    /// Creates the file at once: an empty file means that no line was rejected.
    pub(super) fn open(file: Option<PathBuf>) -> Result<Rejects, RejectsError> {
        let open = |file: PathBuf| match File::create(&file) {
            Ok(opened) => Ok((file, BufWriter::new(opened))),
            Err(source) => Err(RejectsError { file, source }),
        };
        Ok(Rejects {
            out: file.map(open).transpose()?,
        })
    }

    pub(super) fn write(&mut self, rejected: &Rejected<'_>, line: &[u8]) -> Result<(), RejectsError> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            rejected: &'a Rejected<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            text: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            base64: Option<String>,
        }
        self.with(|out| {
            let text = std::str::from_utf8(line).ok();
            let base64 = text.is_none().then(|| STANDARD.encode(line));
            serde_json::to_writer(&mut *out, &Written { rejected, text, base64 })?;
            out.write_all(b"\n")
        })
    }

    /// Flushes the file.
    pub(super) fn finish(&mut self) -> Result<(), RejectsError> {
        self.with(BufWriter::flush)
    }

    fn with(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), RejectsError> {
        let Some((file, out)) = &mut self.out else {
            return Ok(());
        };
        write(out).map_err(|source| RejectsError {
            file: file.clone(),
            source,
        })
    }
}
