//! The segments at a place without a link. They are not trusted: an earlier owner or an outsider with write access may have
//! created them (AD-1).

use futures::future::try_join_all;

use crate::archive::step::{Found, FoundSegments};
use crate::log::object_key::{Attempt, Place};
use crate::log::rejected::MAX_REJECTED_ATTEMPT;
use crate::reading::attempts::{self, Listed};
use crate::record::position::NextOffset;
use crate::segment::decode;
use crate::segment::footer::Footer;
use crate::store::{OBJECT_MAX_BYTES, Store};
use crate::task::error::AppError;

/// Objects that are read at the same time.
const CONCURRENT: usize = 4;
/// The end of an object that is read first: the footers of most segments are shorter.
const TAIL_BYTES: u64 = 64 << 10;

/// The segments at a place, by one listing. Those that a link cannot name are not read: attempts after a gap, which no
/// writer leaves, and attempts above [`MAX_REJECTED_ATTEMPT`].
///
/// # Errors
/// The store's errors.
pub async fn at(store: &dyn Store, place: &Place) -> Result<FoundSegments, AppError> {
    let listed = attempts::list(store, |attempt| place.segment(attempt)).await?;
    let free = attempts::lowest_free(Attempt::PLAIN, &listed);
    let named = listed.partition_point(|listed| listed.attempt < free && listed.attempt <= MAX_REJECTED_ATTEMPT);
    let mut segments = Vec::with_capacity(named);
    for batch in listed[..named].chunks(CONCURRENT) {
        let described = batch.iter().map(|listed| describe(store, place, listed));
        segments.extend(try_join_all(described).await?);
    }
    Ok(FoundSegments { segments, free })
}

/// Describes one object, which may have any size: it is hashed in pieces, and only its end is held.
async fn describe(store: &dyn Store, place: &Place, listed: &Listed) -> Result<Found, AppError> {
    let mut found = Found {
        attempt: listed.attempt,
        bytes: listed.entry.bytes,
        sha256: None,
        ends: None,
    };
    if listed.is_too_large() {
        return Ok(found);
    }
    let key = &listed.entry.key;
    let Some(digest) = store.digest(key, OBJECT_MAX_BYTES).await? else {
        return Err(AppError::transient(format!(
            "the object {key} was listed, but the store does not return it"
        )));
    };
    found.bytes = digest.object_bytes;
    found.sha256 = digest.sha256;
    if digest.sha256.is_some() && digest.object_bytes > 0 {
        found.ends = ends(store, place, key).await?;
    }
    Ok(found)
}

/// The end of the range in the footer of a found segment; none if it is not a segment of this place.
async fn ends(store: &dyn Store, place: &Place, key: &str) -> Result<Option<NextOffset>, AppError> {
    let mut tail = store.tail(key, TAIL_BYTES).await?.map(|tail| tail.end);
    let length = tail.as_ref().and_then(|end| decode::footer_length(end).ok());
    if let Some(length) = length.filter(|length| *length as u64 > TAIL_BYTES) {
        drop(tail);
        tail = store.tail(key, length as u64).await?.map(|tail| tail.end);
    }
    let is_here = |footer: &Footer| {
        footer.topic_partition == place.partition
            && footer.epoch == place.epoch
            && footer.first_offset == place.first_offset
    };
    let footer = tail.and_then(|end| decode::read_footer(&end).ok()).filter(is_here);
    Ok(footer.map(|footer| footer.next_offset))
}
