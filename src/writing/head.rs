//! Finds the head of a partition's chain in the store (KY-1). This takes
//! O(log n) requests: from the link that Kafka's commit names, or else a binary search by offset. Neither the commit
//! nor the greatest key is trusted: only a valid link that continues the one before it is a head.

use bytes::Bytes;

use crate::log::commit_metadata::CommitMetadata;
use crate::log::identity::genesis;
use crate::log::keyring::Role;
use crate::log::limits::max_bytes_of;
use crate::log::link::{self, Link, SignedLink};
use crate::log::note::Invalid;
use crate::log::object_key::{Attempt, Key, Place, links_of};
use crate::reading::attempts::{self, Candidate, Judged};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::store::pages::PAGE;
use crate::store::{Entry, Store};
use crate::task::error::AppError;
use crate::writing::chain_links::is_retired;
use crate::writing::create::judge_taken;
use crate::writing::trust::WriterTrust;

/// The newest link of the chain; `None` if the partition has no link. `end` is Kafka's log end offset: the search
/// ignores keys beyond it, because no valid link begins there.
///
/// # Errors
/// The store's errors; [`Kind::Corrupt`](crate::error::Kind::Corrupt) if a valid link does not continue the
/// one before it, or if a newer version of kivend wrote it.
pub async fn find(
    store: &dyn Store,
    trust: &WriterTrust,
    partition: &TopicPartition,
    hint: Option<&CommitMetadata>,
    end: i64,
) -> Result<Option<SignedLink>, AppError> {
    let search = Search {
        store,
        trust,
        partition,
    };
    if let Some(hint) = hint
        && let Some(head) = search.after_hint(hint).await?
    {
        return Ok(Some(head));
    }
    search.below_end(end).await
}

/// Whether a place has a valid link.
///
/// # Errors
/// The store's errors; [`Kind::Corrupt`](crate::error::Kind::Corrupt) if a newer version of kivend wrote it.
pub async fn is_linked(store: &dyn Store, trust: &WriterTrust, place: &Place) -> Result<bool, AppError> {
    let search = Search {
        store,
        trust,
        partition: &place.partition,
    };
    Ok(search.link_at(place).await?.is_some())
}

/// Whether a commit is void because the link that it names was signed with a key that was retired before. Such a link
/// does not count, and its records are archived again.
///
/// # Errors
/// The store's errors.
pub async fn is_void(
    store: &dyn Store,
    trust: &WriterTrust,
    partition: &TopicPartition,
    committed: &CommitMetadata,
) -> Result<bool, AppError> {
    let place = Place {
        partition: partition.clone(),
        epoch: committed.epoch,
        first_offset: committed.first_offset,
    };
    let is_known = |name: &str, id| trust.keyring().keys().any(|key| key.name() == name && key.id() == id);
    let named = attempts::lowest(
        store,
        |attempt| place.link(attempt),
        |found| {
            (Hash::of(&found.object) == committed.link).then(|| {
                let opened = link::open(&found.object, trust.keyring(), trust.archive_id(), &place);
                matches!(opened, Err(Invalid::UnknownKey { name, id }) if is_known(&name, id))
            })
        },
    );
    Ok(named.await?.unwrap_or(false))
}

/// Whether the range of keys may continue after a page.
enum PageEnd {
    Last,
    More,
}

struct Search<'a> {
    store: &'a dyn Store,
    trust: &'a WriterTrust,
    partition: &'a TopicPartition,
}

impl Search<'_> {
    /// The head, starting from the link that the commit names. The links before it are not read. `None` if that link is
    /// not in the bucket: then the bucket is searched as without a hint.
    async fn after_hint(&self, hint: &CommitMetadata) -> Result<Option<SignedLink>, AppError> {
        match self.link_at(&self.place(hint.epoch, hint.first_offset)).await? {
            Some(named) if named.hash == hint.link => self.follow(named).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The head, starting from the greatest valid link of the newest epoch below the log's end. That link must continue
    /// the one before it.
    async fn below_end(&self, end: i64) -> Result<Option<SignedLink>, AppError> {
        if self.is_new().await? {
            return Ok(None);
        }
        let epoch = self.newest_epoch().await?;
        let mut greatest = self.greatest_link(epoch, end.saturating_add(1)).await?;
        // Where Kafka's log ends below the archive, its end says nothing about the archive's.
        let is_beyond = |link: &SignedLink| link.link.next_offset.0 > end;
        if greatest.as_ref().map_or(epoch > Epoch(0), is_beyond) {
            greatest = self.greatest_link(epoch, i64::MAX).await?;
        }
        if greatest.is_none() {
            greatest = self.link_at(&self.place(epoch, FirstOffset(0))).await?;
        }
        while let Some(link) = greatest {
            if self.has_predecessor(&link).await? {
                return self.follow(link).await.map(Some);
            }
            if !is_retired(self.trust, link.signer) {
                return Err(self.broken(&link));
            }
            greatest = self.greatest_link(epoch, link.link.first_offset.0).await?;
        }
        Ok(None)
    }

    /// Whether the partition has no link at all. The first link is also looked for by its key, because a listing may be stale.
    async fn is_new(&self) -> Result<bool, AppError> {
        let folder = links_of(self.partition);
        if !self.store.list(&folder, None, 1).await?.is_empty() {
            return Ok(false);
        }
        let first = self.place(Epoch(0), FirstOffset(0)).link(Attempt::PLAIN).to_string();
        match self.store.get(&first, max_bytes_of(&first)).await {
            Err(error) if error.is_too_large() => Ok(false),
            first => Ok(first?.is_none()),
        }
    }

    /// The end of the chain after this link. Each next link is read by its key, because a listing may be stale.
    async fn follow(&self, mut head: SignedLink) -> Result<SignedLink, AppError> {
        loop {
            match self.link_at(&head.link.next_place()).await? {
                Some(next) if self.continues(&next, Some(&head)) => head = next,
                Some(next) => return Err(self.broken(&next)),
                None => return Ok(head),
            }
        }
    }

    /// The valid link of an epoch with the greatest first offset below `below`. Invalid objects are skipped.
    async fn greatest_link(&self, epoch: Epoch, mut below: i64) -> Result<Option<SignedLink>, AppError> {
        while let Some(place) = self.greatest_place(epoch, below).await? {
            if let Some(link) = self.link_at(&place).await? {
                return Ok(Some(link));
            }
            below = place.first_offset.0;
        }
        Ok(None)
    }

    /// Whether the bucket has the link that this one names as `previous`. Links that a retired key added between the places of the
    /// chain are passed over.
    async fn has_predecessor(&self, link: &SignedLink) -> Result<bool, AppError> {
        if link.link.height.0 == 0 {
            return Ok(self.continues(link, None));
        }
        let mut before = self.link_before(&link.link).await?;
        while let Some(found) = before {
            if self.continues(link, Some(&found)) {
                return Ok(true);
            }
            if !is_retired(self.trust, found.signer) {
                return Ok(false);
            }
            before = self.link_before(&found.link).await?;
        }
        Ok(false)
    }

    /// The valid link with the greatest place below that of this one, in its epoch or else in the one before.
    async fn link_before(&self, link: &Link) -> Result<Option<SignedLink>, AppError> {
        match self.greatest_link(link.epoch, link.first_offset.0).await? {
            None => match link.epoch.0.checked_sub(1) {
                Some(before) => self.greatest_link(Epoch(before), i64::MAX).await,
                None => Ok(None),
            },
            before => Ok(before),
        }
    }

    fn continues(&self, link: &SignedLink, before: Option<&SignedLink>) -> bool {
        let genesis = genesis(&self.trust.identity(), self.partition);
        link.link.continues(before, &genesis).is_ok()
    }

    fn broken(&self, link: &SignedLink) -> AppError {
        let key = link.link.place().link(Attempt::PLAIN);
        AppError::corrupt(format!("the signed link {key} does not continue the link before it"))
    }

    fn place(&self, epoch: Epoch, first_offset: FirstOffset) -> Place {
        Place {
            partition: self.partition.clone(),
            epoch,
            first_offset,
        }
    }

    /// The valid link at a place. Invalid notes are skipped; a link of a newer version is an error, since it may be
    /// valid.
    async fn link_at(&self, place: &Place) -> Result<Option<SignedLink>, AppError> {
        let trust = self.trust;
        let found = attempts::lowest(
            self.store,
            |attempt| place.link(attempt),
            |found| match link::open(&found.object, trust.keyring(), trust.archive_id(), place) {
                Ok(link) => Some(Ok(link)),
                Err(newer @ Invalid::UnknownType { .. }) if is_in_force(trust, &newer) => {
                    Some(Err(AppError::corrupt(format!("{}: {newer}", found.key))))
                }
                Err(undecided @ Invalid::Undecided(_)) => {
                    Some(Err(AppError::transient(format!("{}: {undecided}", found.key))))
                }
                Err(_) => None,
            },
        );
        found.await?.transpose()
    }

    /// The newest epoch with a valid link. Epochs have no gaps.
    async fn newest_epoch(&self) -> Result<Epoch, AppError> {
        let mut newest = Epoch(0);
        while self.has_link(newest.next()).await? {
            newest = newest.next();
        }
        Ok(newest)
    }

    async fn has_link(&self, epoch: Epoch) -> Result<bool, AppError> {
        let folder = links_of(self.partition);
        let mut after = self.stem(epoch, 0);
        loop {
            let page = self.store.list(&folder, Some(&after), PAGE).await?;
            for place in page.iter().filter_map(place_of) {
                if place.epoch == epoch && self.link_at(&place).await?.is_some() {
                    return Ok(true);
                }
            }
            let in_epoch = page.last().and_then(place_of).is_some_and(|place| place.epoch == epoch);
            match page.last() {
                Some(last) if in_epoch && page.len() == PAGE => after.clone_from(&last.key),
                _ => return Ok(false),
            }
        }
    }

    /// The greatest place of an epoch below `below` whose link key has an object, valid or not. A binary search with
    /// one page for each step.
    async fn greatest_place(&self, epoch: Epoch, below: i64) -> Result<Option<Place>, AppError> {
        let mut greatest = None;
        // Any place greater than `greatest` is in [floor, high).
        let (mut floor, mut high, mut probe) = (0, below, 0);
        while floor < high {
            match self.last_of_page(epoch, probe, high).await? {
                (Some(last), PageEnd::Last) => return Ok(Some(last)),
                (Some(last), PageEnd::More) => {
                    floor = last.first_offset.0 + 1;
                    greatest = Some(last);
                }
                (None, _) if probe == floor => return Ok(greatest),
                (None, _) => high = probe,
            }
            probe = floor + (high - floor) / 2;
        }
        Ok(greatest)
    }

    /// The last place of an epoch within `[from, below)` on one page of the listing.
    async fn last_of_page(&self, epoch: Epoch, from: i64, below: i64) -> Result<(Option<Place>, PageEnd), AppError> {
        let page = self
            .store
            .list(&links_of(self.partition), Some(&self.stem(epoch, from)), PAGE)
            .await?;
        let full = page.len() == PAGE;
        let within = |place: &Place| place.epoch == epoch && place.first_offset.0 < below;
        let reaches_beyond = page.last().and_then(place_of).is_some_and(|place| !within(&place));
        let last = page.iter().rev().filter_map(place_of).find(within);
        Ok((
            last,
            if full && !reaches_beyond {
                PageEnd::More
            } else {
                PageEnd::Last
            },
        ))
    }

    /// A key that sorts before every link of the place at `offset`, and after every link of earlier places.
    fn stem(&self, epoch: Epoch, offset: i64) -> String {
        format!(
            "{}{}",
            links_of(self.partition),
            self.place(epoch, FirstOffset(offset)).stem()
        )
    }
}

/// Whether the signer of a note of a newer version is in force now. A retired key must not be able to stop a partition.
fn is_in_force(trust: &WriterTrust, newer: &Invalid) -> bool {
    let Invalid::UnknownType { signer, .. } = newer else {
        return false;
    };
    trust.keyring().in_force(Role::Signing).any(|key| key.id() == *signer)
}

fn place_of(entry: &Entry) -> Option<Place> {
    match entry.key.parse() {
        Ok(Key::Link(place, _)) => Some(place),
        _ => None,
    }
}

/// The link at a place, valid or of a newer version; or the attempt to create it with. `tried` is the attempt whose key
/// exists.
///
/// # Errors
/// The store's errors.
pub async fn judge_taken_link(
    store: &dyn Store,
    trust: &WriterTrust,
    place: &Place,
    tried: Attempt,
) -> Result<Judged<Bytes>, AppError> {
    let accept = |found: Candidate| match link::open(&found.object, trust.keyring(), trust.archive_id(), place) {
        Ok(_) => Some(found.object),
        Err(newer @ Invalid::UnknownType { .. }) if is_in_force(trust, &newer) => Some(found.object),
        Err(_) => None,
    };
    judge_taken(store, |attempt| place.link(attempt), tried, accept).await
}
