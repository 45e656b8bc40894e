//! Walks the links of one partition from the genesis, and checks that each continues the one before. Reads no segments, but
//! takes their listed keys, to find those that no link names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::checkpoint::{CheckpointRef, Head};
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::verify::candidates::{Candidate, Choice, Codes, InvalidNote, choose};
use crate::verify::chain::{Accepted, Chain, OpenedLink, Range};
use crate::verify::chain_head::ChainHead;
use crate::verify::claims::{Anchors, Claim, Claims};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;
use crate::verify::times::time;

/// The finding codes of links.
pub const LINK_CODES: Codes = Codes {
    passed_over: Code::LinkPassedOver,
    stray: Code::StrayLink,
    breaks_rule: Code::LinkBreaksRule,
    doubled: Code::LinkDoubled,
    attempt_missing: Code::LinkAttemptMissing,
    unreadable: Code::LinkUnreadable,
    unknown_type: Code::LinkUnknownType,
};

/// Walks the links of one partition, given in the order of their places. Also takes the listed segments, to find those that
/// no link names. Keeps some dozens of bytes for each link.
#[derive(Debug)]
pub struct Walk {
    chain: Chain,
    genesis: Hash,
    /// The checkpoint's head to start after; `None` if the walk starts at the genesis.
    base: Option<Head>,
    before: Option<Arc<SignedLink>>,
    log: Tree,
    claims: Claims,
    segments: std::iter::Peekable<std::vec::IntoIter<Slot>>,
    /// Objects without a valid note at a place where the next link may be.
    pending: Vec<InvalidNote>,
    /// An unreadable or unknown object was met: what follows in this partition is not judged.
    met_unknown: bool,
}

impl Walk {
    /// A walk before the first link. `claims` are what others say about this chain; `segments` are the listed segments of the
    /// partition, in the order of the chain.
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
            met_unknown: false,
        }
    }

    /// Starts after this head instead of the genesis. Claims about its height are compared with it, those below are dropped.
    /// Log roots beyond it cannot be recomputed, so they are not compared.
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

    /// Adds the objects at the next place, in the order of the chain. Returns the link if one was accepted.
    pub fn place(&mut self, slot: Slot, candidates: Vec<Candidate<OpenedLink>>) -> Option<Accepted> {
        if self.met_unknown {
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
                self.met_unknown = true;
                None
            }
            Choice::Junk(passed) if self.may_be_next(&slot) => {
                self.pending.extend(passed);
                None
            }
            Choice::Junk(passed) => {
                for InvalidNote { key, why } in passed {
                    self.report(
                        Finding::new(Code::StrayLink, format!("no link can be at this place: {why}")).object(key),
                    );
                }
                None
            }
        }
    }

    /// Whether the next link may be here: where the last range ends, or at the beginning of the next epoch.
    fn may_be_next(&self, slot: &Slot) -> bool {
        let here = (slot.epoch, slot.first_offset);
        match self.end() {
            None => here == (Epoch(0), FirstOffset(0)),
            Some((epoch, next_offset, _)) => {
                here == (epoch, next_offset.begins()) || here == (Epoch(epoch.0.saturating_add(1)), FirstOffset(0))
            }
        }
    }

    /// Epoch, next offset and height of the last link.
    fn end(&self) -> Option<(Epoch, NextOffset, Height)> {
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
            // A link that begins before the end of the chain is a branch. Following it would count records twice.
            if here < place {
                return None;
            }
        } else {
            self.report_pending(Code::LinkPassedOver);
        }
        Some(self.accept(opened, key))
    }

    fn expected(&self) -> ((Epoch, FirstOffset), Height) {
        match self.end() {
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
                "{} links are missing (heights {height} to {}){}",
                missing - altered,
                link.height.0 - 1,
                self.around_hole(link)
            );
            self.report(Finding::new(Code::LinkMissing, detail).offsets(from.0, until));
        }
    }

    /// The record times around a hole, so that readers know which time it concerns.
    fn around_hole(&self, link: &Link) -> String {
        let before = self.before.as_ref().and_then(|before| before.link.max_timestamp_ms);
        match before.zip(link.min_timestamp_ms) {
            Some((before, after)) => format!(", between records of {} and {}", time(before), time(after)),
            None => String::new(),
        }
    }

    fn report_pending(&mut self, code: Code) {
        for InvalidNote { key, why } in std::mem::take(&mut self.pending) {
            self.report(Finding::new(code, why).object(key));
        }
    }

    fn accept(&mut self, opened: OpenedLink, key: String) -> Accepted {
        let OpenedLink { signed, leaf } = opened;
        let signed = Arc::new(signed);
        let link = &signed.link;
        let segment_listed = self.match_segments(link);
        // The log is unknown after a hole: its size then never matches a height again, and no root is compared.
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
                format!(
                    "{lost} offsets are declared lost; the next archived offset is {}",
                    link.next_offset
                ),
            );
            self.report(finding.object(key).offsets(link.first_offset.0, link.next_offset.0));
        }
    }

    /// Handles the listed segments up to and including the place of this link. Returns whether the link's own is among them.
    fn match_segments(&mut self, link: &Link) -> bool {
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

    /// Ends the walk after the last link.
    #[must_use]
    pub fn finish(mut self) -> Chain {
        let ends_at = self.chain.head;
        let unmet = if self.met_unknown {
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
            } else if !self.met_unknown {
                self.report_unnamed(&slot, Code::UnnamedSegment);
            }
        }
        self.chain
    }
}

/// The rules of [`Link::continues`] that can be checked against a checkpoint's head instead of the link before.
fn continues_head(link: &Link, head: &Head) -> Result<(), String> {
    let place = (link.epoch, link.first_offset);
    let follows = place == (head.epoch, head.next_offset.begins())
        || (Some(link.epoch.0) == head.epoch.0.checked_add(1) && link.first_offset.0 == 0);
    if link.height != head.height.next() {
        Err(format!(
            "its height does not follow that of the link before it: height={}",
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

fn segment_attempt(link: &Link) -> Option<Attempt> {
    match link.segment.as_ref()?.key.parse() {
        Ok(Key::Segment(_, attempt)) => Some(attempt),
        _ => None,
    }
}
