//! Opening the checkpoints of a log (FORMAT.md section 3.3), and continuing a log whose first entries were not read.

use crate::log::checkpoint::{Checkpoint, CheckpointRef, Form};
use crate::log::entry::Entry;
use crate::log::head::Head;
use crate::log::history::{History, SignedEntry};
use crate::log::keyring::{Heights, Role};
use crate::log::note::{Invalid, is_typed_json};
use crate::log::signed_note::VerifyingKey;
use crate::log::witness::CosignedNote;
use crate::record::merkle::Tree;

impl History {
    /// Verifies an object at the place of the checkpoint over the entries so far. Returns the signer.
    ///
    /// # Errors
    /// [`Invalid`] if it is not valid there; `Content` if a key that may sign it signed another root.
    pub fn open_checkpoint(&self, object: &[u8]) -> Result<VerifyingKey, Invalid> {
        match self.checkpoint() {
            Some(expected) => self.open_checkpoint_of(object, expected),
            None => Err(Invalid::Content("there is no entry".to_owned())),
        }
    }

    /// Verifies an object at the place of this checkpoint, which may be an older one. Returns the signer.
    ///
    /// # Errors
    /// Those of [`History::open_checkpoint`].
    pub fn open_checkpoint_of(&self, object: &[u8], expected: CheckpointRef) -> Result<VerifyingKey, Invalid> {
        let opened = self.keyring.open(object)?;
        let must_be_change_key = expected.number == 0 && self.keyring.change_role() == Role::Change;
        let may_sign = opened.term.is_in_force_before(expected.number + 1)
            && (opened.term.role == Role::Change || !must_be_change_key);
        let expected = Checkpoint::of(self.keyring.origin(), expected);
        if is_typed_json(&opened.text) {
            return Err(Invalid::Replay("a note of another kind".to_owned()));
        }
        if let Some(form) = Form::of(&opened.text) {
            if (form.origin, form.size) != (&expected.origin, &expected.size.to_string()) {
                return Err(Invalid::Replay(format!("origin {}, size {}", form.origin, form.size)));
            }
            if form.further_lines > 0 && may_sign {
                return Err(opened.unknown_type("a checkpoint with further lines".to_owned()));
            }
            if form.further_lines > 0 {
                return Err(opened.out_of_term());
            }
        }
        let Ok(found) = opened.text.parse::<Checkpoint>() else {
            return Err(Invalid::Content("the text is not a checkpoint".to_owned()));
        };
        if !may_sign {
            return Err(opened.out_of_term());
        }
        if found.root != expected.root {
            return Err(Invalid::Content(format!(
                "the root {} is not that of the entries, which is {}",
                found.root, expected.root
            )));
        }
        Ok(opened.term.key.clone())
    }

    /// The checkpoint of this log in a note, with cosignature lines or none, if a key in force after the newest entry signed it.
    /// Its root is not checked.
    #[must_use]
    pub fn signed_checkpoint(&self, object: &[u8]) -> Option<Checkpoint> {
        let note = CosignedNote::parse(object).ok()?.checkpoint;
        let checkpoint: Checkpoint = note.text().parse().ok()?;
        let in_force = |key: &VerifyingKey| {
            let term = self.keyring.term(key);
            term.is_some_and(|term| term.is_in_force_before(self.next_number()))
        };
        let mut keys = self.keyring.keys().filter(|key| in_force(key));
        let signed = keys.any(|key| note.signatures().iter().any(|line| key.signed(note.text(), line)));
        (signed && checkpoint.origin == self.keyring.origin()).then_some(checkpoint)
    }

    /// Appends, from an archive whose entries between were not read, an entry that carries a change, and the heads of the entry
    /// after it, if there is one. Used to resume at a later entry; the tree is then unknown until [`History::resume_at`].
    ///
    /// # Errors
    /// [`Invalid`] if the change is not valid after the changes before it.
    pub fn skip_to_change(&mut self, entry: &Entry, after: Option<&[Head]>) -> Result<(), Invalid> {
        let Some(note) = &entry.change else { return Ok(()) };
        let opened = self.before_change().open(note, &entry.heads);
        let signed = opened.map_err(|unread| Invalid::Content(format!("its change: {unread}")))?;
        self.apply_change(entry.number, &signed, &Heights::of(&entry.heads));
        if let Some(after) = after {
            self.keyring.decide(&Heights::of(after));
        }
        Ok(())
    }

    /// Continues with an entry whose predecessors were not read: takes its peaks as the tree before it.
    ///
    /// # Errors
    /// [`Invalid`] if its peaks do not fit its number, or its changes are not the ones that were applied.
    pub fn resume_at(&mut self, entry: Entry, signer: VerifyingKey) -> Result<SignedEntry, Invalid> {
        let Some(tree) = Tree::from_peaks(&entry.tree, entry.number) else {
            return Err(Invalid::Content("tree does not fit the number".to_owned()));
        };
        self.tree = tree;
        let signed = self.check_entry(entry, signer)?;
        self.apply(&signed);
        Ok(signed)
    }
}
