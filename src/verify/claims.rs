//! Claims about a chain from outside: by entries of the log, by saved and cosigned checkpoints, by Kafka's commit. Each names the
//! link at one height. They are checked while the chain is walked, so that links need not be kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::commit_metadata::CommitMetadata;
use crate::log::head::Head;
use crate::log::link::SignedLink;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::verify::chain_head::ChainHead;
use crate::verify::findings::{Code, Finding};
use crate::verify::log_walk::LogWalk;

/// The source of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimSource {
    /// The entry with this number, with a checkpoint over it in the bucket.
    Checkpoint(u64),
    /// The entry with this number, over which no checkpoint stands yet. It anchors nothing.
    Entry(u64),
    /// A saved checkpoint with this number.
    Saved(u64),
    /// The checkpoint with this number, cosigned as the policy asks.
    Cosigned(u64),
    /// The metadata of Kafka's commit.
    Commit,
}

impl std::fmt::Display for ClaimSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClaimSource::Checkpoint(number) | ClaimSource::Entry(number) => write!(f, "entry {number} of the log"),
            ClaimSource::Cosigned(number) => write!(f, "entry {number} of the log, which witnesses cosigned,"),
            ClaimSource::Saved(number) => write!(f, "saved checkpoint {number}"),
            ClaimSource::Commit => f.write_str("Kafka's commit"),
        }
    }
}

/// What one source says about one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The source of the claim.
    pub source: ClaimSource,
    /// The height of the link that it names.
    pub height: Height,
    /// The link's epoch.
    pub epoch: Epoch,
    /// The link's first offset, if the source gives it.
    pub first_offset: Option<FirstOffset>,
    /// The link's next offset.
    pub next_offset: NextOffset,
    /// The SHA-256 of the link's object.
    pub link: Hash,
    /// The root of the log up to the link, if the source gives it.
    pub log_root: Option<Hash>,
}

/// What the heads in the log claim, as far as it was read.
#[must_use]
pub fn of_log(walk: &LogWalk) -> BTreeMap<TopicPartition, Vec<Claim>> {
    let mut claims: BTreeMap<TopicPartition, Vec<Claim>> = BTreeMap::new();
    for (number, head) in walk.heads() {
        let is_covered = walk.newest_checkpoint() >= Some(number);
        let source = if is_covered {
            ClaimSource::Checkpoint(number)
        } else {
            ClaimSource::Entry(number)
        };
        let of_partition = claims.entry(head.partition.clone()).or_default();
        of_partition.push(Claim::of_head(source, head));
    }
    claims
}

impl Claim {
    /// The claim that an entry of the log makes by this head.
    #[must_use]
    pub fn of_head(source: ClaimSource, head: &Head) -> Claim {
        Claim {
            source,
            height: head.height,
            epoch: head.epoch,
            first_offset: None,
            next_offset: head.next_offset,
            link: head.link,
            log_root: Some(head.log_root),
        }
    }

    /// The claim of a commit, by its offset and its metadata.
    #[must_use]
    pub fn of_commit(next_offset: NextOffset, metadata: &CommitMetadata) -> Claim {
        Claim {
            source: ClaimSource::Commit,
            height: metadata.height,
            epoch: metadata.epoch,
            first_offset: Some(metadata.first_offset),
            next_offset,
            link: metadata.link,
            log_root: None,
        }
    }

    /// The first difference between claim and chain, in words.
    fn differs(&self, signed: &SignedLink, log_root: Option<Hash>) -> Option<&'static str> {
        let link = &signed.link;
        if self.link != signed.hash {
            return Some("another link");
        }
        if self.epoch != link.epoch || self.first_offset.is_some_and(|first| first != link.first_offset) {
            return Some("another place");
        }
        let expected = match self.source {
            // The committed offset is where consumption continues, which after a closing link is another one.
            ClaimSource::Commit => link.next_place().first_offset.next_offset(),
            _ => link.next_offset,
        };
        if self.next_offset != expected {
            return Some("another next offset");
        }
        match (self.log_root, log_root) {
            (Some(claimed), Some(actual)) if claimed != actual => Some("another log root"),
            _ => None,
        }
    }

    fn code_differs(&self) -> Code {
        match self.source {
            ClaimSource::Commit => Code::CommitDiffers,
            _ => Code::ChainDiffers,
        }
    }

    fn code_cut(&self) -> Code {
        match self.source {
            ClaimSource::Commit => Code::HeadCut,
            _ => Code::ChainCut,
        }
    }
}

/// Up to which height a chain is confirmed from outside, by each kind of source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchors {
    /// By a checkpoint in the bucket.
    pub checkpoint: Option<Height>,
    /// By a checkpoint saved elsewhere.
    pub saved_checkpoint: Option<Height>,
    /// By witnesses that cosigned a checkpoint, as the policy asks.
    #[serde(default)]
    pub witnesses: Option<Height>,
    /// By Kafka's commit.
    pub commit: Option<Height>,
    /// By Kafka's records: the highest link whose records were compared and equal.
    pub records: Option<Height>,
}

impl Anchors {
    /// The highest of them, if there is one.
    #[must_use]
    pub fn highest(&self) -> Option<Height> {
        self.checkpoint
            .max(self.saved_checkpoint)
            .max(self.witnesses)
            .max(self.commit)
            .max(self.records)
    }

    fn raise(&mut self, source: ClaimSource, height: Height) {
        let anchor = match source {
            ClaimSource::Entry(_) => return,
            ClaimSource::Checkpoint(_) => &mut self.checkpoint,
            ClaimSource::Saved(_) => &mut self.saved_checkpoint,
            ClaimSource::Cosigned(_) => &mut self.witnesses,
            ClaimSource::Commit => &mut self.commit,
        };
        *anchor = (*anchor).max(Some(height));
    }
}

/// The claims about one chain that the walk has not reached.
#[derive(Debug)]
pub struct Claims {
    by_height: BTreeMap<Height, Vec<Claim>>,
}

impl Claims {
    /// Takes the claims in any order. Of equal claims by the same kind of source, one is kept.
    #[must_use]
    pub fn new(claims: Vec<Claim>) -> Claims {
        let mut by_height: BTreeMap<Height, Vec<Claim>> = BTreeMap::new();
        for claim in claims {
            let same_height = by_height.entry(claim.height).or_default();
            let repeats = |other: &Claim| {
                std::mem::discriminant(&other.source) == std::mem::discriminant(&claim.source)
                    && Claim {
                        source: claim.source,
                        ..other.clone()
                    } == claim
            };
            if !same_height.iter().any(repeats) {
                same_height.push(claim);
            }
        }
        Claims { by_height }
    }

    /// Whether there is a claim about this height.
    #[must_use]
    pub fn wants(&self, height: Height) -> bool {
        self.by_height.contains_key(&height)
    }

    /// Compares the claims at this head's height with the head of a checkpoint, and drops those below, which an incremental
    /// verification does not check.
    pub fn pass_head(&mut self, head: &Head, anchors: &mut Anchors) -> Vec<Finding> {
        let above = self.by_height.split_off(&head.height.next());
        let here = std::mem::replace(&mut self.by_height, above).remove(&head.height);
        let mut findings = Vec::new();
        for claim in here.unwrap_or_default() {
            // Only a closing link begins where it ends. Where the commit of one stands is not checked here.
            let is_closing = claim.first_offset == Some(head.next_offset.begins());
            let same = (claim.link, claim.epoch) == (head.link, head.epoch)
                && (claim.next_offset == head.next_offset || is_closing)
                && claim.log_root.is_none_or(|root| root == head.log_root);
            if same {
                anchors.raise(claim.source, head.height);
            } else {
                let detail = format!(
                    "{} contradicts the entry to start from: it names another link at height {}",
                    claim.source, head.height
                );
                findings.push(Finding::new(claim.code_differs(), detail));
            }
        }
        findings
    }

    /// Compares the claims at this link's height with the link.
    pub fn check(&mut self, signed: &SignedLink, log_root: Option<Hash>, anchors: &mut Anchors) -> Vec<Finding> {
        let height = signed.link.height;
        let claims = self.by_height.remove(&height).unwrap_or_default();
        let mut findings = Vec::new();
        for claim in claims {
            match claim.differs(signed, log_root) {
                None => anchors.raise(claim.source, height),
                Some(what) => {
                    let detail = format!("{} names {what} than the chain has at height {height}", claim.source);
                    let finding = Finding::new(claim.code_differs(), detail);
                    findings.push(finding.offsets(signed.link.first_offset.0, signed.link.next_offset.0));
                }
            }
        }
        findings
    }

    /// The claims beyond the end of the chain: of each kind of source, the highest.
    #[must_use]
    pub fn finish(&mut self, head: Option<&ChainHead>) -> Vec<Finding> {
        let ends = head.map_or(0, |head| head.height.next().0);
        let from = head.map_or(0, |head| head.next_offset.0);
        let mut highest: BTreeMap<Code, Claim> = BTreeMap::new();
        for claim in std::mem::take(&mut self.by_height).into_values().flatten() {
            // Claims below the head are in a hole of the chain, which has a finding of its own.
            if claim.height.0 >= ends {
                highest.insert(claim.code_cut(), claim);
            }
        }
        highest
            .into_iter()
            .map(|(code, claim)| {
                let chain_end = head.map_or("has no link".to_owned(), |head| {
                    format!("ends at height {}", head.height)
                });
                let detail = format!(
                    "{} names the link at height {}, but the chain {chain_end}",
                    claim.source, claim.height
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
