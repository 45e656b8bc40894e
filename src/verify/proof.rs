//! Checks a proof file without anything else (FORMAT.md section 8.1): a few hashes and signatures. A valid proof says nothing
//! about the rest of the archive, nor that the archive still has what was proved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::json::canonical;
use crate::log::entry::Leaf;
use crate::log::head::Head;
use crate::log::keyring::Role;
use crate::log::link::{Link, RECORD_ENCODING, SignedLink};
use crate::log::note::{Expected, TypeFound, check_type};
use crate::log::proof::{ConsistencyProof, NotAProof, Proof, RecordProof};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::{included_root, is_consistent};
use crate::verify::findings::{Code, Findings};
use crate::verify::given::Given;
use crate::verify::proof_keys::{OpenedCheckpoint, ProofKeys, known_type};
use crate::verify::proof_report::{CheckpointNamed, ProofReport, Proved, ProvedRecord};
use crate::verify::proof_step::{Checked, invalid, require, wrong};
use crate::verify::verdict::Verdict;

/// Checks a proof file by what the user has from elsewhere; nothing means trust on first use.
#[must_use]
pub fn check(file: &[u8], given: &Given) -> ProofReport {
    let mut report = ProofReport {
        verdict: Verdict::Intact,
        proved: None,
        archive: None,
        archive_id: None,
        trust: None,
        keys: Vec::new(),
        findings: Vec::new(),
    };
    let mut findings = Findings::default();
    match prove(file, given, &mut report) {
        Ok(proved) => report.proved = Some(proved),
        Err(finding) => findings.push(*finding),
    }
    report.verdict = Verdict::of(&findings);
    report.findings = findings.into_sorted();
    report
}

fn prove(file: &[u8], given: &Given, report: &mut ProofReport) -> Checked<Proved> {
    let proof = Proof::from_bytes(file).map_err(|error| {
        let code = match error {
            NotAProof::UnknownType(_) => Code::ProofUnknownType,
            NotAProof::Malformed(_) => Code::ProofMalformed,
        };
        wrong(code, error.to_string())
    })?;
    let (archive, changes, first) = match &proof {
        Proof::Record(proof) => (&proof.archive, &proof.changes, &proof.first),
        Proof::Consistency(proof) => (&proof.archive, &proof.changes, &proof.first),
    };
    let keys = ProofKeys::open(archive, changes, first.as_ref())?;
    report.archive = Some(keys.identity().archive().to_owned());
    report.archive_id = Some(keys.identity().id().to_owned());
    report.trust = Some(given.basis());
    let (proved, checkpoint) = match &proof {
        Proof::Record(proof) => record(proof, &keys)?,
        Proof::Consistency(proof) => consistency(proof, &keys)?,
    };
    report.keys = keys
        .require_trust(&checkpoint, given)?
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(proved)
}

type ProvedBy = (Proved, OpenedCheckpoint);

fn record(proof: &RecordProof, keys: &ProofKeys) -> Checked<ProvedBy> {
    let checkpoint = keys.checkpoint("the checkpoint", &proof.checkpoint)?;
    keys.require_in_force(&checkpoint)?;
    let leaf = keys.leaf(&proof.leaf)?;
    let link = open_link(proof, keys)?;
    require(
        link.link.encoding == RECORD_ENCODING,
        Code::ProofUnknownType,
        "the link has an encoding of records that this version of kivend does not know",
    )?;
    let encoding = BASE64
        .decode(&proof.record)
        .map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))?;
    let encoded =
        Encoded::read(&encoding).map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))?;
    record_in_link(proof, &encoded, leaf_hash(&encoding), &link.link)?;
    link_in_head(proof, &link)?;
    head_in_leaf(proof, &leaf)?;
    leaf_in_checkpoint(
        proof,
        &leaf,
        checkpoint.checkpoint.reference().root,
        checkpoint.checkpoint.size,
    )?;
    let named = CheckpointNamed::of(&checkpoint.checkpoint);
    let proved = ProvedRecord::new(&encoded, &link, (&leaf, named));
    Ok((Proved::Record(Box::new(proved)), checkpoint))
}

fn consistency(proof: &ConsistencyProof, keys: &ProofKeys) -> Checked<ProvedBy> {
    let from = keys.checkpoint("the earlier checkpoint", &proof.from)?;
    let to = keys.checkpoint("the later checkpoint", &proof.to)?;
    keys.require_in_force(&to)?;
    let (before, after) = (&from.checkpoint, &to.checkpoint);
    require(
        before.size <= after.size,
        Code::ProofContradicts,
        "the later checkpoint is over fewer entries than the earlier one",
    )?;
    require(
        before.size < after.size || before.root == after.root,
        Code::ProofContradicts,
        "the two checkpoints are over as many entries, but have different roots",
    )?;
    require(
        is_consistent((before.size, before.root), (after.size, after.root), &proof.path),
        Code::ProofPathDiffers,
        "the path does not lead from the earlier root to the later one",
    )?;
    let proved = Proved::Consistency {
        from: CheckpointNamed::of(before),
        to: CheckpointNamed::of(after),
    };
    Ok((proved, to))
}

/// Opens the link by a key that ever was one of `keys`. A proof does not tell up to which heights a key counts.
fn open_link(proof: &RecordProof, keys: &ProofKeys) -> Checked<SignedLink> {
    let what = invalid("the link");
    let opened = keys.keyring().open(proof.link.as_bytes()).map_err(&what)?;
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
    Ok(SignedLink {
        link,
        hash: opened.hash,
        signer: opened.term.key.id(),
    })
}

fn place_of(text: &str) -> Option<Link> {
    canonical::from_text(text).ok()
}

/// Checks that the record is the one at its offset in the segment of the link.
fn record_in_link(proof: &RecordProof, encoded: &Encoded<'_>, leaf: Hash, link: &Link) -> Checked<()> {
    let offset = encoded.record().offset;
    require(
        link.topic_partition() == encoded.partition,
        Code::ProofContradicts,
        "the record and the link are from different partitions",
    )?;
    require(
        leaf_index(link, offset) == Some(proof.record_index),
        Code::ProofContradicts,
        "the link has no record with this offset at this index",
    )?;
    require(
        included_root(leaf, proof.record_index, link.record_count, &proof.record_path) == Some(link.records_root),
        Code::ProofPathDiffers,
        "the record's path does not lead to the root that the link signs",
    )
}

/// Checks that the link is the one at its height in the log of the head.
fn link_in_head(proof: &RecordProof, link: &SignedLink) -> Checked<()> {
    let Head {
        partition,
        epoch,
        height,
        next_offset,
        link: hash,
        log_root,
    } = &proof.head;
    require(
        *partition == link.link.topic_partition() && *height >= link.link.height,
        Code::ProofContradicts,
        "the head is of another partition, or does not cover the link",
    )?;
    let is_head = (epoch, next_offset, hash) == (&link.link.epoch, &link.link.next_offset, &link.hash);
    require(
        *height > link.link.height || is_head,
        Code::ProofContradicts,
        "the head is another link at this height",
    )?;
    let leaf = leaf_hash(proof.link.as_bytes());
    let log_size = height.0.saturating_add(1);
    require(
        included_root(leaf, link.link.height.0, log_size, &proof.link_path) == Some(*log_root),
        Code::ProofPathDiffers,
        "the link's path does not lead to the log root of the head",
    )
}

/// Checks that the head is one of those of the entry.
fn head_in_leaf(proof: &RecordProof, leaf: &Leaf) -> Checked<()> {
    let line = proof
        .head
        .line()
        .map_err(|error| wrong(Code::ProofMalformed, format!("the head: {error}")))?;
    let root = included_root(
        leaf_hash(line.as_bytes()),
        proof.head_index,
        leaf.heads.count,
        &proof.head_path,
    );
    require(
        root == Some(leaf.heads.root),
        Code::ProofPathDiffers,
        "the head's path does not lead to the root of the heads in the leaf",
    )
}

fn leaf_in_checkpoint(proof: &RecordProof, leaf: &Leaf, root: Hash, size: u64) -> Checked<()> {
    require(
        leaf.number < size,
        Code::ProofContradicts,
        "the checkpoint does not cover the leaf",
    )?;
    let hash = leaf_hash(proof.leaf.as_bytes());
    require(
        included_root(hash, leaf.number, size, &proof.leaf_path) == Some(root),
        Code::ProofPathDiffers,
        "the leaf's path does not lead to the root of the checkpoint",
    )
}

/// The index of the record at this offset in its segment; `None` if there is no record.
#[must_use]
pub fn leaf_index(link: &Link, offset: i64) -> Option<u64> {
    let within = (link.first_offset.0..link.next_offset.0).contains(&offset) && link.lost.is_none();
    let absent = link.absent.iter().any(|&(from, to)| (from..to).contains(&offset));
    if !within || absent {
        return None;
    }
    let before = link.absent.iter().filter(|&&(_, to)| to <= offset);
    let absent_before: i64 = before.map(|&(from, to)| to - from).sum();
    u64::try_from(offset - link.first_offset.0 - absent_before).ok()
}
