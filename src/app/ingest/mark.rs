//! How far a file was sent: lines, and the digest of what they are. Kept in Kafka beside what was sent, so that a later
//! run goes on there, and notices that the file is another. Never says anything of lines that were not sent.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::record::hash::{Hash, Hashing};

const TYPE: &str = "kivend.ingest/v1";
/// So much of a line beyond all bounds goes into the digest, with its length.
const TOO_LONG_BYTES: usize = 1024;

/// Whose mark it is: a file by its absolute path, and what is left out of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Subject {
    pub(super) file: String,
    pub(super) only: Option<String>,
}

impl Subject {
    /// The key in the ledger.
    pub(super) fn key(&self) -> String {
        // Two strings always serialise.
        canonical::to_text(self).unwrap_or_default().trim_end().to_owned()
    }

    /// Of this file and its ledger alone: whoever sends the same file shuts out the one before.
    pub(super) fn transactional_id(&self, ledger: &str) -> String {
        let id = Hash::of_parts(&[ledger.as_bytes(), b"\n", self.key().as_bytes()]).to_string();
        format!("kivend-ingest-{}", &id[..32])
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    r#type: String,
    /// So many lines of the file were sent, rejected or left out.
    pub(super) lines: u64,
    /// Of these lines.
    pub(super) sha256: Hash,
}

impl Mark {
    /// Of a file of which nothing was sent.
    pub(super) fn nothing() -> Mark {
        Reached::default().mark()
    }

    /// Nothing where it is no mark.
    pub(super) fn parse(entry: &[u8]) -> Option<Mark> {
        let mark: Mark = serde_json::from_slice(entry).ok()?;
        (mark.r#type == TYPE).then_some(mark)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A number and two strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// How far a run has come in a file.
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

    /// These whole lines were read; the last of a file may lack its newline, which makes no difference.
    pub(super) fn pass(&mut self, lines: &[u8]) {
        self.lines += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.hashing.update(lines);
        if lines.last().is_some_and(|last| *last != b'\n') {
            self.lines += 1;
            self.hashing.update(b"\n");
        }
    }

    /// A line of which only the start was kept.
    pub(super) fn pass_too_long(&mut self, start: &[u8], length_bytes: u64) {
        self.lines += 1;
        self.hashing.update(&start[..start.len().min(TOO_LONG_BYTES)]);
        self.hashing.update(&length_bytes.to_be_bytes());
    }

    /// Passes lines of `chunk` up to `mark`, and returns where the new ones begin; nothing where they are not those of the
    /// mark.
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

    /// Whether what was passed can be what the mark is of.
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
    fn a_mark_does_not_depend_on_how_the_file_was_cut_into_pieces() {
        assert_eq!(reached(&[b"a\nb\nc\n"]).mark(), reached(&[b"a\n", b"b\nc\n"]).mark());
    }

    #[test]
    fn the_newline_that_is_added_later_to_the_last_line_changes_nothing() {
        assert_eq!(reached(&[b"a\nb"]).mark(), reached(&[b"a\nb\n"]).mark());
    }

    #[test]
    fn a_later_run_begins_after_the_marked_lines_wherever_its_pieces_end() {
        let mark = reached(&[b"a\nb\n"]).mark();
        let mut again = Reached::default();
        assert_eq!(again.skip(b"a\n", &mark), Some(2));
        assert_eq!(again.skip(b"b\nc\n", &mark), Some(2));
        assert_eq!(again.skip(b"d\n", &mark), Some(0));
    }

    #[test]
    fn a_line_that_changed_among_the_marked_ones_is_noticed_and_one_after_them_is_not() {
        let mark = reached(&[b"a\nb\n"]).mark();
        assert_eq!(Reached::default().skip(b"x\nb\nc\n", &mark), None);
        assert_eq!(Reached::default().skip(b"a\nb\nx\n", &mark), Some(4));
        assert_eq!(Reached::default().skip(b"a\nbc\n", &mark), None);
    }

    #[test]
    fn an_entry_reads_back_and_anything_else_is_none() {
        let mark = reached(&[b"a\n"]).mark();
        assert_eq!(Mark::parse(&mark.to_bytes()), Some(mark));
        assert_eq!(Mark::parse(b"{}"), None);
        assert_eq!(
            Mark::parse(b"{\"type\":\"kivend.ingest/v2\",\"lines\":1,\"sha256\":\"\"}"),
            None
        );
    }
}
