//! The objects that a link lists as rejected: found at a segment key of its place, and not part of the archive.

use serde::{Deserialize, Serialize};

use crate::log::limits::SEGMENT_MAX_BYTES;
use crate::log::object_key::Attempt;
use crate::record::hash::Hash;

/// The greatest attempt of an object that a link lists as rejected, so that planted objects do not make links grow.
pub const MAX_REJECTED_ATTEMPT: Attempt = Attempt(255);

/// Why a found segment was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The records of this range in Kafka give other bytes.
    Differs,
    /// It is not a segment of this place.
    Unreadable,
    /// It is larger than the limit of segments, and was not read.
    TooLarge,
}

/// An object that was found at a segment key of this place and is not part of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The object key, relative to the prefix.
    pub key: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the bytes; `None` if and only if it is [too large](RejectReason::TooLarge).
    pub sha256: Option<Hash>,
    /// Why it was rejected.
    pub reason: RejectReason,
}

impl Rejected {
    /// Whether size, reason and hash agree.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let is_too_large = self.bytes > SEGMENT_MAX_BYTES;
        (self.reason == RejectReason::TooLarge) == is_too_large && self.sha256.is_none() == is_too_large
    }
}

/// Whether a link may name a segment with the attempt `own` and rejected objects with these attempts: all attempts up to
/// the greatest, without a gap or a repetition, except that rejected objects above [`MAX_REJECTED_ATTEMPT`] are not named.
#[must_use]
pub fn are_gapless(own: Option<Attempt>, rejected: &[Attempt]) -> bool {
    let own_named = own.filter(|own| *own <= MAX_REJECTED_ATTEMPT);
    let mut named: Vec<u32> = rejected.iter().chain(&own_named).map(|attempt| attempt.0).collect();
    named.sort_unstable();
    let is_full = named.len() == MAX_REJECTED_ATTEMPT.0 as usize + 1;
    let gapless = (0..=MAX_REJECTED_ATTEMPT.0)
        .zip(&named)
        .filter(|(index, attempt)| index == *attempt)
        .count()
        == named.len();
    gapless && (own == own_named || is_full)
}

/// Whether a link with the segment `own` and this number of rejected objects, [without a gap](are_gapless), names the
/// object with this attempt.
#[must_use]
pub fn is_named(own: Option<Attempt>, rejected: usize, attempt: Attempt) -> bool {
    let below = rejected + usize::from(own.is_some_and(|own| own <= MAX_REJECTED_ATTEMPT));
    own == Some(attempt) || (attempt.0 as usize) < below
}

/// Whether the writer of such a link passed over the object with this attempt, which a link cannot name: it is above
/// [`MAX_REJECTED_ATTEMPT`], and below the segment if there is one.
#[must_use]
pub fn is_passed_over(own: Option<Attempt>, rejected: usize, attempt: Attempt) -> bool {
    let is_full = is_named(own, rejected, MAX_REJECTED_ATTEMPT);
    is_full && attempt > MAX_REJECTED_ATTEMPT && own.is_none_or(|own| attempt < own || own <= MAX_REJECTED_ATTEMPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_names_and_what_it_passes_over() {
        let judge = |own: Option<u32>, rejected, attempt| {
            let (own, attempt) = (own.map(Attempt), Attempt(attempt));
            (is_named(own, rejected, attempt), is_passed_over(own, rejected, attempt))
        };
        let (named, passed_over, neither) = ((true, false), (false, true), (false, false));
        assert_eq!(judge(Some(1), 1, 0), named);
        assert_eq!(judge(Some(1), 1, 2), neither);
        assert_eq!(judge(Some(1), 1, 256), neither);
        assert_eq!(judge(Some(300), 256, 255), named);
        assert_eq!(judge(Some(300), 256, 256), passed_over);
        assert_eq!(judge(Some(300), 256, 299), passed_over);
        assert_eq!(judge(Some(300), 256, 300), named);
        assert_eq!(judge(Some(300), 256, 301), neither);
        assert_eq!(judge(None, 256, 256), passed_over);
        assert_eq!(judge(None, 2, 256), neither);
        assert_eq!(judge(Some(7), 255, 256), passed_over);
    }

    fn gapless(own: Option<u32>, rejected: impl IntoIterator<Item = u32>) -> bool {
        let rejected: Vec<Attempt> = rejected.into_iter().map(Attempt).collect();
        are_gapless(own.map(Attempt), &rejected)
    }

    #[test]
    fn attempts_have_no_gap_and_no_repetition() {
        assert!(gapless(None, []));
        assert!(gapless(Some(0), []));
        assert!(gapless(Some(1), [2, 0]));
        assert!(!gapless(Some(1), []));
        assert!(!gapless(Some(1), [0, 1]));
        assert!(!gapless(None, [0, 0]));
    }

    #[test]
    fn attempts_above_the_greatest_are_named_for_the_segment_only() {
        assert!(gapless(Some(255), 0..255));
        assert!(gapless(Some(256), 0..256));
        assert!(gapless(Some(2_000), 0..256));
        assert!(gapless(None, 0..256));
        assert!(!gapless(None, 0..257));
        assert!(!gapless(Some(0), 1..257));
        assert!(!gapless(Some(2_000), 0..255));
        assert!(!gapless(Some(256), []));
    }

    #[test]
    fn an_object_has_no_hash_exactly_if_it_is_too_large() {
        let rejected = |bytes, sha256, reason| Rejected {
            key: String::new(),
            bytes,
            sha256,
            reason,
        };
        let (hash, large) = (Some(Hash::ZERO), SEGMENT_MAX_BYTES + 1);
        assert!(rejected(SEGMENT_MAX_BYTES, hash, RejectReason::Differs).is_consistent());
        assert!(rejected(large, None, RejectReason::TooLarge).is_consistent());
        for wrong in [
            rejected(large, None, RejectReason::Differs),
            rejected(large, hash, RejectReason::TooLarge),
            rejected(1, None, RejectReason::TooLarge),
            rejected(1, None, RejectReason::Unreadable),
        ] {
            assert!(!wrong.is_consistent(), "{wrong:?}");
        }
    }
}
