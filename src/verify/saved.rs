//! Checkpoints that were saved outside the bucket, alone or with their entries and with cosignature lines (FORMAT.md section 8).

use crate::json::canonical;
use crate::log::checkpoint::{Checkpoint, NotACheckpoint};
use crate::log::entry::Entry;
use crate::log::head::Head;
use crate::log::history::History;
use crate::log::keyring::{Keyring, Role, Term};
use crate::log::signed_note::Note;
use crate::log::witness::{Cosignature, CosignedNote};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::log_end::Shown;
use crate::verify::log_walk::LogWalk;

/// A file given as a saved checkpoint is not one.
#[derive(Debug, thiserror::Error)]
#[error("the file is not a saved checkpoint: {0}")]
pub struct NotASavedCheckpoint(pub String);

/// A saved checkpoint.
#[derive(Debug, Clone)]
pub struct SavedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The lines of witnesses below it, not verified.
    pub cosignatures: Vec<Cosignature>,
    /// Its entry, which hashes to its root.
    pub entry: Option<Entry>,
    note: Note,
}

impl SavedCheckpoint {
    /// Parses a saved checkpoint. `entry` is the object of its entry; it is ignored if it is another one.
    ///
    /// # Errors
    /// The file is not a checkpoint of any archive.
    pub fn parse(object: &[u8], entry: Option<&[u8]>) -> Result<SavedCheckpoint, NotASavedCheckpoint> {
        let refused = |error: &dyn std::fmt::Display| NotASavedCheckpoint(error.to_string());
        let cosigned = CosignedNote::parse(object).map_err(|error| refused(&error))?;
        let checkpoint: Checkpoint = cosigned
            .checkpoint
            .text()
            .parse()
            .map_err(|error: NotACheckpoint| refused(&error))?;
        let own = |entry: &Entry| entry.checkpoint() == Some(checkpoint.reference());
        Ok(SavedCheckpoint {
            entry: entry.and_then(entry_in).filter(own),
            checkpoint,
            cosignatures: cosigned.cosignatures,
            note: cosigned.checkpoint,
        })
    }

    /// The checkpoint without the lines of witnesses.
    #[must_use]
    pub fn without_cosignatures(&self) -> &Note {
        &self.note
    }

    /// Whether a key of this keyring, retired or not, signed it.
    #[must_use]
    pub fn is_signed_by(&self, keyring: &Keyring) -> bool {
        let mut lines = self.note.signatures().iter();
        lines.any(|line| keyring.keys().any(|key| key.signed(self.note.text(), line)))
    }

    /// Whether the log has this checkpoint.
    #[must_use]
    pub fn is_in(&self, walk: &LogWalk) -> bool {
        let same_origin = self.checkpoint.origin == walk.history().keyring().origin();
        same_origin && walk.root(self.checkpoint.number()) == Some(self.checkpoint.root)
    }

    /// The heads of its entry, by the log or by the entry saved with it.
    #[must_use]
    pub fn heads(&self, walk: &LogWalk) -> Vec<Head> {
        match &self.entry {
            Some(entry) => entry.heads.clone(),
            None if self.is_in(walk) => walk.heads_at(self.checkpoint.number()).cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Whether a key signed it that may sign it by this log.
    fn is_allowed(&self, history: &History) -> bool {
        let (keyring, number) = (history.keyring(), self.checkpoint.number());
        let after = number.saturating_add(1).min(history.next_number());
        let may_sign = |term: &&Term| {
            let must_be_change_key = number == 0 && keyring.change_role() == Role::Change;
            term.is_in_force_before(after) && (term.role == Role::Change || !must_be_change_key)
        };
        let mut keys = keyring.terms().iter().filter(may_sign).map(|term| &term.key);
        keys.any(|key| {
            self.note
                .signatures()
                .iter()
                .any(|line| key.signed(self.note.text(), line))
        })
    }

    /// Compares it with the log, once that was read to its end.
    pub fn compare(&self, walk: &mut LogWalk, findings: &mut Findings) {
        let (number, history) = (self.checkpoint.number(), walk.history());
        let found = if self.checkpoint.origin != history.keyring().origin() {
            let detail = format!("it is of another archive, with the origin {}", self.checkpoint.origin);
            Finding::new(Code::SavedCheckpointForeign, detail)
        } else if number < walk.first() || (walk.is_stopped() && walk.root(number).is_none()) {
            return; // Not read, so not compared.
        } else if !self.is_allowed(history) {
            let detail = format!("no key that may sign it signed the saved checkpoint {number}");
            Finding::new(Code::SavedCheckpointForeign, detail)
        } else if let Some(root) = walk.root(number) {
            if root != self.checkpoint.root {
                let detail = format!(
                    "the saved checkpoint {number} has root {}, but the entries of the bucket have {root}",
                    self.checkpoint.root
                );
                Finding::new(Code::SavedCheckpointDiffers, detail)
            } else if walk.newest_checkpoint().is_none_or(|newest| newest < number) {
                walk.show_checkpoint(number);
                let detail = format!("checkpoint {number} was saved, but the bucket has no valid one");
                Finding::new(Code::SavedCheckpointMissing, detail)
            } else {
                return;
            }
        } else {
            let by = format!("the saved checkpoint {number}");
            walk.show(Shown { number, by });
            let detail = format!("the log ends before the saved checkpoint {number}");
            Finding::new(Code::SavedCheckpointMissing, detail)
        };
        findings.push(found);
    }
}

fn entry_in(object: &[u8]) -> Option<Entry> {
    let note = Note::parse(object).ok()?;
    canonical::from_text(note.text()).ok()
}
