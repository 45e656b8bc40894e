//! Copies an archive's checkpoints to its mirrors. A mirror that was unavailable receives the missing checkpoints with
//! the next one, so that its numbers have no gaps. A mirror that fails does not prevent copies to the
//! others.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Settings;
use crate::log::checkpoint::CheckpointRef;
use crate::log::history::History;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpoint_mirror::{CheckpointMirror, MirroredCheckpoint};
use crate::writing::checkpoints::{objects_of, refuse_larger};

/// The checkpoint mirrors of an archive, and the progress of each.
#[derive(Debug)]
pub struct Mirrors {
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
    /// How many checkpoints it lacks, as far as known.
    pub behind: u64,
}

impl Mirrors {
    /// The mirrors of the setting `archive.checkpoint_copies`. Nothing is read yet.
    #[must_use]
    pub fn of(settings: &Settings) -> Mirrors {
        let configured = settings.archive.checkpoint_copies.iter();
        let mirrors = configured.map(|copy| CheckpointMirror::new(copy, &settings.kafka));
        Mirrors::new(mirrors.collect())
    }

    /// These mirrors. Nothing is read yet.
    #[must_use]
    pub fn new(mirrors: Vec<CheckpointMirror>) -> Mirrors {
        Mirrors {
            mirrors: mirrors
                .into_iter()
                .map(|mirror| (mirror, Progress::default()))
                .collect(),
        }
    }

    /// Copies to every mirror the entries and checkpoints that it lacks, up to the bucket's checkpoint `newest`. `history` knows the
    /// keys that signed them.
    pub async fn copy_missing(
        &mut self,
        bucket: &Arc<dyn Store>,
        history: &History,
        newest: &CheckpointRef,
    ) -> Vec<MirrorOutcome> {
        let mut outcomes = Vec::new();
        for (mirror, progress) in &mut self.mirrors {
            let outcome = fill(mirror, (bucket.as_ref(), history), newest, *progress).await;
            if outcome.is_ok() {
                progress.0 = Some(newest.number + 1);
            }
            outcomes.push(MirrorOutcome {
                mirror: mirror.to_string(),
                outcome,
                behind: (newest.number + 1).saturating_sub(progress.0.unwrap_or(0)),
            });
        }
        outcomes
    }

    /// Asks the mirrors whether they have more of the log than the bucket (FORMAT.md section 3.5). Returns those that did not
    /// answer, with the reason.
    ///
    /// # Errors
    /// `Corrupt` if a mirror has a checkpoint of this log, by a key in force, over more entries, or the next entry.
    pub async fn refuse_later(&self, history: &History) -> Result<Vec<MirrorOutcome>, AppError> {
        let mut silent = Vec::new();
        for (mirror, _) in &self.mirrors {
            match mirror.newest(history.archive_id()).await {
                Ok(newest) => {
                    for mirrored in newest {
                        refuse_later_copy(history, &mirrored, &mirror.to_string())?;
                    }
                }
                Err(error) => silent.push(MirrorOutcome {
                    mirror: mirror.to_string(),
                    outcome: Err(error),
                    behind: 0,
                }),
            }
        }
        Ok(silent)
    }
}

fn refuse_later_copy(history: &History, mirrored: &MirroredCheckpoint, mirror: &str) -> Result<(), AppError> {
    refuse_larger(history, &mirrored.checkpoint, mirror)?;
    match &mirrored.entry {
        // Its signer may be a key that the missing entries add, so only the entry that comes next can be judged.
        Some(entry) if history.open_entry(entry).is_ok() => Err(AppError::corrupt(format!(
            "the mirror {mirror} has entry {}, which the log does not have: the bucket was cut or restored",
            history.next_number()
        ))
        .fix("restore the missing objects from the mirror or a copy of the bucket, or begin a new archive")),
        _ => Ok(()),
    }
}

async fn fill(
    mirror: &CheckpointMirror,
    (bucket, history): (&dyn Store, &History),
    newest: &CheckpointRef,
    progress: Progress,
) -> Result<(), AppError> {
    let archive_id = history.archive_id();
    let (from, present) = match progress.0 {
        Some(from) => (from, BTreeSet::new()),
        None => {
            let present = mirror.numbers(archive_id).await?;
            (first_missing(&present), present)
        }
    };
    for number in (from..=newest.number).filter(|number| !present.contains(number)) {
        mirror
            .put(archive_id, number, objects_of(bucket, history, number).await?)
            .await?;
    }
    Ok(())
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
