//! The chain of one partition: its links, fed in the order of their places, walked from the genesis. Also merges in what
//! segments stand there, so that one that no link names is found. Keeps a few dozen bytes a link. Never reads a segment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::checkpoint::CheckpointRef;
use crate::log::checkpoint::Head;
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::verify::candidates::{Candidate, Choice, Codes, Passed, choose};
use crate::verify::chain_head::ChainHead;
use crate::verify::claims::{Anchors, Claim, Claims};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;

/// The codes of links.
pub const LINK_CODES: Codes = Codes {
    passed_over: Code::LinkPassedOver,
    stray: Code::StrayLink,
    breaks_rule: Code::LinkBreaksRule,
    doubled: Code::LinkDoubled,
    attempt_missing: Code::LinkAttemptMissing,
    unreadable: Code::LinkUnreadable,
    unknown_type: Code::LinkUnknownType,
};

/// A link that was opened, and its leaf in the log of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedLink {
    /// The link.
    pub signed: SignedLink,
    /// The RFC 9162 leaf hash of its object.
    pub leaf: Hash,
}

/// A link that the walk took into the chain.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The link.
    pub signed: Arc<SignedLink>,
    /// Its leaf in the log of its partition.
    pub leaf: Hash,
    /// Its key.
    pub key: String,
    /// Whether the segment that it owns was listed.
    pub segment_listed: bool,
}

/// What Kafka must hold where a link of the newest epoch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The link's height.
    pub height: Height,
    /// Where the range begins.
    pub first_offset: FirstOffset,
    /// Where it ends.
    pub next_offset: NextOffset,
    /// The root of its records.
    pub records_root: Hash,
    /// Whether the link says that Kafka deleted it.
    pub lost: bool,
    /// Which name the segment has; none where the range has no records.
    pub segment: Option<Attempt>,
}

/// What a walk came to.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The partition.
    pub partition: TopicPartition,
    /// Its head; none where there is no valid link.
    pub head: Option<ChainHead>,
    /// The ranges of the newest epoch, ascending.
    pub ranges: Vec<Range>,
    /// Those of earlier epochs in which a segment stands unnamed.
    earlier: BTreeMap<Epoch, Vec<Range>>,
    /// Segments at the place of a link that does not name them.
    pub unnamed: Vec<Slot>,
    /// The links that were accepted.
    pub links: u64,
    /// The segments that they own.
    pub segments: u64,
    /// The records that they own.
    pub records: u64,
    /// The offsets that links declare lost.
    pub lost: u64,
    /// Up to which height the chain is vouched for, and by what.
    pub anchors: Anchors,
    /// The checkpoints that links name, each with the first link that does.
    pub checkpoints_named: BTreeMap<(u64, Hash), String>,
    /// What was found.
    pub findings: Findings,
}

impl Chain {
    /// The ranges of an epoch, ascending: of the newest, or one in which a segment stands unnamed.
    #[must_use]
    pub fn ranges_of(&self, epoch: Epoch) -> &[Range] {
        match self.head {
            Some(head) if head.epoch == epoch => &self.ranges,
            _ => self.earlier.get(&epoch).map_or(&[], Vec::as_slice),
        }
    }
}

/// A walk along the links of one partition.
#[derive(Debug)]
pub struct Walk {
    chain: Chain,
    genesis: Hash,
    /// What a checkpoint says of the link before the first that is fed, where the walk does not begin at the genesis.
    base: Option<Head>,
    before: Option<Arc<SignedLink>>,
    log: Tree,
    claims: Claims,
    segments: std::iter::Peekable<std::vec::IntoIter<Slot>>,
    /// Objects without a valid note at a place where the next link may stand.
    pending: Vec<Passed>,
    /// A place was met that cannot be read, or is of an unknown type: what stands further on is not judged.
    is_blind: bool,
}

impl Walk {
    /// A walk that has seen nothing. `claims` are what others say of this chain, `segments` the segment keys that stand
    /// there, in the order of the chain.
    #[must_use]
    pub fn new(partition: &TopicPartition, genesis: Hash, claims: Vec<Claim>, segments: Vec<Slot>) -> Walk {
        Walk {
            chain: Chain {
                partition: partition.clone(),
                head: None,
                ranges: Vec::new(),
                earlier: BTreeMap::new(),
                unnamed: Vec::new(),
                links: 0,
                segments: 0,
                records: 0,
                lost: 0,
                anchors: Anchors::default(),
                checkpoints_named: BTreeMap::new(),
                findings: Findings::default(),
            },
            genesis,
            base: None,
            before: None,
            log: Tree::default(),
            claims: Claims::new(claims),
            segments: segments.into_iter().peekable(),
            pending: Vec::new(),
            is_blind: false,
        }
    }

    /// Begins after this head instead of the genesis: nothing up to it is fed. Claims at its height are held against it, those
    /// below are not judged; log roots beyond it cannot be recomputed, and are not judged either.
    #[must_use]
    pub fn after(mut self, head: &Head) -> Walk {
        self.chain.head = Some(ChainHead {
            epoch: head.epoch,
            height: head.height,
            next_offset: head.next_offset,
            link: head.link,
        });
        for finding in self.claims.pass_head(head, &mut self.chain.anchors) {
            self.report(finding);
        }
        self.base = Some(head.clone());
        self
    }

    /// The objects at the next place that has any, in the order of the chain. Returns the link where one was accepted.
    pub fn place(&mut self, slot: Slot, candidates: Vec<Candidate<OpenedLink>>) -> Option<Accepted> {
        if self.is_blind {
            return None;
        }
        let mut found = Findings::default();
        let choice = choose(candidates, &LINK_CODES, &mut found);
        for finding in found.kept() {
            self.report(finding.clone());
        }
        match choice {
            Choice::Valid(opened, key) => self.take(opened, key),
            Choice::Unknown => {
                self.is_blind = true;
                None
            }
            Choice::Junk(passed) if self.may_be_next(&slot) => {
                self.pending.extend(passed);
                None
            }
            Choice::Junk(passed) => {
                for Passed { key, why } in passed {
                    self.report(Finding::new(Code::StrayLink, format!("no link can stand here: {why}")).object(key));
                }
                None
            }
        }
    }

    /// Where the next link may stand: where the last range ends, or at the beginning of the next epoch.
    fn may_be_next(&self, slot: &Slot) -> bool {
        let here = (slot.epoch, slot.first_offset);
        match self.stands_at() {
            None => here == (Epoch(0), FirstOffset(0)),
            Some((epoch, next_offset, _)) => {
                here == (epoch, next_offset.begins()) || here == (Epoch(epoch.0.saturating_add(1)), FirstOffset(0))
            }
        }
    }

    /// Epoch, end and height of the link before the next one.
    fn stands_at(&self) -> Option<(Epoch, NextOffset, Height)> {
        match (&self.before, &self.base) {
            (Some(before), _) => Some((before.link.epoch, before.link.next_offset, before.link.height)),
            (None, Some(base)) => Some((base.epoch, base.next_offset, base.height)),
            (None, None) => None,
        }
    }

    fn take(&mut self, opened: OpenedLink, key: String) -> Option<Accepted> {
        let link = &opened.signed.link;
        let continues = match (&self.before, &self.base) {
            (None, Some(base)) => continues_head(link, base),
            (before, _) => link
                .continues(before.as_deref(), &self.genesis)
                .map_err(|broken| broken.to_string()),
        };
        if let Err(broken) = continues {
            let (place, height) = self.expected();
            let here = (link.epoch, link.first_offset);
            let after_a_hole = link.height > height && here > place;
            if after_a_hole {
                self.report_hole(link);
            } else {
                let finding = Finding::new(Code::LinkBreaksRule, broken)
                    .object(&key)
                    .offsets(link.first_offset.0, link.next_offset.0);
                self.report(finding);
            }
            // A link that begins before the chain's end is a branch: following it would count records twice.
            if here < place {
                return None;
            }
        } else {
            self.report_pending(Code::LinkPassedOver);
        }
        Some(self.accept(opened, key))
    }

    fn expected(&self) -> ((Epoch, FirstOffset), Height) {
        match self.stands_at() {
            None => ((Epoch(0), FirstOffset(0)), Height(0)),
            Some((epoch, next_offset, height)) => ((epoch, next_offset.begins()), height.next()),
        }
    }

    fn report_hole(&mut self, link: &Link) {
        let ((epoch, from), height) = self.expected();
        let missing = link.height.0 - height.0;
        let altered = self.pending.len() as u64;
        self.report_pending(Code::LinkAltered);
        if missing > altered {
            let until = if epoch == link.epoch {
                link.first_offset.0
            } else {
                i64::MAX
            };
            let detail = format!(
                "links are missing before height {}: heights {height} to {}",
                link.height,
                link.height.0 - 1
            );
            self.report(Finding::new(Code::LinkMissing, detail).offsets(from.0, until));
        }
    }

    fn report_pending(&mut self, code: Code) {
        for Passed { key, why } in std::mem::take(&mut self.pending) {
            self.report(Finding::new(code, why).object(key));
        }
    }

    fn accept(&mut self, opened: OpenedLink, key: String) -> Accepted {
        let OpenedLink { signed, leaf } = opened;
        let signed = Arc::new(signed);
        let link = &signed.link;
        let segment_listed = self.pass_segments(link);
        // After a hole the log is not known any more: its size then never fits the height again.
        if self.log.leaf_count() == link.height.0 {
            self.log.push(leaf);
        }
        let log_root =
            (self.log.leaf_count() == link.height.0 + 1 && self.claims.wants(link.height)).then(|| self.log.root());
        for finding in self.claims.check(&signed, log_root, &mut self.chain.anchors) {
            self.report(finding.object(&key));
        }
        self.note_link(&signed, &key);
        self.before = Some(Arc::clone(&signed));
        Accepted {
            signed,
            leaf,
            key,
            segment_listed,
        }
    }

    fn note_link(&mut self, signed: &SignedLink, key: &str) {
        let link = &signed.link;
        let CheckpointRef { number, sha256 } = link.checkpoint;
        self.chain
            .checkpoints_named
            .entry((number, sha256))
            .or_insert_with(|| key.to_owned());
        if let Some(head) = self.chain.head.filter(|head| head.epoch != link.epoch) {
            let ended = std::mem::take(&mut self.chain.ranges);
            if self.chain.unnamed.iter().any(|slot| slot.epoch == head.epoch) {
                self.chain.earlier.insert(head.epoch, ended);
            }
        }
        self.chain.ranges.push(Range {
            height: link.height,
            first_offset: link.first_offset,
            next_offset: link.next_offset,
            records_root: link.records_root,
            lost: link.lost.is_some(),
            segment: segment_attempt(link),
        });
        self.chain.head = Some(ChainHead {
            epoch: link.epoch,
            height: link.height,
            next_offset: link.next_offset,
            link: signed.hash,
        });
        self.chain.links += 1;
        self.chain.segments += u64::from(link.segment.is_some());
        self.chain.records = self.chain.records.saturating_add(link.record_count);
        if link.lost.is_some() {
            let lost = link.next_offset.0 - link.first_offset.0;
            self.chain.lost += lost.unsigned_abs();
            let finding = Finding::new(
                Code::LossDeclared,
                format!("Kafka deleted {lost} offsets before they were archived"),
            );
            self.report(finding.object(key).offsets(link.first_offset.0, link.next_offset.0));
        }
    }

    /// Walks the segment keys up to and including this link's place. Says whether the link's own stands there.
    fn pass_segments(&mut self, link: &Link) -> bool {
        let own = segment_attempt(link);
        let mut own_listed = false;
        let here = (link.epoch, link.first_offset);
        let named = u32::try_from(link.rejected.len()).unwrap_or(u32::MAX) + u32::from(link.segment.is_some());
        let (ended_at, height) = self.expected();
        let ends_an_epoch = link.epoch > ended_at.0 && link.height == height;
        while let Some(slot) = self.segments.next_if(|slot| (slot.epoch, slot.first_offset) <= here) {
            let at = (slot.epoch, slot.first_offset);
            if at == here && slot.attempt.0 < named {
                own_listed |= Some(slot.attempt) == own;
            } else if at == here {
                self.chain.unnamed.push(slot);
            } else if ends_an_epoch && at == ended_at {
                self.report_unnamed(&slot, Code::PendingSegment);
            } else {
                self.report_unnamed(&slot, Code::UnnamedSegment);
            }
        }
        own_listed
    }

    fn report_unnamed(&mut self, slot: &Slot, code: Code) {
        let place = slot.place(&self.chain.partition);
        let detail = "no link names this segment";
        let finding = Finding::new(code, detail).object(place.segment(slot.attempt));
        self.report(finding);
    }

    /// Adds a finding about this partition.
    pub fn report(&mut self, finding: Finding) {
        self.chain.findings.push(finding.of(&self.chain.partition));
    }

    /// Ends the walk: everything that has a link's key was fed.
    #[must_use]
    pub fn finish(mut self) -> Chain {
        let ends_at = self.chain.head;
        let unmet = if self.is_blind {
            Vec::new()
        } else {
            self.claims.finish(ends_at.as_ref())
        };
        let code = if unmet.is_empty() {
            Code::LinkPassedOver
        } else {
            Code::LinkAltered
        };
        self.report_pending(code);
        for finding in unmet {
            self.report(finding);
        }
        while let Some(slot) = self.segments.next() {
            if self.may_be_next(&slot) {
                self.report_unnamed(&slot, Code::PendingSegment);
            } else if !self.is_blind {
                self.report_unnamed(&slot, Code::UnnamedSegment);
            }
        }
        self.chain
    }
}

/// What [`Link::continues`] demands, as far as a checkpoint tells of the link before.
fn continues_head(link: &Link, head: &Head) -> Result<(), String> {
    let place = (link.epoch, link.first_offset);
    let follows = place == (head.epoch, head.next_offset.begins())
        || (Some(link.epoch.0) == head.epoch.0.checked_add(1) && link.first_offset.0 == 0);
    if link.height != head.height.next() {
        Err(format!("height does not follow: height={}", link.height))
    } else if link.previous != head.link {
        Err("previous is not the hash of the link before".to_owned())
    } else if !follows {
        Err("the range does not begin where the one before ends".to_owned())
    } else {
        Ok(())
    }
}

fn segment_attempt(link: &Link) -> Option<Attempt> {
    match link.segment.as_ref()?.key.parse() {
        Ok(Key::Segment(_, attempt)) => Some(attempt),
        _ => None,
    }
}
