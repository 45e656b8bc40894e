//! The inputs of a run, read on a separate thread, so that slow input does not delay deliveries or Ctrl-C.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::app::ingest::input::error::InputError;
use crate::app::ingest::input::lines::{Lines, Portion};
use crate::app::ingest::input::name::{STDIN, shown};
use crate::app::ingest::input::opening::{Stream, is_compressed, open_file, text_of};

/// Pieces in the queue.
const PIECES_AHEAD: usize = 2;

/// A source of events, decompressed if its first bytes are those of gzip or zstd.
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Any other stream, with a name for messages.
    Stream(String, Stream),
}

impl Input {
    /// The input that a command-line argument names: `-` is stdin.
    #[must_use]
    pub fn of_argument(argument: &Path) -> Input {
        if argument == Path::new("-") {
            Input::Stream(STDIN.to_owned(), Box::new(io::stdin()))
        } else {
            Input::File(argument.to_owned())
        }
    }

    /// The absolute path; `None` for stdin, pipes and devices.
    ///
    /// # Errors
    /// The path cannot be resolved, or is a directory.
    pub(crate) fn absolute_path(&self) -> Result<Option<PathBuf>, InputError> {
        let Input::File(path) = self else { return Ok(None) };
        let looked = path.metadata().and_then(|metadata| {
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            metadata.is_file().then(|| path.canonicalize()).transpose()
        });
        looked.map_err(|source| InputError::of(path, source))
    }

    /// Whether it is the regular file at `path`, under whatever name.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        let own = match self {
            Input::File(own) => own,
            Input::Stream(name, _) if name == STDIN => Path::new("/dev/stdin"),
            Input::Stream(..) => return false,
        };
        let (Ok(own), Ok(other)) = (own.metadata(), path.metadata()) else {
            return false;
        };
        own.is_file() && (own.dev(), own.ino()) == (other.dev(), other.ino())
    }

    /// How messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Input::File(path) => shown(path),
            Input::Stream(name, _) => name.clone(),
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

/// A part of the inputs.
pub(crate) enum Piece {
    /// The next input begins, with this name.
    Next(String),
    /// Lines of it.
    Portion(Portion),
    /// No more can be read of it.
    Broken(InputError),
}

/// The size of all inputs in bytes, if it is known.
pub(crate) fn total_bytes(inputs: &[Input]) -> Option<u64> {
    let size = |input: &Input| match input {
        Input::File(path) => {
            let metadata = path.metadata().ok()?;
            (metadata.is_file() && !is_compressed(path).ok()?).then_some(metadata.len())
        }
        Input::Stream(..) => None,
    };
    inputs.iter().map(size).sum()
}

/// Opens all inputs but named pipes and starts reading. The thread ends when the receiver is dropped.
///
/// # Errors
/// An input cannot be opened; then none is read.
pub(crate) fn read(inputs: Vec<Input>, line_max_bytes: usize) -> Result<Receiver<Piece>, InputError> {
    let opened: Result<Vec<_>, _> = inputs.into_iter().map(open).collect();
    let (opened, (sender, receiver)) = (opened?, sync_channel(PIECES_AHEAD));
    let thread = std::thread::Builder::new().name("input".to_owned());
    let begun = thread.spawn(move || {
        for (name, source) in opened {
            if sender.send(Piece::Next(name.clone())).is_err() {
                return;
            }
            // What is wrong with one input does not concern the next one.
            if let Err(source) = send_all(source, line_max_bytes, &sender)
                && sender.send(Piece::Broken(InputError { name, source })).is_err()
            {
                return;
            }
        }
    });
    begun.map(|_| receiver).map_err(|source| InputError {
        name: "a thread".to_owned(),
        source,
    })
}

/// Sends all pieces, until the receiver is dropped.
fn send_all(source: Source, line_max_bytes: usize, to: &SyncSender<Piece>) -> io::Result<()> {
    let stream = match source {
        Source::Open(stream) => stream,
        Source::Pipe(path) => open_file(&path)?,
    };
    let mut lines = Lines::new(text_of(stream)?, line_max_bytes);
    while let Some(portion) = lines.next_portion()? {
        if to.send(Piece::Portion(portion)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// What is read.
enum Source {
    Open(Stream),
    /// Opening a named pipe waits for somebody who writes to it.
    Pipe(PathBuf),
}

fn open(input: Input) -> Result<(String, Source), InputError> {
    let name = input.name();
    let path = match input {
        Input::Stream(_, stream) => return Ok((name, Source::Open(stream))),
        Input::File(path) => path,
    };
    let is_pipe = path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    if is_pipe {
        return Ok((name, Source::Pipe(path)));
    }
    match open_file(&path) {
        Ok(stream) => Ok((name, Source::Open(stream))),
        Err(source) => Err(InputError { name, source }),
    }
}
