//! Checks a proof of many records (FORMAT.md section 8.1).

use crate::log::head::Head;
use crate::log::link::Link;
use crate::log::proof::{LinkRecords, PartitionRecords, RecordsProof};
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::several::several_root;
use crate::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::verify::findings::Code;
use crate::verify::proof_keys::ProofKeys;
use crate::verify::proof_parts::{
    ProvedBy, decoded, head_covers, head_leaf, leaf_in_checkpoint, leaf_index, open_link, record_of,
};
use crate::verify::proof_report::{CheckpointNamed, Proved, ProvedRecords};
use crate::verify::proof_step::{Checked, require, wrong};

/// Leaves of a tree by their indices.
type Leaves = Vec<(u64, Hash)>;

pub(super) fn records(proof: &RecordsProof, keys: &ProofKeys) -> Checked<ProvedBy> {
    let checkpoint = keys.checkpoint("the checkpoint", &proof.checkpoint)?;
    keys.require_in_force(&checkpoint)?;
    let leaf = keys.leaf(&proof.leaf)?;
    let named = CheckpointNamed::of(&checkpoint.checkpoint);
    let mut proved = ProvedRecords::new(&leaf, named);
    let mut heads = Leaves::new();
    let named: Vec<&TopicPartition> = proof.partitions.iter().map(|of| &of.head.partition).collect();
    require(
        named.is_sorted_by(|before, after| before < after),
        Code::ProofContradicts,
        "the heads are not in the order of their partitions, each once",
    )?;
    for partition in &proof.partitions {
        heads.push((partition.head_index, head_leaf(&partition.head)?));
        records_of_partition(partition, keys, &mut proved)?;
    }
    require_root(
        (&heads, leaf.heads.count, &proof.heads_path),
        leaf.heads.root,
        "the path of the heads does not lead to the root of the heads in the leaf",
    )?;
    leaf_in_checkpoint((&proof.leaf, &leaf), &proof.leaf_path, &checkpoint)?;
    Ok((Proved::Records(Box::new(proved)), checkpoint))
}

fn records_of_partition(of: &PartitionRecords, keys: &ProofKeys, proved: &mut ProvedRecords) -> Checked<()> {
    let mut links = Leaves::new();
    let mut free = (Epoch(0), FirstOffset(0));
    for linked in &of.links {
        let link = records_of_link(linked, &of.head, keys, proved)?;
        require(
            (link.epoch, link.first_offset) >= free,
            Code::ProofContradicts,
            "two links have the same offsets, or an epoch before that of a lower link",
        )?;
        free = (link.epoch, FirstOffset(link.next_offset.0));
        links.push((link.height.0, leaf_hash(linked.link.as_bytes())));
    }
    require_root(
        (&links, of.head.height.0.saturating_add(1), &of.links_path),
        of.head.log_root,
        "the path of the links does not lead to the log root of the head",
    )?;
    proved.partitions += 1;
    Ok(())
}

/// Checks the records of one link, and returns the link.
fn records_of_link(of: &LinkRecords, head: &Head, keys: &ProofKeys, proved: &mut ProvedRecords) -> Checked<Link> {
    let signed = open_link(&of.link, keys)?;
    head_covers(head, &signed)?;
    let (link, partition) = (&signed.link, signed.link.topic_partition());
    let mut leaves = Leaves::new();
    for record in &of.records {
        let encoding = decoded(record)?;
        let encoded = record_of(&encoding)?;
        require(
            encoded.partition == partition,
            Code::ProofContradicts,
            "a record and its link are from different partitions",
        )?;
        let index = leaf_index(link, encoded.record().offset);
        let index = index.ok_or_else(|| {
            let offset = encoded.record().offset;
            wrong(
                Code::ProofContradicts,
                format!("the link has no record at offset {offset}"),
            )
        })?;
        leaves.push((index, leaf_hash(&encoding)));
        proved.count(&encoded);
    }
    require_root(
        (&leaves, link.record_count, &of.records_path),
        link.records_root,
        "the path of the records does not lead to the root that the link signs",
    )?;
    proved.segments += 1;
    Ok(signed.link)
}

/// Checks that leaves, of which there is at least one, ascend and stand in the tree with this root.
fn require_root((leaves, count, path): (&Leaves, u64, &[Hash]), root: Hash, otherwise: &str) -> Checked<()> {
    let ascend = leaves.is_sorted_by(|(before, _), (after, _)| before < after);
    require(
        ascend && leaves.last().is_some_and(|(last, _)| *last < count),
        Code::ProofContradicts,
        "a list of heads, links or records is empty, or not in its order",
    )?;
    require(
        several_root(leaves, count, path) == Some(root),
        Code::ProofPathDiffers,
        otherwise,
    )
}
