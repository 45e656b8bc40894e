//! The four steps of a seal: Parquet bytes, segment, link, commit. After a crash between two steps, the next owner
//! continues from what the bucket has.

use bytes::Bytes;

use crate::archive::adoption::{Adoption, Outcome};
use crate::archive::open::Cut;
use crate::archive::partition::state::{Context, Leaving, Partition, Phase, Sealing, Stage};
use crate::archive::step::{Action, Adopted, Look, Object, Report, StopReason};
use crate::log::link::{self, Link, SealReason, SegmentRef, SignedLink};
use crate::log::note::Invalid;
use crate::log::object_key::Attempt;
use crate::record::hash::Hash;
use crate::record::position::NextOffset;
use crate::segment::footer::Footer;

/// How long after a writer knew the head it creates the next segment without a look at its place. Another member of the group
/// gets the partition of a writer that is cut off later than this: the shortest session timeout of brokers is 6 s by default,
/// that of clients 45 s.
const HEAD_IS_FRESH_MS: u64 = 5_000;

impl Partition {
    /// Cuts the open segment at `end` and has it encoded. Its records are only in memory: a crash loses the work, and the
    /// next owner consumes them again.
    pub(super) fn seal_at(&mut self, end: i64, reason: SealReason, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Cut {
            rows,
            range: (first_offset, next_offset),
            absent,
            leader_epoch,
        } = chain.open.cut(&self.partition, end);
        let draft = Link {
            record_count: rows.len() as u64,
            absent,
            leader_epoch,
            min_timestamp_ms: rows.min_timestamp_ms(),
            max_timestamp_ms: rows.max_timestamp_ms(),
            records_root: rows.root(),
            seal_reason: reason,
            ..chain.draft(&self.partition, (first_offset, NextOffset(next_offset)), cx)
        };
        if rows.is_empty() {
            return self.without_segment(draft, cx);
        }
        let footer = Footer {
            topic_partition: self.partition.clone(),
            epoch: draft.epoch,
            first_offset: draft.first_offset,
            next_offset: draft.next_offset,
            record_count: draft.record_count,
            records_root: draft.records_root,
            previous: draft.previous,
        };
        chain.sealing = Some(Sealing {
            draft,
            value_bytes: rows.value_bytes(),
            cut_at_ms: cx.now.monotonic_ms,
            stage: Stage::Encoding,
        });
        cx.actions.push(Action::Encode(self.ticket, Box::new((rows, footer))));
    }

    /// A range without records has a link and no segment; segments found at its place are rejected.
    pub(super) fn without_segment(&mut self, mut draft: Link, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        chain.adoption.reject_all(&draft.place());
        draft.rejected = chain.adoption.rejected();
        self.create_link(Sealing::without_segment(draft, cx.now), Adopted::Ours, cx);
    }

    /// The segment is encoded: adopts a found segment with equal bytes, or creates it.
    pub fn encoded(&mut self, object: Object, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(mut sealing) = chain.sealing.take() else {
            return;
        };
        let place = sealing.draft.place();
        let next_offset = sealing.draft.next_offset.0;
        let mut outcome = chain.adoption.compare(&place, next_offset, object.sha256);
        if outcome == Outcome::CutAgain && self.leaving.as_ref().is_some_and(Leaving::is_last_chance) {
            // No more records will be delivered, so the found segments are rejected and these records archived.
            chain.adoption.reject_all(&place);
            outcome = chain.adoption.compare(&place, next_offset, object.sha256);
        }
        match outcome {
            Outcome::CutAgain => self.cut_again(cx),
            Outcome::Adopt(segment) => self.segment_is_durable(sealing, segment, Adopted::Found, cx),
            Outcome::Create(attempt) => {
                let known_for_ms = cx.now.monotonic_ms.saturating_sub(self.head_known_ms);
                let look = if attempt == Attempt::PLAIN && known_for_ms < HEAD_IS_FRESH_MS {
                    Look::Spared
                } else {
                    Look::Needed
                };
                cx.actions.push(Action::CreateSegment(
                    self.ticket,
                    place.segment(attempt),
                    object.clone(),
                    chain.topic_id.clone(),
                    look,
                ));
                sealing.stage = Stage::Segment(object, attempt);
                chain.sealing = Some(sealing);
            }
        }
    }

    /// The segment is durable from here: after a crash the next owner adopts it.
    pub fn segment_created(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(sealing) = chain.sealing.take() else { return };
        let Stage::Segment(object, attempt) = &sealing.stage else {
            chain.sealing = Some(sealing);
            return;
        };
        let key = sealing.draft.place().segment(*attempt).to_string();
        let segment = SegmentRef {
            key,
            bytes: object.bytes.len() as u64,
            sha256: object.sha256,
        };
        self.segment_is_durable(sealing, segment, Adopted::Ours, cx);
    }

    fn segment_is_durable(
        &mut self,
        mut sealing: Sealing,
        segment: SegmentRef,
        adopted: Adopted,
        cx: &mut Context<'_>,
    ) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        sealing.draft.rejected = chain.adoption.rejected();
        sealing.draft.segment = Some(segment);
        self.create_link(sealing, adopted, cx);
    }

    /// The segment's key has other bytes: of a zombie, a successor or an attacker. The head decides.
    pub fn segment_taken(&mut self, cx: &mut Context<'_>) {
        self.conflict(cx);
    }

    pub(super) fn create_link(&mut self, sealing: Sealing, adopted: Adopted, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let mut draft = sealing.draft;
        draft.checkpoint = cx.author.checkpoint_after(chain.head.as_ref());
        // For a link with a segment of ours, the topic id was checked when the segment was created.
        let is_checked = draft.segment.is_some() && adopted == Adopted::Ours;
        let topic_id = chain.kafka_topic_id.clone().filter(|_| !is_checked);
        cx.actions.push(Action::CreateLink(
            self.ticket,
            draft.place().link(Attempt::PLAIN),
            Box::new(draft.clone()),
            topic_id,
        ));
        chain.sealing = Some(Sealing {
            draft,
            stage: Stage::Link(Attempt::PLAIN, adopted),
            ..sealing
        });
    }

    /// The link is durable, which is the commit: from here every reader sees the records, exactly once.
    pub fn link_created(&mut self, hash: Hash, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(Sealing {
            draft: link,
            value_bytes,
            cut_at_ms,
            stage: Stage::Link(_, adopted),
        }) = chain.sealing.take()
        else {
            return;
        };
        let signed = SignedLink {
            link,
            hash,
            signer: cx.author.signer,
        };
        self.head_known_ms = cut_at_ms;
        let next = signed.link.next_place();
        let has_closed = signed.link.is_closing();
        cx.actions.push(Action::Commit(
            self.ticket,
            self.partition.clone(),
            next.first_offset.next_offset(),
            signed.commit_metadata(),
        ));
        chain.unanswered_commits += 1;
        chain.adoption = Adoption::default();
        chain.head = Some(signed.clone());
        cx.actions.push(Action::Report(
            self.partition.clone(),
            Report::Linked {
                link: Box::new(signed),
                value_bytes,
                adopted,
                seal_ms: cx.now.monotonic_ms.saturating_sub(cut_at_ms),
            },
        ));
        if has_closed {
            let report = Report::NewEpoch(next.epoch, next.first_offset);
            cx.actions.push(Action::Report(self.partition.clone(), report));
        }
        if has_closed && self.leaving.is_none() {
            // Only now may segments be found where the next epoch begins.
            return self.load(cx);
        }
        self.settle(cx);
    }

    /// The link's place has another writer's link.
    pub fn link_taken(&mut self, object: &Bytes, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(Sealing {
            draft,
            stage: Stage::Link(..),
            ..
        }) = &chain.sealing
        else {
            return;
        };
        let place = draft.place();
        match link::open(object, &cx.author.keyring, &cx.author.archive_id, &place) {
            Err(newer @ Invalid::UnknownType { .. }) => self.stop(StopReason::HeadRefused(newer.to_string()), cx),
            _ => self.conflict(cx),
        }
    }

    /// The link's place has invalid objects only: the link is created with the lowest free attempt.
    pub fn link_passed_over(&mut self, free: Attempt, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(Sealing {
            draft,
            stage: Stage::Link(attempt, _),
            ..
        }) = &mut chain.sealing
        else {
            return;
        };
        let place = draft.place();
        let passed_over = place.link(*attempt);
        *attempt = free;
        cx.actions.push(Action::CreateLink(
            self.ticket,
            place.link(free),
            Box::new(draft.clone()),
            None,
        ));
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::PassedOver(passed_over)));
    }

    /// Kafka has answered the commit. After a refusal the next commit covers this one; without it, some records are only
    /// read again.
    pub fn committed(&mut self, cx: &mut Context<'_>) {
        if let Phase::Archiving(chain) = &mut self.phase {
            chain.unanswered_commits = chain.unanswered_commits.saturating_sub(1);
            self.settle(cx);
        }
    }
}
