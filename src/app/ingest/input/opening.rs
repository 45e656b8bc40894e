//! Opens an input as text: looks at its first bytes, decompresses it, and refuses what is known not to be JSON Lines.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use crate::app::ingest::input::compression::{Compression, MAGIC_BYTES};
use crate::app::ingest::input::error::OtherForm;
use crate::app::ingest::input::form::form_of;
use crate::app::ingest::input::gzip::GzipMembers;

/// How much of a text is looked at.
const START_BYTES: usize = 16 << 10;

/// A stream that can be read on another thread.
pub(crate) type Stream = Box<dyn Read + Send>;

pub(super) fn open_file(path: &Path) -> io::Result<Stream> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(file))
}

/// Whether the file is compressed.
pub(super) fn is_compressed(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
    Ok(Compression::of(&start).is_some())
}

/// The text of a file.
pub(crate) fn open_text(path: &Path) -> io::Result<Stream> {
    text_of(open_file(path)?)
}

/// The text of a stream, decompressed. Reads its beginning, and waits for it if it is slow.
pub(super) fn text_of(mut stream: Stream) -> io::Result<Stream> {
    let start = beginning(&mut stream, MAGIC_BYTES)?;
    let packed = Compression::of(&start);
    let stream = Cursor::new(start).chain(stream);
    let mut text: Stream = match packed {
        None => Box::new(stream),
        Some(Compression::Gzip) => Box::new(GzipMembers::new(BufReader::with_capacity(1 << 16, stream))),
        Some(Compression::Zstd) => Box::new(zstd::stream::read::Decoder::new(stream)?),
    };
    let mut start = vec![0; START_BYTES];
    let mut filled = 0;
    while filled < start.len() && !is_enough(&start[..filled]) {
        match read_some(&mut text, &mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    match form_of(&start) {
        Some(form) => Err(OtherForm { form, packed }.into()),
        None => Ok(Box::new(Cursor::new(start).chain(text))),
    }
}

/// Whether these lines decide, so that a slow pipe is not waited for: one line that may be an event, or two others.
fn is_enough(start: &[u8]) -> bool {
    let mut newlines = memchr::memchr_iter(b'\n', start);
    match newlines.next() {
        None => false,
        Some(end) => start[..end].trim_ascii_end().ends_with(b"}") || newlines.next().is_some(),
    }
}

/// The first `wanted` bytes, or all if there are fewer.
fn beginning(stream: &mut Stream, wanted: usize) -> io::Result<Vec<u8>> {
    let mut start = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match read_some(stream, &mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    Ok(start)
}

/// Reads once, and again if a signal interrupts it.
pub(super) fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
