//! A mark says how far a file was sent: a number of lines and their digest. It is kept in Kafka with what was sent, so that a
//! later run continues there, and notices if those lines were changed.
//!
//! A file is known by its beginning, and by its device and inode, not by its path alone: a log that is rotated keeps its mark,
//! and the file that takes its place begins anew.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{Portion, TooLong};
use crate::json::canonical;
use crate::record::hash::{Hash, Hashing};

const TYPE: &str = "kivend.ingest/v2";
/// Bytes of a line that is too long that go into the digest, besides its length.
const TOO_LONG_BYTES: usize = 1024;

/// The path under which a file was first sent, and the filter. One run at a time sends what belongs to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) only: Option<String>,
}

impl Place {
    /// Depends on this place and ledger only: a second run that sends the same file fences the first.
    pub(super) fn transactional_id(&self, ledger: &str) -> String {
        // Serializing two strings cannot fail.
        let place = canonical::to_text(self).unwrap_or_default();
        let id = Hash::of_parts(&[ledger.as_bytes(), b"\n", place.trim_end().as_bytes()]).to_string();
        format!("kivend-ingest-{}", &id[..32])
    }
}

/// What a mark is about: one file of a place. A log has many in the course of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) file: String,
    pub(super) only: Option<String>,
    /// The digest of the first line.
    pub(super) first: Hash,
}

impl Subject {
    /// The record key in the ledger.
    pub(super) fn key(&self) -> String {
        // Serializing three strings cannot fail.
        canonical::to_text(self).unwrap_or_default().trim_end().to_owned()
    }

    pub(super) fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            only: self.only.clone(),
        }
    }
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) path: String,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// When it was written last, in milliseconds since the Unix epoch.
    pub(super) modified_ms: i64,
}

impl Standing {
    /// Whether both are the same file, under whatever names.
    pub(super) fn is_same_file(&self, other: &Standing) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
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
    /// The digest of the last one.
    pub(super) last: Hash,
    /// Where the file was.
    pub(super) standing: Standing,
}

impl Mark {
    /// Parses a record of the ledger; `None` if it is not a mark.
    fn parse(entry: &[u8]) -> Option<Mark> {
        let mark: Mark = serde_json::from_slice(entry).ok()?;
        (mark.r#type == TYPE).then_some(mark)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Serializing numbers and strings cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A file of which something was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) subject: Subject,
    pub(super) mark: Mark,
}

/// The files that the ledger's `entries` are about, as far as they were sent with the filter of `place`.
///
/// # Errors
/// An entry about `place` that is not a mark.
pub(super) fn known(entries: Vec<(Vec<u8>, Vec<u8>)>, place: &Place, ledger: &str) -> Result<Vec<Known>, IngestError> {
    /// What entries of all versions have.
    #[derive(Deserialize)]
    struct Any {
        file: String,
    }
    let mut known = Vec::new();
    for (key, value) in entries {
        match (serde_json::from_slice::<Subject>(&key), Mark::parse(&value)) {
            (Ok(subject), Some(mark)) if subject.only == place.only => known.push(Known { subject, mark }),
            (Ok(_), Some(_)) => {}
            _ if serde_json::from_slice::<Any>(&key).is_ok_and(|any| any.file == place.file) => {
                return Err(IngestError::ForeignEntry {
                    ledger: ledger.to_owned(),
                    file: place.file.clone(),
                });
            }
            _ => {}
        }
    }
    Ok(known)
}

/// The digest of a line without its newline.
fn digest(line: &[u8]) -> Hash {
    Hash::of(line.strip_suffix(b"\n").unwrap_or(line))
}

fn digest_too_long(line: &TooLong) -> Hash {
    let start = &line.start[..line.start.len().min(TOO_LONG_BYTES)];
    Hash::of_parts(&[start, &line.length_bytes.to_be_bytes()])
}

/// The digests of the lines of a portion.
pub(super) fn digests(portion: &Portion) -> Vec<Hash> {
    match portion {
        Portion::Lines(lines) => lines.split_inclusive(|byte| *byte == b'\n').map(digest).collect(),
        Portion::TooLong(line) => vec![digest_too_long(line)],
    }
}

/// The digest of the first line of a portion.
pub(super) fn first_digest(portion: &Portion) -> Hash {
    match portion {
        Portion::Lines(lines) => digest(lines.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default()),
        Portion::TooLong(line) => digest_too_long(line),
    }
}

/// The position of a run in a file.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) lines: u64,
    hashing: Hashing,
    /// The digests of the first and of the last line.
    ends: Option<(Hash, Hash)>,
}

impl Reached {
    /// The mark, and the digest of the first line; `None` before any line.
    pub(super) fn mark(&self, standing: &Standing) -> Option<(Hash, Mark)> {
        let (first, last) = self.ends?;
        let mark = Mark {
            r#type: TYPE.to_owned(),
            lines: self.lines,
            sha256: self.hashing.so_far(),
            last,
            standing: standing.clone(),
        };
        Some((first, mark))
    }

    /// Advances over these whole lines. The newline that the last line may lack does not change the digest.
    pub(super) fn pass(&mut self, lines: &[u8]) {
        let Some(text) = lines
            .strip_suffix(b"\n")
            .or(Some(lines).filter(|lines| !lines.is_empty()))
        else {
            return;
        };
        let last = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        if self.ends.is_none() {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            self.ends = Some((Hash::of(&text[..end]), Hash::ZERO));
        }
        self.ends = self.ends.map(|(first, _)| (first, Hash::of(&text[last..])));
        self.lines += memchr::memchr_iter(b'\n', text).count() as u64 + 1;
        self.hashing.update(text);
        self.hashing.update(b"\n");
    }

    /// Advances over a line of which only the start was kept.
    pub(super) fn pass_too_long(&mut self, line: &TooLong) {
        let this = digest_too_long(line);
        self.ends = Some((self.ends.map_or(this, |(first, _)| first), this));
        self.lines += 1;
        self.hashing.update(&line.start[..line.start.len().min(TOO_LONG_BYTES)]);
        self.hashing.update(&line.length_bytes.to_be_bytes());
    }

    /// Advances over lines of `chunk` up to `mark`, and returns the index after them; `None` if they are not the lines that the
    /// mark is about.
    pub(super) fn skip(&mut self, chunk: &[u8], mark: Option<&Mark>) -> Option<usize> {
        let marked = mark.map_or(0, |mark| mark.lines);
        let wanted = usize::try_from(marked.saturating_sub(self.lines)).unwrap_or(usize::MAX);
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
    pub(super) fn fits(&self, mark: Option<&Mark>) -> bool {
        mark.is_none_or(|mark| self.lines != mark.lines || self.hashing.so_far() == mark.sha256)
    }
}

/// Where a file is that was looked at, and its beginning.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) standing: Standing,
    pub(super) is_empty: bool,
    /// The digest of its first line; `None` if it is empty or cannot be read.
    pub(super) first: Option<Hash>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(parts: &[&[u8]]) -> Reached {
        let mut reached = Reached::default();
        parts.iter().for_each(|part| reached.pass(part));
        reached
    }

    fn mark(parts: &[&[u8]]) -> Mark {
        let standing = Standing {
            path: "/var/log/app.log".to_owned(),
            device: 1,
            inode: 2,
            modified_ms: 3,
        };
        reached(parts).mark(&standing).unwrap().1
    }

    #[test]
    fn a_mark_does_not_depend_on_the_size_of_pieces() {
        assert_eq!(mark(&[b"a\nb\nc\n"]), mark(&[b"a\n", b"b\nc\n"]));
        assert_eq!(mark(&[b"a\n\n\n"]).lines, 3);
    }

    #[test]
    fn a_newline_added_to_the_last_line_does_not_change_the_mark() {
        assert_eq!(mark(&[b"a\nb"]), mark(&[b"a\nb\n"]));
    }

    #[test]
    fn a_mark_has_the_digests_of_the_first_and_the_last_line() {
        let standing = mark(&[b"a"]).standing;
        let (first, mark) = reached(&[b"a\nb\n", b"c\nd\n"]).mark(&standing).unwrap();
        assert_eq!((first, mark.last), (Hash::of(b"a"), Hash::of(b"d")));
        assert_eq!(first, first_digest(&Portion::Lines(b"a\nb\n".to_vec())));
        assert!(digests(&Portion::Lines(b"c\nd".to_vec())).contains(&mark.last));
    }

    #[test]
    fn a_later_run_begins_after_the_marked_lines() {
        let mark = mark(&[b"a\nb\n"]);
        let mut again = Reached::default();
        assert_eq!(again.skip(b"a\n", Some(&mark)), Some(2));
        assert_eq!(again.skip(b"b\nc\n", Some(&mark)), Some(2));
        assert_eq!(again.skip(b"d\n", Some(&mark)), Some(0));
    }

    #[test]
    fn a_change_in_the_marked_lines_is_noticed_and_one_after_them_is_not() {
        let mark = mark(&[b"a\nb\n"]);
        assert_eq!(Reached::default().skip(b"x\nb\nc\n", Some(&mark)), None);
        assert_eq!(Reached::default().skip(b"a\nb\nx\n", Some(&mark)), Some(4));
        assert_eq!(Reached::default().skip(b"a\nbc\n", Some(&mark)), None);
    }

    #[test]
    fn an_entry_can_be_parsed_and_other_text_is_not_an_entry() {
        let mark = mark(&[b"a\n"]);
        assert_eq!(Mark::parse(&mark.to_bytes()), Some(mark));
        assert_eq!(Mark::parse(b"{}"), None);
        assert_eq!(
            Mark::parse(b"{\"type\":\"kivend.ingest/v1\",\"lines\":1,\"sha256\":\"\"}"),
            None
        );
    }

    #[test]
    fn an_entry_of_another_version_about_the_place_is_refused_and_others_are_passed_over() {
        let place = Place {
            file: "/a".to_owned(),
            only: None,
        };
        let entry = |key: &str| vec![(key.as_bytes().to_vec(), b"{}".to_vec())];
        assert!(known(entry("{\"file\":\"/a\",\"only\":null}"), &place, "ledger").is_err());
        assert_eq!(
            known(entry("{\"file\":\"/b\",\"only\":null}"), &place, "ledger").unwrap(),
            []
        );
        assert_eq!(known(entry("something"), &place, "ledger").unwrap(), []);
    }
}
