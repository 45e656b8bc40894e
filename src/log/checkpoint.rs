//! Checkpoints: signed tree heads of the archive's log, in the form of C2SP tlog-checkpoint (FORMAT.md section 3.3). The text
//! follows from the entries; [`History`](crate::log::history::History) says which keys may sign it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::log::identity::is_origin;
use crate::log::seal::{Sealed, seal};
use crate::log::signer::{SignError, Signer};
use crate::record::hash::Hash;

/// A reference to a checkpoint, as links hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRef {
    /// The number of the last entry that it covers.
    pub number: u64,
    /// The root of the log's tree over entries 0 to `number`.
    pub root: Hash,
}

/// The text of a checkpoint: exactly three lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The archive's origin.
    pub origin: String,
    /// The number of entries that it covers; at least 1.
    pub size: u64,
    /// The root over the leaves of these entries.
    pub root: Hash,
}

/// The text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the text of a checkpoint: origin, size, and root in base64")]
pub struct NotACheckpoint;

impl Checkpoint {
    /// The checkpoint over entries 0 to `named.number`.
    #[must_use]
    pub fn of(origin: &str, named: CheckpointRef) -> Checkpoint {
        Checkpoint {
            origin: origin.to_owned(),
            size: named.number + 1,
            root: named.root,
        }
    }

    /// The number of the last entry that it covers.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.size.saturating_sub(1)
    }

    /// The reference to this checkpoint.
    #[must_use]
    pub fn reference(&self) -> CheckpointRef {
        CheckpointRef {
            number: self.number(),
            root: self.root,
        }
    }

    /// Signs the text of the checkpoint.
    ///
    /// # Errors
    /// Those of [`Signer::sign`].
    pub fn seal(&self, key: &dyn Signer) -> Result<Sealed, SignError> {
        seal(self.to_string(), key)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64.encode(self.root.0))
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Checkpoint, NotACheckpoint> {
        let checkpoint = parse(text).ok_or(NotACheckpoint)?;
        // Parsing is lenient about signs, leading zeros, base64 and further lines; such texts print differently.
        if checkpoint.to_string() == text {
            Ok(checkpoint)
        } else {
            Err(NotACheckpoint)
        }
    }
}

fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.lines();
    let origin = lines.next().filter(|origin| is_origin(origin))?.to_owned();
    let size = lines.next()?.parse().ok()?;
    let root = BASE64.decode(lines.next()?).ok()?.try_into().ok()?;
    let in_range = (1..=i64::MAX as u64).contains(&size);
    in_range.then_some(Checkpoint {
        origin,
        size,
        root: Hash(root),
    })
}

/// A text that has a checkpoint's form, whether it is one or not (FORMAT.md section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form<'t> {
    /// The first line.
    pub origin: &'t str,
    /// The second line: a number in decimal.
    pub size: &'t str,
    /// The number of lines after the third.
    pub further_lines: usize,
}

impl Form<'_> {
    /// The form of a text with at least three lines, of which the second is a number; `None` for another text.
    #[must_use]
    pub fn of(text: &str) -> Option<Form<'_>> {
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = lines.next()?;
        let is_decimal = (1..=19).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = is_decimal && (size == "0" || !size.starts_with('0'));
        lines.next().filter(|_| is_number)?;
        Some(Form {
            origin,
            size,
            further_lines: lines.count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        Checkpoint {
            origin: "kivend/0123456789abcdef".into(),
            size: 8,
            root: Hash::of(b"root"),
        }
    }

    #[test]
    fn the_text_has_three_lines_and_reads_back() {
        let text = example().to_string();
        let root = BASE64.encode(Hash::of(b"root").0);
        assert_eq!(text, format!("kivend/0123456789abcdef\n8\n{root}\n"));
        assert_eq!(text.parse(), Ok(example()));
        assert_eq!(example().number(), 7);
    }

    #[test]
    fn other_numbers_lines_and_origins_are_refused() {
        let good = example().to_string();
        for (from, to) in [
            ("\n8\n", "\n08\n"),
            ("\n8\n", "\n+8\n"),
            ("\n8\n", "\n0\n"),
            ("\n8\n", "\n9223372036854775808\n"),
            ("kivend", "Kivend"),
            ("=\n", "\n"),
            ("=\n", "=\nmore\n"),
            ("=\n", "="),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_eq!(wrong.parse::<Checkpoint>(), Err(NotACheckpoint), "{wrong}");
        }
        let extended = format!("{good}more\n");
        let form = Form::of(&extended).unwrap();
        assert_eq!(
            (form.origin, form.size, form.further_lines),
            ("kivend/0123456789abcdef", "8", 1)
        );
        for other in ["", "a\n8\n", "\n8\nx\n", "a\nb\nc\n"] {
            assert_eq!(Form::of(other), None);
        }
    }
}
