//! A mark says how far a file was sent: a number of lines and their digest. It is kept in Kafka with what was sent, so that a
//! later run continues there, and notices if those lines were changed.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::record::hash::{Hash, Hashing};

const TYPE: &str = "kivend.ingest/v1";
/// Bytes of a line that is too long that go into the digest, besides its length.
const TOO_LONG_BYTES: usize = 1024;

/// What a mark is about: a file by its absolute path, and the filter.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Subject {
    pub(super) file: String,
    pub(super) only: Option<String>,
}

impl Subject {
    /// The record key in the ledger.
    pub(super) fn key(&self) -> String {
        // Serializing two strings cannot fail.
        canonical::to_text(self).unwrap_or_default().trim_end().to_owned()
    }

    /// Depends on this file and ledger only: a second run that sends the same file fences the first.
    pub(super) fn transactional_id(&self, ledger: &str) -> String {
        let id = Hash::of_parts(&[ledger.as_bytes(), b"\n", self.key().as_bytes()]).to_string();
        format!("kivend-ingest-{}", &id[..32])
    }
}

/// A record of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    r#type: String,
    /// The number of lines of the file that were sent, rejected or filtered.
    pub(super) lines: u64,
    /// The digest of these lines.
    pub(super) sha256: Hash,
}

impl Mark {
    /// The mark of a file of which nothing was sent.
    pub(super) fn nothing() -> Mark {
        Reached::default().mark()
    }

    /// Parses a record of the ledger; `None` if it is not a mark.
    pub(super) fn parse(entry: &[u8]) -> Option<Mark> {
        let mark: Mark = serde_json::from_slice(entry).ok()?;
        (mark.r#type == TYPE).then_some(mark)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Serializing a number and two strings cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The position of a run in a file.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) lines: u64,
    hashing: Hashing,
}

impl Reached {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            r#type: TYPE.to_owned(),
            lines: self.lines,
            sha256: self.hashing.so_far(),
        }
    }

    /// Advances over these whole lines. The newline that the last line may lack does not change the digest.
    pub(super) fn pass(&mut self, lines: &[u8]) {
        self.lines += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.hashing.update(lines);
        if lines.last().is_some_and(|last| *last != b'\n') {
            self.lines += 1;
            self.hashing.update(b"\n");
        }
    }

    /// Advances over a line of which only the start was kept.
    pub(super) fn pass_too_long(&mut self, start: &[u8], length_bytes: u64) {
        self.lines += 1;
        self.hashing.update(&start[..start.len().min(TOO_LONG_BYTES)]);
        self.hashing.update(&length_bytes.to_be_bytes());
    }

    /// Advances over lines of `chunk` up to `mark`, and returns the index after them; `None` if they are not the lines that the
    /// mark is about.
    pub(super) fn skip(&mut self, chunk: &[u8], mark: &Mark) -> Option<usize> {
        let wanted = usize::try_from(mark.lines.saturating_sub(self.lines)).unwrap_or(usize::MAX);
        let end = match wanted.checked_sub(1) {
            None => 0,
            Some(last) => memchr::memchr_iter(b'\n', chunk)
                .nth(last)
                .map_or(chunk.len(), |newline| newline + 1),
        };
        self.pass(&chunk[..end]);
        self.fits(mark).then_some(end)
    }

    /// Whether the lines so far can be the first lines that the mark is about.
    pub(super) fn fits(&self, mark: &Mark) -> bool {
        self.lines != mark.lines || self.hashing.so_far() == mark.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(parts: &[&[u8]]) -> Reached {
        let mut reached = Reached::default();
        parts.iter().for_each(|part| reached.pass(part));
        reached
    }

    #[test]
    fn a_mark_does_not_depend_on_the_size_of_pieces() {
        assert_eq!(reached(&[b"a\nb\nc\n"]).mark(), reached(&[b"a\n", b"b\nc\n"]).mark());
    }

    #[test]
    fn a_newline_added_to_the_last_line_does_not_change_the_mark() {
        assert_eq!(reached(&[b"a\nb"]).mark(), reached(&[b"a\nb\n"]).mark());
    }

    #[test]
    fn a_later_run_begins_after_the_marked_lines() {
        let mark = reached(&[b"a\nb\n"]).mark();
        let mut again = Reached::default();
        assert_eq!(again.skip(b"a\n", &mark), Some(2));
        assert_eq!(again.skip(b"b\nc\n", &mark), Some(2));
        assert_eq!(again.skip(b"d\n", &mark), Some(0));
    }

    #[test]
    fn a_change_in_the_marked_lines_is_noticed_and_one_after_them_is_not() {
        let mark = reached(&[b"a\nb\n"]).mark();
        assert_eq!(Reached::default().skip(b"x\nb\nc\n", &mark), None);
        assert_eq!(Reached::default().skip(b"a\nb\nx\n", &mark), Some(4));
        assert_eq!(Reached::default().skip(b"a\nbc\n", &mark), None);
    }

    #[test]
    fn an_entry_can_be_parsed_and_other_text_is_not_an_entry() {
        let mark = reached(&[b"a\n"]).mark();
        assert_eq!(Mark::parse(&mark.to_bytes()), Some(mark));
        assert_eq!(Mark::parse(b"{}"), None);
        assert_eq!(
            Mark::parse(b"{\"type\":\"kivend.ingest/v2\",\"lines\":1,\"sha256\":\"\"}"),
            None
        );
    }
}
