//! Checkpoints (FORMAT.md section 6): the signed heads of all partitions, numbered and chained. A checkpoint proves the
//! chains up to its heads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::log::identity::{is_archive_id, is_archive_name};
use crate::log::keyring::Keyring;
use crate::log::note::{self, Invalid, Sealed};
use crate::log::signed_note::{NoteError, SigningKey};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset, TopicPartition, is_topic_name};
use crate::record::utc::UtcSeconds;

const TYPE: &str = "kivend.checkpoint/v1";

/// A reference to a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRef {
    /// The checkpoint's number.
    pub number: u64,
    /// The SHA-256 of its object.
    pub sha256: Hash,
}

/// The head of one partition in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The partition of the chain.
    pub partition: TopicPartition,
    /// The epoch of the newest link.
    pub epoch: Epoch,
    /// The height of the newest link.
    pub height: Height,
    /// The end of the archived range.
    pub next_offset: NextOffset,
    /// The SHA-256 of the newest link's object.
    pub link: Hash,
    /// The tree hash of RFC 9162 over the objects of links 0 to `height`.
    pub log_root: Hash,
}

/// The content of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The archive's name.
    pub archive: String,
    /// The archive's id.
    pub archive_id: String,
    /// Numbers start at 0 and have no gap.
    pub number: u64,
    /// The SHA-256 of the previous checkpoint's object; zeros at number 0.
    pub previous: Hash,
    /// The number of the newest key change; 0 if there is none.
    pub key_change_number: u64,
    /// The SHA-256 of the newest key change's object, or of `archive.json`.
    pub key_change: Hash,
    /// The time of signing by the writer's clock.
    pub at: UtcSeconds,
    /// The heads, sorted by topic bytes, then partition.
    pub heads: Vec<Head>,
}

/// A checkpoint whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The content.
    pub checkpoint: Checkpoint,
    /// The SHA-256 of its object.
    pub hash: Hash,
}

impl SignedCheckpoint {
    /// The reference to this checkpoint, as links hold it.
    #[must_use]
    pub fn reference(&self) -> CheckpointRef {
        CheckpointRef {
            number: self.checkpoint.number,
            sha256: self.hash,
        }
    }
}

/// The text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the text of a checkpoint")]
pub struct NotACheckpoint;

/// Verifies the object at `checkpoints/<number>` as a checkpoint of this archive.
///
/// # Errors
/// [`Invalid`] if it is not valid there; `Content` if a key in force signed other content.
pub fn open(object: &[u8], keyring: &Keyring, archive_id: &str, number: u64) -> Result<SignedCheckpoint, Invalid> {
    let opened = keyring.open(object)?;
    let checkpoint: Checkpoint =
        opened
            .text
            .parse()
            .map_err(|error: NotACheckpoint| match opened.text.split(' ').next() {
                Some(word) if word.starts_with("kivend.checkpoint/") && word != TYPE => {
                    Invalid::UnknownType(word.to_owned())
                }
                _ => Invalid::Content(error.to_string()),
            })?;
    if checkpoint.archive_id != archive_id || checkpoint.number != number {
        return Err(Invalid::Content(format!(
            "the checkpoint names another number or archive: number={}",
            checkpoint.number
        )));
    }
    if !opened.term.covers_checkpoint(number) {
        return Err(opened.out_of_term());
    }
    Ok(SignedCheckpoint {
        checkpoint,
        hash: opened.hash,
    })
}

impl Checkpoint {
    /// Signs the text of the checkpoint.
    ///
    /// # Errors
    /// [`NoteError::Text`] if a field has a character that a note does not allow.
    pub fn seal(&self, key: &SigningKey) -> Result<Sealed, NoteError> {
        note::seal(self.to_string(), key)
    }

    /// The head of a partition.
    #[must_use]
    pub fn head(&self, partition: &TopicPartition) -> Option<&Head> {
        self.heads.iter().find(|head| head.partition == *partition)
    }

    fn is_well_formed(&self) -> bool {
        let ordered = self.heads.is_sorted_by(|a, b| a.partition < b.partition);
        let numbered =
            (self.number == 0) == (self.previous == Hash::ZERO) && (self.number > 0 || self.heads.is_empty());
        ordered
            && numbered
            && is_archive_name(&self.archive)
            && is_archive_id(&self.archive_id)
            && self
                .heads
                .iter()
                .all(|h| is_topic_name(&h.partition.topic) && h.partition.partition >= 0 && h.next_offset.0 > 0)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TYPE} {} {}", self.archive, self.archive_id)?;
        writeln!(
            f,
            "{} {} {} {}",
            self.number, self.previous, self.key_change_number, self.key_change
        )?;
        writeln!(f, "{}", self.at)?;
        for Head {
            partition: TopicPartition { topic, partition },
            epoch,
            height,
            next_offset,
            link,
            log_root,
        } in &self.heads
        {
            writeln!(
                f,
                "{topic} {partition} {epoch} {height} {next_offset} {link} {log_root}"
            )?;
        }
        Ok(())
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Checkpoint, NotACheckpoint> {
        let checkpoint = parse(text).ok_or(NotACheckpoint)?;
        // Parsing is lenient about signs, leading zeros and a missing final newline; such texts print differently.
        let exact = checkpoint.to_string() == text && checkpoint.is_well_formed();
        if exact { Ok(checkpoint) } else { Err(NotACheckpoint) }
    }
}

fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.lines();
    let [kind, archive, archive_id] = words(lines.next()?)?;
    let [number, previous, key_change_number, key_change] = words(lines.next()?)?;
    let at = lines.next()?.parse().ok()?;
    let heads = lines.map(parse_head).collect::<Option<Vec<_>>>()?;
    (kind == TYPE).then_some(Checkpoint {
        archive: archive.to_owned(),
        archive_id: archive_id.to_owned(),
        number: number.parse().ok()?,
        previous: previous.parse().ok()?,
        key_change_number: key_change_number.parse().ok()?,
        key_change: key_change.parse().ok()?,
        at,
        heads,
    })
}

fn parse_head(line: &str) -> Option<Head> {
    let [topic, partition, epoch, height, next_offset, link, log_root] = words(line)?;
    Some(Head {
        partition: TopicPartition::new(topic, partition.parse().ok()?),
        epoch: Epoch(epoch.parse().ok()?),
        height: Height(height.parse().ok()?),
        next_offset: NextOffset(next_offset.parse().ok()?),
        link: link.parse().ok()?,
        log_root: log_root.parse().ok()?,
    })
}

fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    line.split(' ').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(topic: &str, partition: i32) -> Head {
        Head {
            partition: TopicPartition::new(topic, partition),
            epoch: Epoch(0),
            height: Height(3),
            next_offset: NextOffset(100),
            link: Hash::of(b"link"),
            log_root: Hash::of(b"root"),
        }
    }

    fn example() -> Checkpoint {
        Checkpoint {
            archive: "kivend".into(),
            archive_id: "ab".repeat(16),
            number: 7,
            previous: Hash::of(b"six"),
            key_change_number: 0,
            key_change: Hash::of(b"identity"),
            at: UtcSeconds::from_unix(0),
            heads: vec![head("orders", 2), head("payments", 0), head("payments", 1)],
        }
    }

    #[test]
    fn the_text_follows_the_format_and_reads_back() {
        let text = example().to_string();
        let (link, root) = (Hash::of(b"link"), Hash::of(b"root"));
        assert_eq!(
            text,
            format!(
                "kivend.checkpoint/v1 kivend {}\n7 {} 0 {}\n1970-01-01T00:00:00Z\norders 2 0 3 100 {link} {root}\npayments 0 0 3 100 {link} {root}\npayments 1 0 3 100 {link} {root}\n",
                "ab".repeat(16),
                Hash::of(b"six"),
                Hash::of(b"identity")
            )
        );
        assert_eq!(text.parse(), Ok(example()));
    }

    #[test]
    fn heads_out_of_order_or_repeated_and_noncanonical_numbers_are_refused() {
        let good = example().to_string();
        for (from, to) in [
            ("payments 0", "payments 2"),
            ("payments 0", "payments 1"),
            ("\n7 ", "\n07 "),
            ("\n7 ", "\n+7 "),
            (" 100 ", "  100 "),
            ("v1", "v2"),
            ("\n7 ", "\n0 "),
        ] {
            assert_eq!(
                good.replacen(from, to, 1).parse::<Checkpoint>(),
                Err(NotACheckpoint),
                "{from} {to}"
            );
        }
        assert_eq!(good.trim_end().parse::<Checkpoint>(), Err(NotACheckpoint));
    }

    #[test]
    fn a_sealed_checkpoint_opens_under_its_number_only() {
        let key = SigningKey::from_seed("kivend", &[7; 32]).unwrap();
        let keyring = Keyring::new(vec![key.verifying_key().clone()]);
        let sealed = example().seal(&key).unwrap();
        let opened = open(&sealed.object, &keyring, &"ab".repeat(16), 7).unwrap();
        assert_eq!((opened.checkpoint, opened.hash), (example(), sealed.hash));
        assert!(matches!(
            open(&sealed.object, &keyring, &"ab".repeat(16), 8),
            Err(Invalid::Content(_))
        ));
    }
}
