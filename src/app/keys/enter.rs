//! Entering a signed change in the log, with the signing key of this machine.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Clock;
use crate::log::change::Unread;
use crate::log::proposal::Proposal;
use crate::log::signer::Signer;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::entry_writer::{EntryWriter, Moment};
use crate::writing::init;
use crate::writing::key_source::KeySource;
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_log::{WriterLog, require_in_force, require_known};

/// The result of `kivend keys apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplyReport {
    /// The sequence of the change.
    pub sequence: u64,
    /// The number of the entry that carries it.
    pub entry: u64,
    /// The number of the newest checkpoint.
    pub checkpoint: u64,
}

/// An archive whose log this machine may extend.
pub struct Writable {
    /// The key on this machine.
    pub own: Arc<dyn Signer>,
    /// The writer of entries.
    pub writer: EntryWriter,
}

impl Writable {
    /// Opens the archive in the store.
    ///
    /// # Errors
    /// The store's errors; `Config` if the key on this machine is not in force.
    pub async fn open(store: &dyn Store, source: &KeySource) -> Result<Writable, AppError> {
        let (identity, object) = init::read_identity(store).await?;
        let own = source.read(identity.origin())?;
        let first =
            WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
        let trust = log_start::read(store, first, Some(own.verifying_key())).await?;
        require_known(&trust, own.verifying_key())?;
        let log = Arc::new(WriterLog::new(trust, own.verifying_key()));
        let mut writer = EntryWriter::new(log, Arc::clone(&own));
        writer.complete(store, Clock::start().utc_seconds()).await?;
        require_in_force(writer.trust(), own.verifying_key())?;
        Ok(Writable { own, writer })
    }

    /// Enters a change. One that retires a key is followed at once by the entry that decides which of its links count.
    ///
    /// # Errors
    /// Those of [`EntryWriter::enter`]; `Input` if a signature is missing.
    pub async fn enter(&mut self, store: &dyn Store, proposal: &Proposal) -> Result<ApplyReport, AppError> {
        let moment = Moment::at(Clock::start().utc_seconds());
        // Reads the links first, because a change of retention is judged by the heads of the entry that carries it.
        self.writer.advance(store, &moment).await?;
        let history = &self.writer.trust().history;
        if let Some(entered) = already_entered(history, proposal) {
            return self.settled(store, entered).await;
        }
        let note = proposal
            .arranged(&history.before_change())
            .map_err(|unread| refused(&unread))?;
        self.writer.enter(store, &moment, &note).await?;
        let changes = self.writer.trust().history.changes();
        self.settled(store, (changes.sequence, changes.entry)).await
    }

    async fn settled(&mut self, store: &dyn Store, (sequence, entry): (u64, u64)) -> Result<ApplyReport, AppError> {
        let moment = Moment::at(Clock::start().utc_seconds());
        let newest = self.writer.advance(store, &moment).await?;
        Ok(ApplyReport {
            sequence,
            entry,
            checkpoint: newest.number,
        })
    }
}

/// The sequence and the entry of the newest change, if it is this one: an earlier run may have been interrupted after it.
fn already_entered(history: &crate::log::history::History, proposal: &Proposal) -> Option<(u64, u64)> {
    let newest = history.changes();
    let text = proposal.change().ok()?.to_text().ok()?;
    let entered = history.newest_change()?.to_text().ok()?;
    (entered == text).then_some((newest.sequence, newest.entry))
}

/// Enters a signed change from a file.
///
/// # Errors
/// The store's errors; `Config` if the signing key is not in force; `Input` if the file holds no change, or one that does
/// not come next.
pub async fn apply(store: &dyn Store, source: &KeySource, file: &[u8]) -> Result<ApplyReport, AppError> {
    let proposal =
        Proposal::from_bytes(file).map_err(|error| AppError::input(format!("the file holds no change: {error}")))?;
    Writable::open(store, source).await?.enter(store, &proposal).await
}

fn refused(unread: &Unread) -> AppError {
    AppError::input(format!("the change cannot be entered: {unread}")).fix(
        "have it signed with `kivend keys sign`; if another change was entered meanwhile, make a new one with `kivend keys propose`",
    )
}
