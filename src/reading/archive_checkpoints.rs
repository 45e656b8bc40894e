//! The checkpoints of an archive for proofs, with the cosignatures that are stored for them.

use bytes::Bytes;

use crate::log::checkpoint::CheckpointRef;
use crate::log::object_key::Key;
use crate::log::signed_note::VerifyingKey;
use crate::log::witness::CosignedNote;
use crate::reading::archive::{Archive, text};
use crate::reading::log_listing::read_place;
use crate::record::hash::Hash;
use crate::task::error::AppError;
use crate::verify::saved::SavedCheckpoint;

/// The most checkpoints that are read to find the one with the most cosignatures. It bounds the work that planted objects cause.
const COSIGNED_READ: usize = 64;

/// A checkpoint as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedCheckpoint {
    /// The bucket's checkpoint with this number.
    Number(u64),
    /// A saved checkpoint: the bytes of its file.
    Saved(Vec<u8>),
}

/// A valid checkpoint as a note.
pub struct CheckpointNote {
    /// What it covers.
    pub named: CheckpointRef,
    /// The note, with cosignature lines or none.
    pub note: String,
}

impl Archive {
    /// A checkpoint over this entry that what was given proves: one that witnesses cosigned as the policy asks, or else one by a key
    /// that counts. Of these it is the one with the most cosignatures, because nobody knows which witnesses its reader will ask
    /// for, and of several with as many the oldest.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn checkpoint_over(&self, entry: u64) -> Result<Option<CheckpointNote>, AppError> {
        if let Some(number) = self.cosigned.filter(|number| *number >= entry) {
            return self.checkpoint(number).await;
        }
        if let Some(cosigned) = self.most_cosigned(entry).await? {
            return Ok(Some(cosigned));
        }
        for number in entry..=self.walk.newest_checkpoint().unwrap_or(0) {
            let found = self.checkpoint_by(number, |signer| self.trust.counts(signer)).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The oldest checkpoint over this entry, by a key that counts, with the most lines that may be cosignatures; `None` if none has
    /// any.
    async fn most_cosigned(&self, entry: u64) -> Result<Option<CheckpointNote>, AppError> {
        let above = self
            .inventory
            .cosignatures
            .partition_point(|(number, _)| *number < entry);
        let listed = self.inventory.cosignatures[above..].chunk_by(|one, other| one.0 == other.0);
        let mut candidates: Vec<(usize, u64)> = listed.map(|of_number| (of_number.len(), of_number[0].0)).collect();
        candidates.sort_by_key(|(count, number)| (std::cmp::Reverse(*count), *number));
        let mut best: Option<(usize, CheckpointNote)> = None;
        for (listed, number) in candidates.into_iter().take(COSIGNED_READ) {
            // Not every object that is listed need be a cosignature.
            let is_beaten = |(count, note): &(usize, CheckpointNote)| {
                listed < *count || (listed == *count && number > note.named.number)
            };
            if best.as_ref().is_some_and(is_beaten) {
                break;
            }
            let Some(found) = self.checkpoint_by(number, |signer| self.trust.counts(signer)).await? else {
                continue;
            };
            let lines = CosignedNote::parse(found.note.as_bytes()).map_or(0, |note| note.cosignatures.len());
            let is_better = |(count, note): &(usize, CheckpointNote)| {
                lines > *count || (lines == *count && number < note.named.number)
            };
            if lines > 0 && best.as_ref().is_none_or(is_better) {
                best = Some((lines, found));
            }
        }
        Ok(best.map(|(_, note)| note))
    }

    /// The newest checkpoint that what was given proves: one that witnesses cosigned as the policy asks, or else one by a key
    /// that counts.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn newest_proved_checkpoint(&self) -> Result<Option<CheckpointNote>, AppError> {
        if let Some(number) = self.cosigned {
            return self.checkpoint(number).await;
        }
        let Some(newest) = self.walk.newest_checkpoint() else {
            return Ok(None);
        };
        for number in (0..=newest).rev() {
            let found = self.checkpoint_by(number, |signer| self.trust.counts(signer)).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn newest_checkpoint(&self) -> Option<CheckpointRef> {
        let number = self.walk.newest_checkpoint()?;
        self.walk.root(number).map(|root| CheckpointRef { number, root })
    }

    /// The valid checkpoint with this number, with its cosignatures, if there is one.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn checkpoint(&self, number: u64) -> Result<Option<CheckpointNote>, AppError> {
        self.checkpoint_by(number, |_| true).await
    }

    pub(super) async fn checkpoint_by(
        &self,
        number: u64,
        by: impl Fn(&VerifyingKey) -> bool,
    ) -> Result<Option<CheckpointNote>, AppError> {
        let Some(root) = self.walk.root(number) else {
            return Ok(None);
        };
        let named = CheckpointRef { number, root };
        let objects = read_place(&self.bucket, |attempt| Key::Checkpoint(number, attempt)).await;
        for raw in objects.map_err(AppError::CannotList)? {
            let Ok(object) = raw.object else { continue };
            let signer = self.walk.history().open_checkpoint_of(&object, named);
            if signer.is_ok_and(|signer| by(&signer)) {
                let note = self.with_cosignatures(number, &object).await?;
                return Ok(Some(CheckpointNote { named, note }));
            }
        }
        Ok(None)
    }

    /// A checkpoint, followed by the lines that are stored for it. Nothing of them is verified here.
    async fn with_cosignatures(&self, number: u64, object: &Bytes) -> Result<String, AppError> {
        let mut note = text(object)?;
        let of_number = self
            .inventory
            .cosignatures
            .iter()
            .filter(|(listed, _)| *listed == number);
        for (_, named) in of_number {
            let line = self.get(&Key::Cosignature(number, *named).to_string()).await?;
            let Some(line) = line.filter(|line| Hash::of(line) == *named) else {
                continue;
            };
            let with_line = format!("{note}{}", String::from_utf8_lossy(&line));
            let is_cosigned = |parsed: CosignedNote| parsed.to_bytes() == with_line.as_bytes();
            if CosignedNote::parse(with_line.as_bytes()).is_ok_and(is_cosigned) {
                note = with_line;
            }
        }
        Ok(note)
    }

    /// The checkpoint that a user names.
    ///
    /// # Errors
    /// `Input` if there is none, or if the saved file is not a checkpoint of this archive; the store's errors.
    pub async fn named_checkpoint(&self, wanted: &WantedCheckpoint) -> Result<CheckpointNote, AppError> {
        match wanted {
            WantedCheckpoint::Number(number) => self.checkpoint(*number).await?.ok_or_else(|| {
                AppError::input(format!("the archive has no valid checkpoint {number}")).fix(
                    "name a number up to that of the newest checkpoint, which `kivend verify` prints, or the file of a saved checkpoint",
                )
            }),
            WantedCheckpoint::Saved(object) => {
                let saved = SavedCheckpoint::parse(object, None).map_err(|error| AppError::input(error.to_string()))?;
                if !saved.is_in(&self.walk) {
                    let number = saved.checkpoint.number();
                    return Err(AppError::input(format!(
                        "the saved checkpoint {number} is not one of this archive"
                    ))
                    .fix("`kivend verify --checkpoint FILE` tells what differs"));
                }
                Ok(CheckpointNote {
                    named: saved.checkpoint.reference(),
                    note: text(&Bytes::copy_from_slice(object))?,
                })
            }
        }
    }
}
