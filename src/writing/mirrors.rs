//! Keeps the second places of an archive's checkpoints up to date: what one lacks is sent with the next checkpoint, so that
//! numbers have no gap there. A place that does not answer is told of, and holds up nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Settings;
use crate::log::checkpoint::Checkpoint;
use crate::log::checkpoint::CheckpointRef;
use crate::log::signed_note::Note;
use crate::record::hash::Hash;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpoint_mirror::CheckpointMirror;
use crate::writing::checkpoints::object_of;

/// All second places of an archive, and what is known of each.
#[derive(Debug)]
pub struct Mirrors {
    archive_id: String,
    places: Vec<(CheckpointMirror, Progress)>,
}

/// How far a place is known to be complete: every number below stands there.
#[derive(Debug, Clone, Copy, Default)]
struct Progress(Option<u64>);

/// What became of a place. One that could not be brought up to date is tried again with the next checkpoint.
#[derive(Debug)]
pub struct MirrorUpdate {
    /// Where it is, for people.
    pub place: String,
    /// Why it is behind, if it is.
    pub outcome: Result<(), AppError>,
}

impl Mirrors {
    /// The places of the settings. Nothing is asked yet.
    #[must_use]
    pub fn of(archive_id: &str, settings: &Settings) -> Mirrors {
        let copies = settings.archive.checkpoint_copies.iter();
        Mirrors::new(
            archive_id,
            copies
                .map(|copy| CheckpointMirror::new(copy, &settings.kafka))
                .collect(),
        )
    }

    /// These places. Nothing is asked yet.
    #[must_use]
    pub fn new(archive_id: &str, places: Vec<CheckpointMirror>) -> Mirrors {
        let places = places.into_iter().map(|place| (place, Progress::default())).collect();
        Mirrors {
            archive_id: archive_id.to_owned(),
            places,
        }
    }

    /// Stores at every place what it lacks, up to the checkpoint `newest` of the bucket. Which object of a number counts is
    /// told by the hash that the next one names, from `newest` back.
    pub async fn bring_up_to(&mut self, bucket: &Arc<dyn Store>, newest: &CheckpointRef) -> Vec<MirrorUpdate> {
        let mut copied = Vec::new();
        for (place, progress) in &mut self.places {
            let outcome = fill(place, &self.archive_id, bucket.as_ref(), newest, *progress).await;
            if outcome.is_ok() {
                progress.0 = Some(newest.number + 1);
            }
            copied.push(MirrorUpdate {
                place: place.to_string(),
                outcome,
            });
        }
        copied
    }
}

async fn fill(
    place: &CheckpointMirror,
    archive_id: &str,
    bucket: &dyn Store,
    newest: &CheckpointRef,
    progress: Progress,
) -> Result<(), AppError> {
    let (from, there) = match progress.0 {
        Some(from) => (from, BTreeSet::new()),
        None => {
            let there = place.numbers(archive_id).await?;
            (first_missing(&there), there)
        }
    };
    // Keys alone on the way back: the notes of years need not be in memory at a time.
    let mut missing = Vec::new();
    let mut named = *newest;
    while named.number >= from {
        let (key, note) = object_of(bucket, &named).await?;
        let sha256 = previous_of(&note, &key)?;
        if !there.contains(&named.number) {
            missing.push((named.number, key));
        }
        let Some(number) = named.number.checked_sub(1) else {
            break;
        };
        named = CheckpointRef { number, sha256 };
    }
    for (number, key) in missing.into_iter().rev() {
        let gone = || AppError::corrupt(format!("a checkpoint is gone again key=`{key}`"));
        let note = bucket.get(&key).await?.ok_or_else(gone)?;
        place.put(archive_id, number, note).await?;
    }
    Ok(())
}

/// The hash of the checkpoint before, as this one names it.
fn previous_of(note: &[u8], key: &str) -> Result<Hash, AppError> {
    let text = Note::parse(note)
        .ok()
        .and_then(|note| note.text().parse::<Checkpoint>().ok());
    text.map(|checkpoint| checkpoint.previous)
        .ok_or_else(|| AppError::corrupt(format!("a checkpoint that a later one names is none key=`{key}`")))
}

fn first_missing(there: &BTreeSet<u64>) -> u64 {
    (0..)
        .zip(there)
        .take_while(|(expected, number)| expected == *number)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_that_is_missing_is_where_filling_begins() {
        for (there, first) in [(&[][..], 0), (&[0, 1, 2], 3), (&[0, 2, 3], 1), (&[1], 0)] {
            assert_eq!(first_missing(&there.iter().copied().collect()), first);
        }
    }
}
