//! Splits a text into pieces of whole lines.

use std::io::{self, Read};

use crate::app::ingest::input::opening::Stream;

/// Bytes read at once; most pieces have this size.
const PIECE_BYTES: usize = 1 << 20;

/// A part of a text.
pub(in crate::app::ingest) enum Portion {
    /// Whole lines; only the last line of a text may lack its newline.
    Lines(Vec<u8>),
    /// A line that is too long to be sent.
    TooLong(TooLong),
}

/// A line of which only the start was kept.
pub(in crate::app::ingest) struct TooLong {
    /// Its first bytes.
    pub(in crate::app::ingest) start: Vec<u8>,
    /// The length of all of it.
    pub(in crate::app::ingest) length_bytes: u64,
    /// Whether it ends with a newline.
    pub(in crate::app::ingest) is_ended: bool,
}

/// Splits a stream into pieces after newlines.
pub(in crate::app::ingest) struct Lines {
    stream: Stream,
    line_max_bytes: usize,
    /// Bytes that were read but are not in a piece yet.
    carried: Vec<u8>,
}

impl Lines {
    pub(in crate::app::ingest) fn new(stream: Stream, line_max_bytes: usize) -> Lines {
        Lines {
            stream,
            line_max_bytes,
            carried: Vec::new(),
        }
    }

    /// Returns what is available as soon as it holds a whole line, so that a slow stream is not delayed.
    pub(in crate::app::ingest) fn next_portion(&mut self) -> io::Result<Option<Portion>> {
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
                return Ok(Some(Portion::Lines(buffer)));
            }
            searched = filled;
            if filled == buffer.len() {
                return self.skip_line(buffer).map(Some);
            }
            let read = read_some(&mut self.stream, &mut buffer[filled..])?;
            if read == 0 {
                buffer.truncate(filled);
                return Ok((filled > 0).then_some(Portion::Lines(buffer)));
            }
            filled += read;
        }
    }

    /// Reads to the end of a line that is too long; `start` is its first part.
    fn skip_line(&mut self, start: Vec<u8>) -> io::Result<Portion> {
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
                return Ok(Portion::TooLong(TooLong {
                    start,
                    length_bytes,
                    is_ended: newline.is_some(),
                }));
            }
        }
    }
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
