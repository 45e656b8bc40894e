//! The writer of the archive's log: reads the new links of every partition, whichever member owns it, and signs all heads in the
//! next entry and its checkpoint (FORMAT.md section 3). It keeps one Merkle tree for each partition from one entry to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::{Explain as _, Kind};
use crate::log::change::Unread;
use crate::log::checkpoint::CheckpointRef;
use crate::log::entry::{Entry, GroupOffset};
use crate::log::head::Head;
use crate::log::history::Draft;
use crate::log::object_key::{Attempt, Key, LINKS, links_of};
use crate::log::signer::Signer;
use crate::reading::attempts::{Candidate, Judged};
use crate::reading::folders::{links_after, partitions};
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::store::{Creation, Store};
use crate::task::error::AppError;
use crate::writing::chain_log::{self, ChainLog};
use crate::writing::checkpoints;
use crate::writing::create::{create_note, judge_taken};
use crate::writing::signing::sign_with;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_log::WriterLog;

/// Partitions that are read at the same time.
const PARTITIONS_AT_ONCE: usize = 16;

/// What an entry says beside the heads.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The time by the writer's clock.
    pub at: UtcSeconds,
    /// The committed offsets of the configured groups; `None` if they could not be read. They must be read before the links.
    pub groups: Option<Vec<GroupOffset>>,
}

impl Moment {
    /// A moment of an archive for which no consumer group is configured.
    #[must_use]
    pub fn at(at: UtcSeconds) -> Moment {
        Moment {
            at,
            groups: Some(Vec::new()),
        }
    }
}

/// Signs the entries and checkpoints of one archive with one key.
pub struct EntryWriter {
    log: Arc<WriterLog>,
    /// The log by its last listing.
    trust: Arc<WriterTrust>,
    signer: Arc<dyn Signer>,
    chains: BTreeMap<TopicPartition, ChainLog>,
    /// The newest entry whose checkpoint is known to be in the bucket.
    completed: Option<CheckpointRef>,
}

impl EntryWriter {
    /// A writer that has read nothing: its first entry reads every link.
    #[must_use]
    pub fn new(log: Arc<WriterLog>, signer: Arc<dyn Signer>) -> EntryWriter {
        EntryWriter {
            trust: log.trust(),
            log,
            signer,
            chains: BTreeMap::new(),
            completed: None,
        }
    }

    /// Signs the next entry and its checkpoint if a head moved since the newest entry. Returns the newest checkpoint. If entry 0
    /// is missing, it is created; it has no heads.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if the links of a partition do not form a chain, or if the bucket was cut; `Config` if
    /// the signing key was retired. Nothing is signed then.
    pub async fn advance(&mut self, store: &dyn Store, moment: &Moment) -> Result<CheckpointRef, AppError> {
        loop {
            let newest = self.complete(store, moment.at).await?;
            self.read_links(store).await?;
            let heads = self.heads();
            let must_decide = self.trust.keyring().undecided_since() == Some(newest.number);
            // Also after another writer took the number: a further entry is signed only if heads moved since that one.
            let has_moved = !heads.is_empty() && heads != self.trust.history.heads() && !self.is_behind();
            if !has_moved && !must_decide {
                return Ok(newest);
            }
            self.refuse_behind()?;
            // Heads that moved meanwhile are left for the next entry; otherwise this loop might not end while others write.
            if let Some(created) = self.add(store, moment, heads, None).await? {
                return Ok(created);
            }
        }
    }

    /// Like [`EntryWriter::advance`], but before the first link is read, checks for new links with one request for each
    /// partition. If there are none, no chain is read: a start with nothing to do takes the same time however long the chains
    /// are.
    ///
    /// # Errors
    /// Those of [`EntryWriter::advance`].
    pub async fn advance_if_moved(&mut self, store: &dyn Store, moment: &Moment) -> Result<CheckpointRef, AppError> {
        let newest = self.complete(store, moment.at).await?;
        let must_decide = self.trust.keyring().undecided_since().is_some();
        if self.chains.is_empty() && !must_decide && !has_new_links(store, self.trust.history.heads()).await? {
            return Ok(newest);
        }
        self.advance(store, moment).await
    }

    /// Enters a change: signs an entry that carries it, whether heads moved or not. Ends also if another writer entered it.
    ///
    /// # Errors
    /// Those of [`EntryWriter::advance`]; `Input` if the change is not valid after the entries so far.
    pub async fn enter(&mut self, store: &dyn Store, moment: &Moment, change: &str) -> Result<CheckpointRef, AppError> {
        loop {
            let newest = self.complete(store, moment.at).await?;
            if self.trust.history.has_change(change) {
                return Ok(newest);
            }
            self.read_links(store).await?;
            self.refuse_behind()?;
            let heads = self.heads();
            let opened = self.trust.history.before_change().open(change, &heads);
            opened.map_err(|unread| refused(&unread))?;
            if let Some(created) = self.add(store, moment, heads, Some(change.to_owned())).await? {
                return Ok(created);
            }
        }
    }

    /// The log as of the last call.
    #[must_use]
    pub fn trust(&self) -> &WriterTrust {
        &self.trust
    }

    /// The object keys of the heads that were read last.
    pub fn head_keys(&self) -> impl Iterator<Item = &str> {
        self.chains.values().filter_map(ChainLog::head_key)
    }

    /// Creates entry 0 and its checkpoint, unless they exist. `first_signer` signs the checkpoint.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn begin(
        &mut self,
        store: &dyn Store,
        at: UtcSeconds,
        first_signer: &Arc<dyn Signer>,
    ) -> Result<(), AppError> {
        self.trust = self.log.refresh(store).await?;
        while self.trust.history.next_number() == 0 {
            self.create(store, self.trust.history.draft(first(at))).await?;
        }
        if self.trust.history.next_number() == 1 {
            checkpoints::complete(store, &self.trust.history, first_signer).await?;
        }
        Ok(())
    }

    /// Reads new entries, and makes sure that there is one and that the newest has its checkpoint.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if the bucket was cut.
    pub async fn complete(&mut self, store: &dyn Store, at: UtcSeconds) -> Result<CheckpointRef, AppError> {
        self.trust = self.log.refresh(store).await?;
        while self.trust.history.next_number() == 0 {
            self.create(store, self.trust.history.draft(first(at))).await?;
        }
        let newest = self.trust.history.checkpoint();
        if let (Some(newest), true) = (newest, newest == self.completed) {
            return Ok(newest);
        }
        if let Err(cut) = checkpoints::refuse_later(store, &self.trust.history).await {
            // Another writer may have added an entry and its checkpoint since the log was listed.
            let before = self.trust.history.next_number();
            self.trust = self.log.refresh(store).await?;
            if self.trust.history.next_number() == before {
                return Err(cut);
            }
            return Box::pin(self.complete(store, at)).await;
        }
        let completed = checkpoints::complete(store, &self.trust.history, &self.signer).await?;
        self.keep(WriterTrust::clone(&self.trust), completed);
        Ok(completed)
    }

    fn keep(&mut self, mut trust: WriterTrust, completed: CheckpointRef) {
        trust.checkpoint = Some(completed);
        self.completed = Some(completed);
        self.trust = self.log.take(trust);
    }

    /// Creates the next entry and its checkpoint. `None` if another writer was first, or if the checkpoint before is missing.
    ///
    /// Durability points. A crash before the entry costs nothing: the next entry covers the same links. A crash between the
    /// entry and its checkpoint leaves that to the next writer. A crash after both costs only the copies in the
    /// mirrors and the witnesses' lines, which come with the next checkpoint.
    async fn add(
        &mut self,
        store: &dyn Store,
        moment: &Moment,
        heads: Vec<Head>,
        change: Option<String>,
    ) -> Result<Option<CheckpointRef>, AppError> {
        let before = self.trust.history.next_number();
        self.trust = self.log.refresh(store).await?;
        self.log.require_own()?;
        let newest = self.trust.history.checkpoint();
        // Another task of this process may have read an entry whose checkpoint is still to be completed (LG-2).
        if self.trust.history.next_number() != before || newest != self.completed {
            return Ok(None);
        }
        if let Some(newest) = newest {
            checkpoints::require(store, &self.trust.history, newest).await?;
        }
        let draft = Draft {
            at: moment.at,
            heads,
            groups: moment.groups.clone(),
            change,
        };
        if self.create(store, self.trust.history.draft(draft)).await? == Creation::Exists {
            return Ok(None);
        }
        let completed = checkpoints::complete(store, &self.trust.history, &self.signer).await?;
        self.keep(WriterTrust::clone(&self.trust), completed);
        Ok(Some(completed))
    }

    /// Creates an entry, or reads the valid one that another writer created first. Invalid objects are passed over.
    async fn create(&mut self, store: &dyn Store, entry: Entry) -> Result<Creation, AppError> {
        let number = entry.number;
        let sealed = sign_with(&self.signer, move |signer| entry.seal(signer)).await?;
        let key_of = |attempt| Key::Entry(number, attempt);
        let mut attempt = Attempt::PLAIN;
        loop {
            let creation = create_note(store, &key_of(attempt), &sealed).await?;
            let before = Arc::clone(&self.trust);
            self.trust = self.log.refresh(store).await?;
            if self.trust.history.next_number() > number {
                return Ok(creation);
            }
            let valid = |found: Candidate| before.history.open_entry(&found.object).ok();
            match judge_taken(store, key_of, attempt, valid).await? {
                // The refresh did not see it yet: a listing may be older than a read.
                Judged::Valid(_) => {}
                Judged::Free(free) => attempt = free,
            }
        }
    }

    /// Whether the newest entry has a greater height than was read here, as after a stale listing. Heights must not
    /// decrease, so nothing may be signed then.
    fn is_behind(&self) -> bool {
        self.trust.history.heads().iter().any(|signed| {
            let read = self.chains.get(&signed.partition).and_then(ChainLog::height);
            read.is_none_or(|height| height < signed.height)
        })
    }

    fn refuse_behind(&self) -> Result<(), AppError> {
        if self.is_behind() {
            return Err(AppError::transient(
                "the listing of links is older than the newest entry of the log",
            ));
        }
        Ok(())
    }

    fn heads(&self) -> Vec<Head> {
        self.chains.values().filter_map(ChainLog::head).collect()
    }

    /// Reads the new links. The log is listed again before a chain is called broken: the link that breaks it may be by a key that
    /// was retired since the last listing (FORMAT.md section 4, rule 9).
    async fn read_links(&mut self, store: &dyn Store) -> Result<(), AppError> {
        loop {
            let trust = Arc::clone(&self.trust);
            let Err(error) = self.read_links_by(store, &trust).await else {
                return Ok(());
            };
            if error.kind() != Kind::Corrupt {
                return Err(error);
            }
            self.trust = self.log.refresh(store).await?;
            if !self.trust.has_other_keys(&trust) {
                return Err(error);
            }
        }
    }

    async fn read_links_by(&mut self, store: &dyn Store, trust: &Arc<WriterTrust>) -> Result<(), AppError> {
        // A link of a retired key that turned out not to count is read again: another stands in its place.
        self.chains.retain(|_, chain| chain.still_counts(trust));
        let partitions = partitions(store, LINKS).await?;
        let chains = &self.chains;
        let read = stream::iter(partitions).map(|partition| {
            let mut chain = chains.get(&partition).cloned().unwrap_or_default();
            async move {
                chain_log::extend(store, trust, &partition, &mut chain).await?;
                Ok::<_, AppError>((partition, chain))
            }
        });
        let read: Vec<_> = read.buffered(PARTITIONS_AT_ONCE).try_collect().await?;
        self.chains.extend(read);
        self.refuse_cut(store).await
    }

    /// Refuses a bucket whose links name a checkpoint that the log does not have: it was cut or restored (FORMAT.md section 3.5).
    async fn refuse_cut(&mut self, store: &dyn Store) -> Result<(), AppError> {
        let named = self.chains.values().filter_map(ChainLog::named_checkpoint).max();
        let Some(named) = named.filter(|named| *named >= self.trust.history.next_number()) else {
            return Ok(());
        };
        // The link may be newer than the last listing of the log.
        self.trust = self.log.refresh(store).await?;
        if named < self.trust.history.next_number() {
            return Ok(());
        }
        Err(AppError::corrupt(format!(
            "nothing is signed, because a link names checkpoint {named}, which the log does not have: the bucket was cut or restored"
        ))
        .fix("restore the missing objects of log/ and checkpoints/ from a copy of the bucket"))
    }
}

/// Entry 0.
fn first(at: UtcSeconds) -> Draft {
    Draft {
        at,
        heads: Vec::new(),
        groups: Some(Vec::new()),
        change: None,
    }
}

fn refused(unread: &Unread) -> AppError {
    AppError::input(format!("the change cannot be entered: {unread}"))
        .fix("`kivend keys propose` makes a change that continues the newest one")
}

/// Whether `links/` has objects after these heads, or in a partition without a head. One request for each partition.
async fn has_new_links(store: &dyn Store, heads: &[Head]) -> Result<bool, AppError> {
    let known: BTreeSet<&TopicPartition> = heads.iter().map(|head| &head.partition).collect();
    if partitions(store, LINKS)
        .await?
        .iter()
        .any(|found| !known.contains(found))
    {
        return Ok(true);
    }
    let behind: Vec<_> = heads
        .iter()
        .map(|head| (links_of(&head.partition), links_after(head)))
        .collect();
    let asked = stream::iter(behind).map(|(links, after)| async move {
        let page = store.list(&links, Some(&after), 1).await?;
        Ok::<_, AppError>(!page.is_empty())
    });
    asked.buffer_unordered(PARTITIONS_AT_ONCE).try_any(ready).await
}
