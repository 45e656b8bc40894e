//! Splits a text into pieces of whole lines.
//!
//! NUL bytes before a line are padding, and left out: a log that is truncated while its writer keeps its place begins with
//! them, and a crash of the machine leaves them where data had not reached the disk.

use std::io;

use crate::app::ingest::input::opening::{Stream, read_some};

/// Bytes read at once; most pieces have this size.
const PIECE_BYTES: usize = 1 << 20;

/// A part of a text.
pub(crate) enum Portion {
    /// Whole lines; only the last line of a text may lack its newline.
    Lines(Vec<u8>),
    /// A line that is too long to be sent.
    TooLong(TooLong),
}

/// A line of which only the start was kept.
pub(crate) struct TooLong {
    /// Its first bytes.
    pub(crate) start: Vec<u8>,
    /// The length of all of it.
    pub(crate) length_bytes: u64,
    /// Whether it ends with a newline.
    pub(crate) is_ended: bool,
}

/// Splits a stream into pieces after newlines.
pub(crate) struct Lines {
    stream: Stream,
    line_max_bytes: usize,
    /// Bytes that were read but are not in a piece yet.
    carried: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(stream: Stream, line_max_bytes: usize) -> Lines {
        Lines {
            stream,
            line_max_bytes,
            carried: Vec::new(),
        }
    }

    /// Returns what is available as soon as it holds a whole line, so that a slow stream is not delayed.
    pub(crate) fn next_portion(&mut self) -> io::Result<Option<Portion>> {
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
            let is_line_start = filled == 0 || buffer[filled - 1] == b'\n';
            filled += without_padding(&mut buffer[filled..filled + read], is_line_start);
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
                let length = without_padding(&mut self.carried, true);
                self.carried.truncate(length);
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

/// Moves the bytes together without the NUL bytes before each line; returns how many are left.
fn without_padding(bytes: &mut [u8], is_line_start: bool) -> usize {
    if memchr::memchr(0, bytes).is_none() {
        return bytes.len();
    }
    let (mut from, mut to, mut is_line_start) = (0, 0, is_line_start);
    while from < bytes.len() {
        if is_line_start {
            from += bytes[from..].iter().take_while(|byte| **byte == 0).count();
        }
        let newline = memchr::memchr(b'\n', &bytes[from..]);
        let end = newline.map_or(bytes.len(), |newline| from + newline + 1);
        bytes.copy_within(from..end, to);
        to += end - from;
        (from, is_line_start) = (end, true);
    }
    to
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Returns a byte at a time.
    struct Slow(std::io::Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    /// The whole lines, and the lengths of those that are too long.
    fn split(stream: Stream) -> (Vec<u8>, Vec<u64>) {
        let (mut lines, mut text, mut too_long) = (Lines::new(stream, 2_000), Vec::new(), Vec::new());
        while let Some(portion) = lines.next_portion().unwrap() {
            match portion {
                Portion::Lines(lines) => text.extend(lines),
                Portion::TooLong(line) => too_long.push(line.length_bytes),
            }
        }
        (text, too_long)
    }

    #[test]
    fn padding_before_lines_is_left_out_and_nul_bytes_in_lines_are_kept() {
        for (padded, expected) in [
            (&b"\0\0a\nb\n"[..], &b"a\nb\n"[..]),
            (b"a\n\0\0\0b\n\0", b"a\nb\n"),
            (b"a\0b\n\0c\0\0\n", b"a\0b\nc\0\0\n"),
            (b"\0\0\n\0a", b"\na"),
            (b"\0\0\0", b""),
        ] {
            let all = split(Box::new(std::io::Cursor::new(padded.to_vec())));
            assert_eq!(all.0, expected, "{}", padded.escape_ascii());
            let slowly = split(Box::new(Slow(std::io::Cursor::new(padded.to_vec()))));
            assert_eq!(slowly.0, expected, "{}", padded.escape_ascii());
        }
    }

    #[test]
    fn padding_that_is_longer_than_a_piece_is_not_a_line() {
        let hole = vec![0; 3 * PIECE_BYTES];
        let text = [&hole[..], b"a\n", &vec![b'x'; 2 * PIECE_BYTES], b"\n", &hole, b"b\n"].concat();
        let (lines, too_long) = split(Box::new(std::io::Cursor::new(text)));
        assert_eq!(lines, b"a\nb\n");
        assert_eq!(too_long, [2 * PIECE_BYTES as u64]);
    }
}
