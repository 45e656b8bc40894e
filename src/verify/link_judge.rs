//! Which of the links at a place count, by their keys: the height of the place decides (FORMAT.md section 6, rule 4).

use crate::log::head::Head;
use crate::log::keyring::Coverage;
use crate::log::link::{Link, SignedLink};
use crate::log::note::Invalid;
use crate::record::position::{Height, TopicPartition};
use crate::verify::candidates::{Candidate, Found};
use crate::verify::chain::OpenedLink;
use crate::verify::times::time;
use crate::verify::trust::Trust;

/// The place of a link after the links before it.
pub(super) struct LinkPlace<'a> {
    pub(super) partition: &'a TopicPartition,
    /// One above the height of the link before.
    pub(super) height: Height,
    /// The height that decides about a link: that of the place, or the claimed one where links before it are missing.
    pub(super) deciding: &'a dyn Fn(&SignedLink) -> Height,
    /// The rule that a link breaks after the link before it.
    pub(super) breaks: &'a dyn Fn(&Link) -> Option<String>,
}

/// Makes junk of candidates whose keys do not count here, and broken notes of those before one that continues the chain that
/// do not continue it. Returns the number of the entry that is missing to decide about the link that counts, if any.
pub(super) fn judge(
    trust: &Trust,
    place: &LinkPlace<'_>,
    mut candidates: Vec<Candidate<OpenedLink>>,
) -> (Vec<Candidate<OpenedLink>>, Option<u64>) {
    let mut undecided = None;
    for candidate in &mut candidates {
        let coverage = match &candidate.found {
            Found::Valid(opened) => {
                let height = (place.deciding)(&opened.signed);
                trust.covers_link(&opened.key, place.partition, height)
            }
            Found::Invalid(Invalid::UnknownType { signer, .. }) => {
                match trust.may_cover_unknown(*signer, place.partition, place.height) {
                    true => Coverage::Inside,
                    false => Coverage::Outside,
                }
            }
            _ => continue,
        };
        match coverage {
            Coverage::Inside => {}
            Coverage::Undecided(entry) => undecided = undecided.or(Some(entry)),
            Coverage::Outside => candidate.found = Found::Invalid(out_of_force(candidate)),
        }
    }
    let continues = |candidate: &Candidate<OpenedLink>| match &candidate.found {
        Found::Valid(opened) => (place.breaks)(&opened.signed.link).is_none(),
        _ => false,
    };
    if let Some(counts) = candidates.iter().position(continues) {
        for candidate in &mut candidates[..counts] {
            if let Found::Valid(opened) = &candidate.found {
                let broken = (place.breaks)(&opened.signed.link).unwrap_or_default();
                candidate.found = Found::Invalid(Invalid::Content(broken));
            }
        }
    }
    (candidates, undecided)
}

fn out_of_force(candidate: &Candidate<OpenedLink>) -> Invalid {
    match &candidate.found {
        Found::Valid(opened) => Invalid::UnknownKey {
            name: opened.key.name().to_owned(),
            id: opened.key.id(),
        },
        Found::Invalid(Invalid::UnknownType { kind, signer }) => Invalid::UnknownKey {
            name: format!("of a note of type {kind}"),
            id: *signer,
        },
        Found::Invalid(other) => other.clone(),
        Found::Unreadable(why) => Invalid::Replay(why.clone()),
    }
}

/// The rules of [`Link::continues`] that can be checked against a checkpoint's head instead of the link before.
pub(super) fn continues_head(link: &Link, head: &Head) -> Result<(), String> {
    let follows = (link.epoch, link.first_offset) == (head.epoch, head.next_offset.begins());
    if link.height != head.height.next() {
        Err(format!(
            "its height {} does not follow that of the link before it",
            link.height
        ))
    } else if link.previous != head.link {
        Err("its previous is not the hash of the link before it".to_owned())
    } else if !follows {
        Err("its range does not begin where that of the link before it ends".to_owned())
    } else {
        Ok(())
    }
}

/// The record times around a hole in a chain, so that readers know which time it concerns.
pub(super) fn around_hole(before: Option<&SignedLink>, after: &Link) -> String {
    let before = before.and_then(|before| before.link.max_timestamp_ms);
    match before.zip(after.min_timestamp_ms) {
        Some((before, after)) => format!(", between records of {} and {}", time(before), time(after)),
        None => String::new(),
    }
}
