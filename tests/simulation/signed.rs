//! A book of every tree that an honest process signed, whether its checkpoint was stored or not. No two of one size may have
//! different roots, because a witness that saw one refuses the other for ever.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kivend::log::checkpoint::Checkpoint;
use kivend::log::signed_note::{SigningKey, VerifyingKey};
use kivend::log::signer::{SignError, Signer};
use kivend::record::hash::Hash;
use kivend::writing::writer_log::WriterLog;

use super::kafka::ProcessId;

/// A signed tree head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedTree {
    pub by: ProcessId,
    pub size: u64,
    pub root: Hash,
}

#[derive(Debug, Default)]
struct Pages {
    trees: Vec<SignedTree>,
    misused: Option<String>,
}

/// The book of a run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

impl Book {
    /// A signer of this process that enters what it signs. `log` is what the process knows of its key.
    pub fn signer(&self, by: ProcessId, key: &SigningKey, log: &Arc<WriterLog>) -> Arc<dyn Signer> {
        Arc::new(Recorder {
            by,
            key: key.clone(),
            log: Arc::clone(log),
            book: self.clone(),
        })
    }

    pub fn trees(&self) -> Vec<SignedTree> {
        self.pages(|pages| pages.trees.clone())
    }

    /// Checks that every tree is one of the log with these roots by size, and that nobody signed one with a key that he knew to
    /// be retired. `is_excused` names trees of another history.
    pub fn check(&self, roots: &[Hash], is_excused: impl Fn(&SignedTree) -> bool) -> Result<(), String> {
        if let Some(why) = self.pages(|pages| pages.misused.clone()) {
            return Err(why);
        }
        let is_of_log = |tree: &SignedTree| roots.get(tree.size as usize - 1) == Some(&tree.root);
        let trees = self.trees();
        match trees.iter().find(|tree| !is_of_log(tree) && !is_excused(tree)) {
            None => Ok(()),
            Some(tree) => Err(format!(
                "signed a tree that is not the log's: {tree:?}, the log has {}",
                roots.len()
            )),
        }
    }

    fn pages<T>(&self, act: impl FnOnce(&mut Pages) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Recorder {
    by: ProcessId,
    key: SigningKey,
    log: Arc<WriterLog>,
    book: Book,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({})", self.by)
    }
}

impl Signer for Recorder {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign_text(&self, text: &str) -> Result<[u8; 64], SignError> {
        let trust = self.log.trust();
        // A checkpoint below the entry that retires the key is still valid.
        let term = trust.keyring().term(self.key.verifying_key());
        let is_retired_for = |size: u64| term.is_some_and(|term| !term.is_in_force_before(size));
        self.book.pages(|pages| {
            if let Ok(Checkpoint { size, root, .. }) = text.parse() {
                pages.trees.push(SignedTree {
                    by: self.by,
                    size,
                    root,
                });
                if is_retired_for(size) {
                    let why = format!(
                        "process {} signed checkpoint {} with a key that it knew to be retired",
                        self.by,
                        size - 1
                    );
                    pages.misused.get_or_insert(why);
                }
            }
        });
        self.key.sign_text(text)
    }
}
