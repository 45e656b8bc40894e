//! Opens segments whose records are the signed ones.

use bytes::Bytes;

use crate::log::link::Link;
use crate::record::merkle::Tree;
use crate::record::record::LeafHasher;
use crate::segment::decode::Segment;
use crate::task::error::AppError;

/// Opens a segment, after checking that its records have the root that its link signs. `doing` completes "a segment cannot be
/// …".
///
/// # Errors
/// `Corrupt` if it is not a segment, or has other records.
pub fn signed_segment(link: &Link, object: Bytes, doing: &str) -> Result<Segment, AppError> {
    let unreadable = |error: &dyn std::fmt::Display| unreadable(link, doing, error);
    let segment = Segment::open(object).map_err(|error| unreadable(&error))?;
    let mut hasher = LeafHasher::new(&link.topic_partition());
    let mut tree = Tree::default();
    segment
        .for_each_record(|record| tree.push(hasher.leaf(record)))
        .map_err(|error| unreadable(&error))?;
    if tree.root() == link.records_root {
        Ok(segment)
    } else {
        Err(unreadable(&"its records are not the signed ones"))
    }
}

/// The error for a segment that does not hold what its link signs.
#[must_use]
pub fn unreadable(link: &Link, doing: &str, why: &dyn std::fmt::Display) -> AppError {
    let key = link.segment.as_ref().map_or("", |segment| &segment.key);
    AppError::corrupt(format!("a segment cannot be {doing}: {why}, in {key}"))
        .fix("`kivend verify` lists all findings; restore the segment from a backup or an older version of the bucket")
}
