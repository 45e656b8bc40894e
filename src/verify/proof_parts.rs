//! What the checks of one record and of many have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::json::canonical;
use crate::log::checkpoint::Checkpoint;
use crate::log::entry::Leaf;
use crate::log::head::Head;
use crate::log::keyring::Role;
use crate::log::link::{Link, RECORD_ENCODING, SignedLink};
use crate::log::note::{Expected, TypeFound, check_type};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::included_root;
use crate::verify::findings::Code;
use crate::verify::proof_keys::{OpenedCheckpoint, ProofKeys, known_type};
use crate::verify::proof_report::Proved;
use crate::verify::proof_step::{Checked, invalid, require, wrong};

/// What is proved, and the checkpoint that proves it.
pub(super) type ProvedBy = (Proved, OpenedCheckpoint);

/// The encoding of a record.
pub(super) fn decoded(record: &str) -> Checked<Vec<u8>> {
    BASE64
        .decode(record)
        .map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))
}

/// The record that an encoding is of.
pub(super) fn record_of(encoding: &[u8]) -> Checked<Encoded<'_>> {
    Encoded::read(encoding).map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))
}

/// Opens a link by a key that ever was one of `keys`. A proof does not tell up to which heights a key counts.
pub(super) fn open_link(note: &str, keys: &ProofKeys) -> Checked<SignedLink> {
    let what = invalid("the link");
    let opened = keys.keyring().open(note.as_bytes()).map_err(&what)?;
    if opened.term.role != Role::Signing {
        return Err(what(opened.out_of_term()));
    }
    known_type(&opened.text, "the link")?;
    let link: Link = match place_of(&opened.text) {
        Some(link) => link,
        None => {
            return Err(wrong(
                Code::ProofNoteInvalid,
                "the link: the text is not that of a link",
            ));
        }
    };
    let id = keys.identity().id();
    match check_type(&opened.text, Expected::Link(&link.place()), id).map_err(&what)? {
        TypeFound::Expected => {}
        TypeFound::Unknown(kind) => return Err(what(opened.unknown_type(kind))),
    }
    link.check()
        .map_err(|broken| wrong(Code::ProofNoteInvalid, format!("the link: {broken}")))?;
    require(
        link.archive_id == id,
        Code::ProofContradicts,
        "the link is of another archive",
    )?;
    require(
        link.encoding == RECORD_ENCODING,
        Code::ProofUnknownType,
        "the link has an encoding of records that this version of kivend does not know",
    )?;
    Ok(SignedLink {
        link,
        hash: opened.hash,
        signer: opened.term.key.id(),
    })
}

fn place_of(text: &str) -> Option<Link> {
    canonical::from_text(text).ok()
}

/// Checks that the head is of the link's partition, and covers the link.
pub(super) fn head_covers(head: &Head, link: &SignedLink) -> Checked<()> {
    let SignedLink { link, hash, .. } = link;
    require(
        head.partition == link.topic_partition() && head.height >= link.height,
        Code::ProofContradicts,
        "the head is of another partition, or does not cover the link",
    )?;
    let is_head = (head.epoch, head.next_offset, head.link) == (link.epoch, link.next_offset, *hash);
    require(
        head.height > link.height || is_head,
        Code::ProofContradicts,
        "the head is another link at this height",
    )?;
    // Within an epoch offsets only grow, and no later link has an earlier epoch.
    require(
        (head.epoch, head.next_offset) >= (link.epoch, link.next_offset),
        Code::ProofContradicts,
        "the head ends before the link",
    )
}

/// The hash of a head among those of its entry.
pub(super) fn head_leaf(head: &Head) -> Checked<Hash> {
    require(
        head.is_well_formed(),
        Code::ProofMalformed,
        "the head has a number that is out of range",
    )?;
    let line = head
        .line()
        .map_err(|error| wrong(Code::ProofMalformed, format!("the head: {error}")))?;
    Ok(leaf_hash(line.as_bytes()))
}

/// Checks that the leaf, given with its text, is the one at its index under the checkpoint.
pub(super) fn leaf_in_checkpoint((text, leaf): (&str, &Leaf), path: &[Hash], opened: &OpenedCheckpoint) -> Checked<()> {
    let Checkpoint { size, root, .. } = &opened.checkpoint;
    require(
        leaf.number < *size,
        Code::ProofContradicts,
        "the checkpoint does not cover the leaf",
    )?;
    require(
        included_root(leaf_hash(text.as_bytes()), leaf.number, *size, path) == Some(*root),
        Code::ProofPathDiffers,
        "the leaf's path does not lead to the root of the checkpoint",
    )
}

/// The index of the record at this offset in its segment; `None` if there is no record.
#[must_use]
pub fn leaf_index(link: &Link, offset: i64) -> Option<u64> {
    let within = (link.first_offset.0..link.next_offset.0).contains(&offset) && link.lost.is_none();
    // The ranges are sorted and disjoint.
    let (before, after) = link
        .absent
        .split_at(link.absent.partition_point(|&(_, to)| to <= offset));
    let absent = after.first().is_some_and(|&(from, _)| from <= offset);
    if !within || absent {
        return None;
    }
    let absent_before: i64 = before.iter().map(|&(from, to)| to - from).sum();
    u64::try_from(offset - link.first_offset.0 - absent_before).ok()
}
