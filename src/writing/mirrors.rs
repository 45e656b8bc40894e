//! Copies an archive's checkpoints to its mirrors. A mirror that was unavailable receives the missing checkpoints with
//! the next one, so that its numbers have no gaps. A mirror that fails does not prevent copies to the
//! others.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Settings;
use crate::log::checkpoint::{Checkpoint, CheckpointRef};
use crate::log::signed_note::Note;
use crate::record::hash::Hash;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpoint_mirror::CheckpointMirror;
use crate::writing::checkpoints::object_of;

/// The checkpoint mirrors of an archive, and the progress of each.
#[derive(Debug)]
pub struct Mirrors {
    archive_id: String,
    mirrors: Vec<(CheckpointMirror, Progress)>,
}

/// The mirror has every number below this one; `None` if it was not read yet.
#[derive(Debug, Clone, Copy, Default)]
struct Progress(Option<u64>);

/// The outcome of copying to one mirror.
#[derive(Debug)]
pub struct MirrorOutcome {
    /// The mirror's location, for reports and messages.
    pub mirror: String,
    /// Why the mirror misses checkpoints, if it does. The next checkpoint retries.
    pub outcome: Result<(), AppError>,
}

impl Mirrors {
    /// The mirrors of the setting `archive.checkpoint_copies`. Nothing is read yet.
    #[must_use]
    pub fn of(archive_id: &str, settings: &Settings) -> Mirrors {
        let configured = settings.archive.checkpoint_copies.iter();
        let mirrors = configured.map(|copy| CheckpointMirror::new(copy, &settings.kafka));
        Mirrors::new(archive_id, mirrors.collect())
    }

    /// These mirrors. Nothing is read yet.
    #[must_use]
    pub fn new(archive_id: &str, mirrors: Vec<CheckpointMirror>) -> Mirrors {
        Mirrors {
            archive_id: archive_id.to_owned(),
            mirrors: mirrors
                .into_iter()
                .map(|mirror| (mirror, Progress::default()))
                .collect(),
        }
    }

    /// Copies to every mirror the checkpoints that it lacks, up to the bucket's checkpoint `newest`. Which object has a
    /// number follows from the hash in the next checkpoint, from `newest` back.
    pub async fn copy_missing(&mut self, bucket: &Arc<dyn Store>, newest: &CheckpointRef) -> Vec<MirrorOutcome> {
        let mut outcomes = Vec::new();
        for (mirror, progress) in &mut self.mirrors {
            let outcome = fill(mirror, &self.archive_id, bucket.as_ref(), newest, *progress).await;
            if outcome.is_ok() {
                progress.0 = Some(newest.number + 1);
            }
            outcomes.push(MirrorOutcome {
                mirror: mirror.to_string(),
                outcome,
            });
        }
        outcomes
    }
}

async fn fill(
    mirror: &CheckpointMirror,
    archive_id: &str,
    bucket: &dyn Store,
    newest: &CheckpointRef,
    progress: Progress,
) -> Result<(), AppError> {
    let (from, present) = match progress.0 {
        Some(from) => (from, BTreeSet::new()),
        None => {
            let present = mirror.numbers(archive_id).await?;
            (first_missing(&present), present)
        }
    };
    // Only the keys are collected on the way back: the notes of years might not fit into memory.
    let mut missing = Vec::new();
    let mut named = *newest;
    while named.number >= from {
        let (key, note) = object_of(bucket, &named).await?;
        let sha256 = previous_of(&note, &key)?;
        if !present.contains(&named.number) {
            missing.push((named.number, key));
        }
        let Some(number) = named.number.checked_sub(1) else {
            break;
        };
        named = CheckpointRef { number, sha256 };
    }
    for (number, key) in missing.into_iter().rev() {
        let missing = || {
            AppError::corrupt(format!(
                "a checkpoint disappeared from the bucket while it was copied key=`{key}`"
            ))
        };
        let note = bucket.get(&key).await?.ok_or_else(missing)?;
        mirror.put(archive_id, number, note).await?;
    }
    Ok(())
}

/// The hash of the checkpoint before, from this checkpoint's text.
fn previous_of(note: &[u8], key: &str) -> Result<Hash, AppError> {
    let text = Note::parse(note)
        .ok()
        .and_then(|note| note.text().parse::<Checkpoint>().ok());
    text.map(|checkpoint| checkpoint.previous).ok_or_else(|| {
        AppError::corrupt(format!(
            "an object that a later checkpoint names is not a checkpoint key=`{key}`"
        ))
    })
}

fn first_missing(present: &BTreeSet<u64>) -> u64 {
    (0..)
        .zip(present)
        .take_while(|(expected, number)| expected == *number)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copying_begins_at_the_first_missing_number() {
        for (present, first) in [(&[][..], 0), (&[0, 1, 2], 3), (&[0, 2, 3], 1), (&[1], 0)] {
            assert_eq!(first_missing(&present.iter().copied().collect()), first);
        }
    }
}
