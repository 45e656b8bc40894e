//! Claims: what others say of a chain: a checkpoint, a saved one, Kafka's commit. Each names a link at a height; the
//! chain must have it. Checked while the chain is walked, so that no more than the claims are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::checkpoint::{Head, SignedCheckpoint};
use crate::log::commit_metadata::CommitMetadata;
use crate::log::link::SignedLink;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset};
use crate::verify::chain_head::ChainHead;
use crate::verify::findings::{Code, Finding};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witness {
    /// The bucket's checkpoint of this number.
    Checkpoint(u64),
    /// A checkpoint of this number that was saved elsewhere.
    Saved(u64),
    /// The metadata of Kafka's commit.
    Commit,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Witness::Checkpoint(number) => write!(f, "checkpoint {number}"),
            Witness::Saved(number) => write!(f, "saved checkpoint {number}"),
            Witness::Commit => f.write_str("Kafka's commit"),
        }
    }
}

/// What a witness says of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who says it.
    pub witness: Witness,
    /// The height of the link that it names.
    pub height: Height,
    /// Its epoch.
    pub epoch: Epoch,
    /// Where its range begins, where the witness tells.
    pub first_offset: Option<FirstOffset>,
    /// Where its range ends.
    pub next_offset: NextOffset,
    /// The hash of its object.
    pub link: Hash,
    /// The root of the log up to it, where the witness tells.
    pub log_root: Option<Hash>,
}

impl Claim {
    /// What a checkpoint's head claims.
    #[must_use]
    pub fn of_head(witness: Witness, head: &Head) -> Claim {
        Claim {
            witness,
            height: head.height,
            epoch: head.epoch,
            first_offset: None,
            next_offset: head.next_offset,
            link: head.link,
            log_root: Some(head.log_root),
        }
    }

    /// What Kafka's commit claims: its offset and its metadata.
    #[must_use]
    pub fn of_commit(next_offset: NextOffset, metadata: &CommitMetadata) -> Claim {
        Claim {
            witness: Witness::Commit,
            height: metadata.height,
            epoch: metadata.epoch,
            first_offset: Some(metadata.first_offset),
            next_offset,
            link: metadata.link,
            log_root: None,
        }
    }

    /// The first thing in which the chain differs from the claim.
    fn differs(&self, signed: &SignedLink, log_root: Option<Hash>) -> Option<&'static str> {
        let link = &signed.link;
        if self.link != signed.hash {
            return Some("another link");
        }
        if self.epoch != link.epoch || self.first_offset.is_some_and(|first| first != link.first_offset) {
            return Some("another place");
        }
        if self.next_offset != link.next_offset {
            return Some("another next offset");
        }
        match (self.log_root, log_root) {
            (Some(claimed), Some(actual)) if claimed != actual => Some("another log root"),
            _ => None,
        }
    }

    fn code_differs(&self) -> Code {
        match self.witness {
            Witness::Commit => Code::CommitDiffers,
            _ => Code::ChainDiffers,
        }
    }

    fn code_cut(&self) -> Code {
        match self.witness {
            Witness::Commit => Code::HeadCut,
            _ => Code::ChainCut,
        }
    }
}

/// Up to which height a chain is vouched for, and by what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchors {
    /// By a checkpoint in the bucket.
    pub checkpoint: Option<Height>,
    /// By a checkpoint saved elsewhere.
    pub saved_checkpoint: Option<Height>,
    /// By Kafka's commit.
    pub commit: Option<Height>,
    /// By Kafka's records: the highest link whose records were compared and equal.
    pub records: Option<Height>,
}

impl Anchors {
    /// The highest of them.
    #[must_use]
    pub fn highest(&self) -> Option<Height> {
        self.checkpoint
            .max(self.saved_checkpoint)
            .max(self.commit)
            .max(self.records)
    }

    fn raise(&mut self, witness: Witness, height: Height) {
        let anchor = match witness {
            Witness::Checkpoint(_) => &mut self.checkpoint,
            Witness::Saved(_) => &mut self.saved_checkpoint,
            Witness::Commit => &mut self.commit,
        };
        *anchor = (*anchor).max(Some(height));
    }
}

/// The claims about one chain that its walk has not reached yet.
#[derive(Debug)]
pub struct Claims {
    by_height: BTreeMap<Height, Vec<Claim>>,
}

impl Claims {
    /// These claims, in any order. A claim that only repeats another of the same kind is kept once.
    #[must_use]
    pub fn new(claims: Vec<Claim>) -> Claims {
        let mut by_height: BTreeMap<Height, Vec<Claim>> = BTreeMap::new();
        for claim in claims {
            let same_height = by_height.entry(claim.height).or_default();
            let repeats = |other: &Claim| {
                std::mem::discriminant(&other.witness) == std::mem::discriminant(&claim.witness)
                    && Claim {
                        witness: claim.witness,
                        ..other.clone()
                    } == claim
            };
            if !same_height.iter().any(repeats) {
                same_height.push(claim);
            }
        }
        Claims { by_height }
    }

    /// Whether anything is claimed at this height.
    #[must_use]
    pub fn wants(&self, height: Height) -> bool {
        self.by_height.contains_key(&height)
    }

    /// Holds the claims at this head's height against what a checkpoint says of it, and drops those below: nobody looks there.
    pub fn pass_head(&mut self, head: &Head, anchors: &mut Anchors) -> Vec<Finding> {
        let above = self.by_height.split_off(&head.height.next());
        let here = std::mem::replace(&mut self.by_height, above).remove(&head.height);
        let mut findings = Vec::new();
        for claim in here.unwrap_or_default() {
            let same = (claim.link, claim.epoch, claim.next_offset) == (head.link, head.epoch, head.next_offset)
                && claim.log_root.is_none_or(|root| root == head.log_root);
            if same {
                anchors.raise(claim.witness, head.height);
            } else {
                let detail = format!(
                    "{} names another link at height {} than the checkpoint to begin from",
                    claim.witness, head.height
                );
                findings.push(Finding::new(claim.code_differs(), detail));
            }
        }
        findings
    }

    /// Holds the claims at this link's height against it.
    pub fn check(&mut self, signed: &SignedLink, log_root: Option<Hash>, anchors: &mut Anchors) -> Vec<Finding> {
        let height = signed.link.height;
        let claims = self.by_height.remove(&height).unwrap_or_default();
        let mut findings = Vec::new();
        for claim in claims {
            match claim.differs(signed, log_root) {
                None => anchors.raise(claim.witness, height),
                Some(what) => {
                    let detail = format!("{} names {what} at height {height}", claim.witness);
                    let finding = Finding::new(claim.code_differs(), detail);
                    findings.push(finding.offsets(signed.link.first_offset.0, signed.link.next_offset.0));
                }
            }
        }
        findings
    }

    /// The claims that the chain does not reach: of each kind of witness, the highest one.
    #[must_use]
    pub fn finish(&mut self, head: Option<&ChainHead>) -> Vec<Finding> {
        let ends = head.map_or(0, |head| head.height.next().0);
        let from = head.map_or(0, |head| head.next_offset.0);
        let mut highest: BTreeMap<Code, Claim> = BTreeMap::new();
        for claim in std::mem::take(&mut self.by_height).into_values().flatten() {
            // Below the head: in a hole, which is a finding of its own.
            if claim.height.0 >= ends {
                highest.insert(claim.code_cut(), claim);
            }
        }
        highest
            .into_iter()
            .map(|(code, claim)| {
                let stands = head.map_or("has no link".to_owned(), |head| {
                    format!("ends at height {}", head.height)
                });
                let detail = format!(
                    "{} names a link at height {}, but the chain {stands}",
                    claim.witness, claim.height
                );
                let finding = Finding::new(code, detail);
                if claim.next_offset.0 > from {
                    finding.offsets(from, claim.next_offset.0)
                } else {
                    finding
                }
            })
            .collect()
    }
}

/// What a checkpoint claims of every partition.
pub fn of_checkpoint(
    witness: Witness,
    signed: &SignedCheckpoint,
) -> impl Iterator<Item = (&crate::record::position::TopicPartition, Claim)> {
    let heads = signed.checkpoint.heads.iter();
    heads.map(move |head| (&head.partition, Claim::of_head(witness, head)))
}
