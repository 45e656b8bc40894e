//! Checks a proof file without anything else (FORMAT.md section 8.1): a few hashes and signatures. A valid proof says nothing
//! about the rest of the archive, nor that the archive still has what was proved.

use crate::log::entry::Leaf;
use crate::log::link::{Link, SignedLink};
use crate::log::proof::{ConsistencyProof, NotAProof, Proof, RecordProof};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::{included_root, is_consistent};
use crate::verify::findings::{Code, Findings};
use crate::verify::given::Given;
use crate::verify::proof_keys::ProofKeys;
use crate::verify::proof_parts::{
    ProvedBy, decoded, head_covers, head_leaf, leaf_in_checkpoint, leaf_index, open_link, record_of,
};
use crate::verify::proof_records::records;
use crate::verify::proof_report::{CheckpointNamed, ProofReport, Proved, ProvedRecord};
use crate::verify::proof_step::{Checked, require, wrong};
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
        Proof::Records(proof) => (&proof.archive, &proof.changes, &proof.first),
        Proof::Consistency(proof) => (&proof.archive, &proof.changes, &proof.first),
    };
    let keys = ProofKeys::open(archive, changes, first.as_ref())?;
    report.archive = Some(keys.identity().archive().to_owned());
    report.archive_id = Some(keys.identity().id().to_owned());
    report.trust = Some(given.basis());
    let (proved, checkpoint) = match &proof {
        Proof::Record(proof) => record(proof, &keys)?,
        Proof::Records(proof) => records(proof, &keys)?,
        Proof::Consistency(proof) => consistency(proof, &keys)?,
    };
    report.keys = keys
        .require_trust(&checkpoint, given)?
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(proved)
}

fn record(proof: &RecordProof, keys: &ProofKeys) -> Checked<ProvedBy> {
    let checkpoint = keys.checkpoint("the checkpoint", &proof.checkpoint)?;
    keys.require_in_force(&checkpoint)?;
    let leaf = keys.leaf(&proof.leaf)?;
    let link = open_link(&proof.link, keys)?;
    let encoding = decoded(&proof.record)?;
    let encoded = record_of(&encoding)?;
    record_in_link(proof, &encoded, leaf_hash(&encoding), &link.link)?;
    link_in_head(proof, &link)?;
    head_in_leaf(proof, &leaf)?;
    leaf_in_checkpoint((&proof.leaf, &leaf), &proof.leaf_path, &checkpoint)?;
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
    head_covers(&proof.head, link)?;
    let leaf = leaf_hash(proof.link.as_bytes());
    let log_size = proof.head.height.0.saturating_add(1);
    require(
        included_root(leaf, link.link.height.0, log_size, &proof.link_path) == Some(proof.head.log_root),
        Code::ProofPathDiffers,
        "the link's path does not lead to the log root of the head",
    )
}

/// Checks that the head is one of those of the entry.
fn head_in_leaf(proof: &RecordProof, leaf: &Leaf) -> Checked<()> {
    let root = included_root(
        head_leaf(&proof.head)?,
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
