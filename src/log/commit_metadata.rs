//! The metadata of a Kafka commit (FORMAT.md section 8). It names the head outside the bucket, as a witness against a
//! bucket that lost links. The authority on progress is the bucket.

use std::fmt;
use std::str::FromStr;

use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height};

/// `v1 <epoch> <height> <first_offset> <link hash>` of the head at the time of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitMetadata {
    /// The head's epoch.
    pub epoch: Epoch,
    /// The head's height.
    pub height: Height,
    /// The start of the head's range; with the epoch it gives the head's object key.
    pub first_offset: FirstOffset,
    /// The SHA-256 of the head's object.
    pub link: Hash,
}

impl fmt::Display for CommitMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "v1 {} {} {} {}",
            self.epoch, self.height, self.first_offset, self.link
        )
    }
}

/// The text is not commit metadata of kivend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the metadata of a commit by kivend")]
pub struct NotCommitMetadata;

impl FromStr for CommitMetadata {
    type Err = NotCommitMetadata;

    fn from_str(text: &str) -> Result<CommitMetadata, NotCommitMetadata> {
        let parsed = (|| {
            let mut words = text.strip_prefix("v1 ")?.split(' ');
            let epoch = Epoch(words.next()?.parse().ok()?);
            if epoch > Epoch::MAX {
                return None;
            }
            let height = Height(words.next()?.parse().ok()?);
            let first_offset = FirstOffset(words.next()?.parse().ok()?);
            let link = words.next()?.parse().ok()?;
            Some(CommitMetadata {
                epoch,
                height,
                first_offset,
                link,
            })
        })()
        .ok_or(NotCommitMetadata)?;
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(NotCommitMetadata)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_and_other_texts_are_refused() {
        let made = CommitMetadata {
            epoch: Epoch(0),
            height: Height(17),
            first_offset: FirstOffset(2500),
            link: Hash::ZERO,
        };
        let text = made.to_string();
        assert_eq!(text, format!("v1 0 17 2500 {}", Hash::ZERO));
        assert_eq!(text.parse(), Ok(made));
        for wrong in [
            "",
            "v1",
            "v2 0 17 2500 00",
            &text[..70],
            &format!("{text} "),
            &text.replace("17", "017"),
        ] {
            assert_eq!(wrong.parse::<CommitMetadata>(), Err(NotCommitMetadata));
        }
    }
}
