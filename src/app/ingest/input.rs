//! Reads files and streams as pieces of whole lines, on a separate thread, so that slow input does not delay deliveries or
//! Ctrl-C.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::error::{Explain, Kind};

/// Bytes read at once; most pieces have this size.
const PIECE_BYTES: usize = 1 << 20;

/// Pieces in the queue.
const PIECES_AHEAD: usize = 2;

/// A source of events.
pub enum Input {
    /// A file, decompressed if its name ends in `.gz` or `.zst`.
    File(PathBuf),
    /// Any other stream, with a name for messages.
    Stream(String, Box<dyn Read + Send>),
}

impl Input {
    /// The input that a command-line argument names: `-` is stdin.
    #[must_use]
    pub fn of_argument(argument: &Path) -> Input {
        if argument == Path::new("-") {
            Input::Stream("stdin".to_owned(), Box::new(io::stdin()))
        } else {
            Input::File(argument.to_owned())
        }
    }

    /// The absolute path; `None` for stdin, pipes and devices.
    ///
    /// # Errors
    /// The path cannot be resolved.
    pub(super) fn absolute_path(&self) -> Result<Option<String>, InputError> {
        let Input::File(path) = self else { return Ok(None) };
        let looked = path
            .canonicalize()
            .and_then(|path| Ok((path.metadata()?.is_file(), path)));
        match looked {
            Ok((is_file, path)) => Ok(is_file.then(|| path.to_string_lossy().into_owned())),
            Err(source) => Err(InputError {
                name: self.name(),
                source,
            }),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Stream(name, _) => name.clone(),
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

/// An input that cannot be opened or read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read events file=`{name}`")]
pub struct InputError {
    name: String,
    source: io::Error,
}

impl Explain for InputError {
    fn kind(&self) -> Kind {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some(match self.source.kind() {
            io::ErrorKind::NotFound => "check the path".to_owned(),
            io::ErrorKind::IsADirectory => "name the files in the directory".to_owned(),
            io::ErrorKind::UnexpectedEof => {
                "the file is truncated: copy it again, then ingest the rest of it".to_owned()
            }
            _ => "check that the file is readable and, if it is compressed, complete".to_owned(),
        })
    }
}

/// A part of the input.
pub(super) enum Piece {
    /// The next input begins.
    Next,
    /// Whole lines; only the last line of an input may lack its newline.
    Lines(Vec<u8>),
    /// A line that is too long to be sent: its first bytes and its length.
    TooLong { start: Vec<u8>, length_bytes: u64 },
    /// The input failed; no more pieces follow.
    Broken(InputError),
}

pub(super) fn names(inputs: &[Input]) -> Vec<String> {
    inputs.iter().map(Input::name).collect()
}

/// The size of all inputs in bytes, if it is known.
pub(super) fn total_bytes(inputs: &[Input]) -> Option<u64> {
    let size = |input: &Input| match input {
        Input::File(path) if Compression::of(path) == Compression::None => {
            let metadata = path.metadata().ok()?;
            metadata.is_file().then_some(metadata.len())
        }
        _ => None,
    };
    inputs.iter().map(size).sum()
}

/// Opens all inputs and starts reading. The thread ends when the receiver is dropped.
///
/// # Errors
/// An input cannot be opened; then none is read.
pub(super) fn read(inputs: Vec<Input>, line_max_bytes: usize) -> Result<Receiver<Piece>, InputError> {
    let opened: Result<Vec<_>, _> = inputs.into_iter().map(open).collect();
    let (opened, (sender, receiver)) = (opened?, sync_channel(PIECES_AHEAD));
    let thread = std::thread::Builder::new().name("input".to_owned());
    let begun = thread.spawn(move || {
        for (name, stream) in opened {
            if sender.send(Piece::Next).is_err() {
                return;
            }
            if let Err(source) = Lines::new(stream, line_max_bytes).send_all(&sender) {
                // If the receiver is gone, the run has ended.
                let _ = sender.send(Piece::Broken(InputError { name, source }));
                return;
            }
        }
    });
    begun.map(|_| receiver).map_err(|source| InputError {
        name: "a thread".to_owned(),
        source,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(path: &Path) -> Compression {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

fn open(input: Input) -> Result<(String, Box<dyn Read + Send>), InputError> {
    let name = input.name();
    let stream = match input {
        Input::Stream(_, stream) => Ok(stream),
        Input::File(path) => open_file(&path),
    };
    match stream {
        Ok(stream) => Ok((name, stream)),
        Err(source) => Err(InputError { name, source }),
    }
}

fn open_file(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(match Compression::of(path) {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(
            1 << 16,
            file,
        ))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    })
}

/// Splits a stream into pieces after newlines.
struct Lines {
    stream: Box<dyn Read + Send>,
    line_max_bytes: usize,
    /// Bytes that were read but are not in a piece yet.
    carried: Vec<u8>,
}

impl Lines {
    fn new(stream: Box<dyn Read + Send>, line_max_bytes: usize) -> Lines {
        Lines {
            stream,
            line_max_bytes,
            carried: Vec::new(),
        }
    }

    /// Sends all pieces, until the receiver is dropped.
    fn send_all(&mut self, to: &SyncSender<Piece>) -> io::Result<()> {
        while let Some(piece) = self.next_piece()? {
            if to.send(piece).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns what is available as soon as it holds a whole line, so that a slow stream is not delayed.
    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let mut buffer = std::mem::take(&mut self.carried);
        let (mut searched, mut filled) = (0, buffer.len());
        buffer.resize(PIECE_BYTES.max(self.line_max_bytes + 1).max(filled) + 1, 0);
        loop {
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[searched..filled]) {
                let end = searched + newline + 1;
                self.carried = buffer[end..filled].to_vec();
                buffer.truncate(end);
                if end < buffer.capacity() / 2 {
                    buffer.shrink_to_fit();
                }
                return Ok(Some(Piece::Lines(buffer)));
            }
            searched = filled;
            if filled == buffer.len() {
                return self.skip_line(buffer).map(Some);
            }
            let read = read_some(&mut self.stream, &mut buffer[filled..])?;
            if read == 0 {
                buffer.truncate(filled);
                return Ok((filled > 0).then_some(Piece::Lines(buffer)));
            }
            filled += read;
        }
    }

    /// Reads to the end of a line that is too long; `start` is its first part.
    fn skip_line(&mut self, start: Vec<u8>) -> io::Result<Piece> {
        let mut length_bytes = start.len() as u64;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = read_some(&mut self.stream, &mut buffer)?;
            let newline = memchr::memchr(b'\n', &buffer[..read]);
            length_bytes += newline.unwrap_or(read) as u64;
            if let Some(newline) = newline {
                self.carried = buffer[newline + 1..read].to_vec();
            }
            if newline.is_some() || read == 0 {
                return Ok(Piece::TooLong { start, length_bytes });
            }
        }
    }
}

fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
