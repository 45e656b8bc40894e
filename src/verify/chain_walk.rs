//! Walks the links of one partition from the genesis, and checks that each continues the one before. Reads no segments, but
//! takes their listed keys, to find those that no link names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::checkpoint::CheckpointRef;
use crate::log::head::Head;
use crate::log::link::{Link, SealReason, SignedLink};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Epoch, FirstOffset, Height, TopicPartition};
use crate::verify::candidates::{Candidate, Choice, Codes, InvalidNote, choose};
use crate::verify::chain::{Accepted, Chain, OpenedLink, Range, SeenTopicIds, Superseded};
use crate::verify::chain_head::ChainHead;
use crate::verify::claims::{Anchors, Claim, Claims};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;
use crate::verify::link_judge::{LinkPlace, around_hole, continues_head, judge};
use crate::verify::timeline::Timeline;
use crate::verify::trust::Trust;

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
    pub(super) chain: Chain,
    trust: Arc<Trust>,
    genesis: Hash,
    /// The checkpoint's head to start after; `None` if the walk starts at the genesis.
    base: Option<Head>,
    before: Option<Arc<SignedLink>>,
    log: Tree,
    claims: Claims,
    pub(super) segments: std::iter::Peekable<std::vec::IntoIter<Slot>>,
    /// Objects without a valid note at a place where the next link may be.
    pending: Vec<InvalidNote>,
    /// The greatest leader epoch of the links of this epoch, or what it must not be below.
    leader_epoch: Option<i32>,
    /// An unreadable or unknown object was met: what follows in this partition is not judged.
    met_unknown: bool,
    /// The lowest and the highest link that nothing proves.
    unproved: Option<(Height, Height)>,
}

impl Walk {
    /// A walk before the first link. `claims` are what others say about this chain; `segments` are the listed segments of the
    /// partition, in the order of the chain.
    #[must_use]
    pub fn new(trust: &Arc<Trust>, partition: &TopicPartition, claims: Vec<Claim>, segments: Vec<Slot>) -> Walk {
        Walk {
            chain: Chain {
                partition: partition.clone(),
                head: None,
                topic_ids: SeenTopicIds::default(),
                ranges: Vec::new(),
                superseded: Vec::new(),
                earlier: BTreeMap::new(),
                unnamed: Vec::new(),
                links: 0,
                segments: 0,
                records: 0,
                lost: 0,
                anchors: Anchors::default(),
                has_counting_signer: false,
                checkpoints_named: BTreeMap::new(),
                times: Timeline::default(),
                findings: Findings::default(),
            },
            trust: Arc::clone(trust),
            genesis: trust.genesis(partition),
            base: None,
            before: None,
            log: Tree::default(),
            claims: Claims::new(claims),
            segments: segments.into_iter().peekable(),
            pending: Vec::new(),
            leader_epoch: None,
            met_unknown: false,
            unproved: None,
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
            continues_at: (head.epoch, head.next_offset.begins()),
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
        let (candidates, undecided) = self.judge(candidates);
        let choice = choose(candidates, &LINK_CODES, &mut found);
        self.chain.findings.append(found.of(&self.chain.partition));
        match choice {
            Choice::Valid(opened, key) => {
                if let Some(entry) = undecided {
                    let detail = format!("entry {entry} of the log, which decides whether the link counts, is missing");
                    self.report(Finding::new(Code::LinkUndecided, detail).object(&key));
                }
                self.take(opened, key)
            }
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

    /// What the candidates are by their keys and by the links before them.
    fn judge(&self, candidates: Vec<Candidate<OpenedLink>>) -> (Vec<Candidate<OpenedLink>>, Option<u64>) {
        let (end, height) = self.expected();
        let place = LinkPlace {
            partition: &self.chain.partition,
            height,
            deciding: &|signed| {
                let link = &signed.link;
                let after_a_hole = link.height > height && (link.epoch, link.first_offset) > end;
                if after_a_hole || self.is_base(signed) {
                    link.height
                } else {
                    height
                }
            },
            breaks: &|link| self.continues(link).err(),
        };
        judge(&self.trust, &place, candidates)
    }

    fn continues(&self, link: &Link) -> Result<(), String> {
        match (&self.before, &self.base) {
            (None, Some(base)) => continues_head(link, base),
            (before, _) => link
                .continues(before.as_deref(), &self.genesis)
                .map_err(|broken| broken.to_string()),
        }
    }

    /// Whether the next link may be here: where the last range ends, or, after a closing link, where it says.
    fn may_be_next(&self, slot: &Slot) -> bool {
        (slot.epoch, slot.first_offset) == self.expected().0
    }

    fn take(&mut self, opened: OpenedLink, key: String) -> Option<Accepted> {
        let link = &opened.signed.link;
        if self.is_base(&opened.signed) {
            self.begin_after(opened.signed);
            return None;
        }
        let continues = self.continues(link);
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
            self.check_leader_epoch(link, &key);
        }
        Some(self.accept(opened, key))
    }

    /// Whether this is the link of the head that the walk starts after. Its key is at the head's next offset only if it is a
    /// closing link.
    fn is_base(&self, signed: &SignedLink) -> bool {
        self.before.is_none() && self.base.as_ref().is_some_and(|base| base.link == signed.hash)
    }

    fn begin_after(&mut self, closing: SignedLink) {
        let next = closing.link.next_place();
        if let Some(head) = &mut self.chain.head {
            head.continues_at = (next.epoch, next.first_offset);
        }
        self.chain.topic_ids.note(&closing.link);
        self.before = Some(Arc::new(closing));
    }

    /// Leader epochs rise with offsets, also across links without one.
    fn check_leader_epoch(&mut self, link: &Link, key: &str) {
        if link.leader_epoch.is_some() && link.leader_epoch < self.leader_epoch {
            let detail = "its leader_epoch is below that of a link before it";
            let finding = Finding::new(Code::LinkBreaksRule, detail).object(key);
            self.report(finding.offsets(link.first_offset.0, link.next_offset.0));
        }
        self.leader_epoch = self.leader_epoch.max(link.leader_epoch);
    }

    fn expected(&self) -> ((Epoch, FirstOffset), Height) {
        match &self.chain.head {
            None => ((Epoch(0), FirstOffset(0)), Height(0)),
            Some(head) => (head.continues_at, head.height.next()),
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
                around_hole(self.before.as_deref(), link)
            );
            self.report(Finding::new(Code::LinkMissing, detail).offsets(from.0, until));
        }
    }

    fn report_pending(&mut self, code: Code) {
        for InvalidNote { key, why } in std::mem::take(&mut self.pending) {
            self.report(Finding::new(code, why).object(key));
        }
    }

    fn accept(&mut self, opened: OpenedLink, key: String) -> Accepted {
        let OpenedLink {
            signed,
            leaf,
            key: signer,
        } = opened;
        let signed = Arc::new(signed);
        let link = &signed.link;
        self.note_signer(&signer, link.height);
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

    fn note_signer(&mut self, signer: &VerifyingKey, height: Height) {
        self.chain.has_counting_signer |= self.trust.counts(signer);
        if !self.trust.proves_link(&self.chain.partition, height, signer) {
            let lowest = self.unproved.map_or(height, |(lowest, _)| lowest);
            self.unproved = Some((lowest, height));
        }
    }

    fn note_link(&mut self, signed: &SignedLink, key: &str) {
        let link = &signed.link;
        let CheckpointRef { number, root } = link.checkpoint;
        self.chain
            .checkpoints_named
            .entry((number, root))
            .or_insert_with(|| key.to_owned());
        if let Some(head) = self.chain.head.filter(|head| head.continues_at.0 < link.epoch) {
            // A hole in the chain hides how the epochs between ended.
            self.chain.end_epoch(head.epoch, None);
            self.leader_epoch = link.leader_epoch;
        }
        self.chain.topic_ids.note(link);
        let next = link.next_place();
        self.chain.head = Some(ChainHead {
            epoch: link.epoch,
            height: link.height,
            next_offset: link.next_offset,
            continues_at: (next.epoch, next.first_offset),
            link: signed.hash,
        });
        if let Some(begins) = link.next_epoch_at {
            self.end_epoch(link, begins, key);
        } else {
            self.chain.ranges.push(Range::of(link));
        }
        self.chain.times.push(link);
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

    fn end_epoch(&mut self, link: &Link, begins: i64, key: &str) {
        let kept = (link.seal_reason == SealReason::Diverged).then_some(begins);
        let superseded = self.chain.end_epoch(link.epoch, kept).map(Superseded::describe);
        self.leader_epoch = kept.and_then(|begins| self.chain.leader_epoch_below(begins));
        if let Some(detail) = superseded {
            let finding = Finding::new(Code::RecordsSuperseded, detail).object(key);
            self.report(finding.offsets(begins, link.next_offset.0));
        }
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
        if let Some((lowest, highest)) = self.unproved {
            let detail = format!("links at heights {lowest} to {highest}");
            self.report(Finding::new(Code::LinkNotProved, detail));
        }
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
