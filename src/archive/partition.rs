//! One partition on its way: load the head, fill a segment, seal it in four steps, go on. Recovery is the normal path:
//! start-up, rebalance and conflict all begin at `load`. Never waits and never touches Kafka or the store.

use bytes::Bytes;

use crate::archive::adoption::{Adoption, Outcome};
use crate::archive::author::Author;
use crate::archive::open::{Appended, Cut, OpenSegment};
use crate::archive::policy::SealPolicy;
use crate::archive::step::{Action, Adopted, LoadedHead, Now, Object, Report, StopReason, Ticket};
use crate::model::hash::Hash;
use crate::model::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::model::record::Record;
use crate::segment::footer::Footer;
use crate::segment::key::{Attempt, Place};
use crate::segment::link::{self, Link, LinkType, LossReason, Lost, SealReason, SegmentRef, SignedLink};
use crate::segment::note::Invalid;

/// What a step may use: who writes, the limits, the time, and where the actions go.
pub struct Context<'a> {
    /// Who writes.
    pub author: &'a Author,
    /// The limits.
    pub policy: &'a SealPolicy,
    /// The time of this step.
    pub now: Now,
    /// What is to be done.
    pub actions: &'a mut Vec<Action>,
}

/// A partition that was assigned at least once.
#[derive(Debug)]
pub struct Partition {
    partition: TopicPartition,
    ticket: Ticket,
    phase: Phase,
    leaving: Option<Leaving>,
}

#[derive(Debug)]
enum Phase {
    /// Not ours.
    Released,
    /// The head was asked for.
    Loading,
    /// Records are taken.
    Archiving(Box<Chain>),
    /// Until somebody acts.
    Stopped,
}

/// Why the open segment must be finished before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Revoked,
    Shutdown,
    /// Kafka no longer has what comes next: finish what we hold, then load the head and see.
    Reload,
}

#[derive(Debug)]
struct Chain {
    head: Option<SignedLink>,
    open: OpenSegment,
    sealing: Option<Sealing>,
    adoption: Adoption,
    end_position: i64,
    unanswered_commits: usize,
    /// Since when nothing but commits is waited for.
    waiting_since_ms: Option<u64>,
}

/// How long a partition that is let go waits for Kafka to answer its commits. A commit is a cache and a witness: the
/// group must not stand still for it.
const COMMIT_PATIENCE_MS: u64 = 5_000;

#[derive(Debug)]
struct Sealing {
    draft: Link,
    value_bytes: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Encoding,
    Segment(Object, Attempt),
    Link(Box<SignedLink>, Object, Attempt, Adopted),
}

impl Partition {
    /// A partition that is not ours yet.
    #[must_use]
    pub fn new(partition: TopicPartition, ticket: Ticket) -> Partition {
        Partition {
            partition,
            ticket,
            phase: Phase::Released,
            leaving: None,
        }
    }

    /// What answers must carry to be heard.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicPartition {
        &self.partition
    }

    /// Whether nothing of it is left in us.
    #[must_use]
    pub fn is_released(&self) -> bool {
        matches!(self.phase, Phase::Released)
    }

    /// Whether it stands still until somebody acts.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }

    /// Bytes that count in the memory budget: open rows and a finished object, not what the encoder holds.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        let Phase::Archiving(chain) = &self.phase else { return 0 };
        let object = match chain.sealing.as_ref().map(|sealing| &sealing.stage) {
            Some(Stage::Segment(object, _)) => object.bytes.len(),
            _ => 0,
        };
        chain.open.buffered_bytes() + object
    }

    /// Whether a seal is under way, so that its memory will be free by itself.
    #[must_use]
    pub fn is_sealing(&self) -> bool {
        matches!(&self.phase, Phase::Archiving(chain) if chain.sealing.is_some())
    }

    /// Buffered bytes of a segment that could be sealed now.
    #[must_use]
    pub fn sealable_bytes(&self) -> usize {
        match &self.phase {
            Phase::Archiving(chain) if chain.sealing.is_none() && chain.adoption.ends().is_none() => {
                chain.open.buffered_bytes()
            }
            _ => 0,
        }
    }

    /// Buffered bytes of a segment that is being filled up to the end of a found one.
    #[must_use]
    pub fn adopting_bytes(&self) -> usize {
        match &self.phase {
            Phase::Archiving(chain) if chain.sealing.is_none() && chain.adoption.ends().is_some() => {
                chain.open.buffered_bytes()
            }
            _ => 0,
        }
    }

    /// Kafka gave it to us, or it must begin anew: what we knew of it is worth nothing.
    pub fn load(&mut self, cx: &mut Context<'_>) {
        self.begin_turn(Phase::Loading);
        cx.actions.push(Action::LoadHead(self.ticket, self.partition.clone()));
    }

    /// Kafka has taken it already. From here neither create nor commit is asked for (EP-1).
    pub fn lose(&mut self) {
        self.begin_turn(Phase::Released);
    }

    fn begin_turn(&mut self, phase: Phase) {
        self.ticket.turn += 1;
        self.phase = phase;
        self.leaving = None;
    }

    /// Finishes what is open, then lets go.
    pub fn revoke(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Revoked, cx);
    }

    /// Finishes what is open, holes after the last record too, then lets go.
    pub fn shut_down(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Shutdown, cx);
    }

    /// Kafka no longer has what comes next. What we hold is still good: it is sealed before the head is loaded again.
    pub fn out_of_range(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Archiving(_)) && self.leaving.is_none() {
            self.leave(Leaving::Reload, cx);
        }
    }

    fn leave(&mut self, leaving: Leaving, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Released => cx.actions.push(Action::Release(self.partition.clone())),
            Phase::Loading | Phase::Stopped => self.release(cx),
            Phase::Archiving(_) => {
                self.leaving = Some(leaving);
                self.settle(cx);
            }
        }
    }

    fn release(&mut self, cx: &mut Context<'_>) {
        self.begin_turn(Phase::Released);
        cx.actions.push(Action::Release(self.partition.clone()));
    }

    /// Stands still until somebody acts.
    pub fn stop(&mut self, reason: StopReason, cx: &mut Context<'_>) {
        let leaving = self.leaving.is_some();
        self.begin_turn(Phase::Stopped);
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Stopped(reason)));
        if leaving {
            self.release(cx);
        }
    }

    /// Another writer was first, or a stranger: the bucket is the authority, so begin again from it.
    fn conflict(&mut self, cx: &mut Context<'_>) {
        cx.actions.push(Action::Report(self.partition.clone(), Report::Fenced));
        match self.leaving {
            Some(Leaving::Revoked | Leaving::Shutdown) => self.release(cx),
            Some(Leaving::Reload) | None => self.load(cx),
        }
    }

    /// The bucket's head is here: continue from it, or say why not.
    pub fn head_loaded(&mut self, loaded: LoadedHead, cx: &mut Context<'_>) {
        if let Err(reason) = check_head(&loaded, cx.author) {
            return self.stop(reason, cx);
        }
        let next = loaded.head.as_ref().map_or(0, |head| head.link.next_offset.0);
        let place = place_after(&self.partition, loaded.head.as_ref());
        let mut chain = Chain {
            open: OpenSegment::new(&self.partition, FirstOffset(next.max(loaded.log_start_offset))),
            adoption: Adoption::new(&place, loaded.found, loaded.log_end_offset),
            head: loaded.head,
            sealing: None,
            end_position: 0,
            unanswered_commits: 0,
            waiting_since_ms: None,
        };
        let lost = (loaded.log_start_offset > next).then_some((next, loaded.log_start_offset));
        if lost.is_some() {
            chain.adoption.reject_all(&place);
        }
        let from = NextOffset(chain.open.expected());
        // A commit that was lost with its process is made up for: the witness should know the head.
        if let Some(head) = chain.head.as_ref()
            && loaded.committed != Some(head.commit_metadata())
        {
            let (next, metadata) = (head.link.next_offset, head.commit_metadata());
            cx.actions
                .push(Action::Commit(self.ticket, self.partition.clone(), next, metadata));
            chain.unanswered_commits += 1;
        }
        self.phase = Phase::Archiving(Box::new(chain));
        cx.actions.push(Action::Consume(self.partition.clone(), from));
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Continues(from)));
        if let Some((first_offset, next_offset)) = lost {
            cx.actions.push(Action::Report(
                self.partition.clone(),
                Report::LossFound {
                    first_offset,
                    next_offset,
                },
            ));
            self.declare_loss(FirstOffset(first_offset), NextOffset(next_offset), cx);
        }
    }

    /// The next record. The hot path: once per record of the archive.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if self.leaving.is_some() {
            return;
        }
        if let Some(ends) = chain.adoption.ends()
            && record.offset >= ends
            && chain.sealing.is_none()
        {
            chain.end_position = ends;
            self.seal_at_found(cx);
            return self.record(record, cx);
        }
        match chain.open.append(record, cx.now) {
            Appended::Yes => {
                if chain.adoption.ends() == Some(chain.open.expected()) {
                    self.seal_at_found(cx);
                } else if cx.policy.full(chain.open.len(), chain.open.buffered_bytes()).is_some() {
                    self.seal_if_due(cx);
                }
            }
            Appended::Before => {}
            Appended::TooManyHoles => self.too_many_holes(cx),
        }
    }

    /// A link can name no more holes: what is open is sealed and the record comes again. While a seal is under way the
    /// record cannot be kept, so the partition is read again from its head.
    fn too_many_holes(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_none() {
            // A segment that would need more holes than a link may name is none of a writer's.
            chain.adoption.reject_all(&chain.place(&self.partition));
            let end = chain.open.expected();
            self.seal_at(end, SealReason::Absent, cx);
            if let Phase::Archiving(chain) = &self.phase {
                let from = NextOffset(chain.open.expected());
                cx.actions.push(Action::Consume(self.partition.clone(), from));
            }
        } else {
            self.leave(Leaving::Reload, cx);
        }
    }

    /// The consumer has delivered everything before `position`.
    pub fn end_reached(&mut self, position: i64, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        // Who is leaving takes no records: what lies before this end was not seen, and must not be called absent.
        if self.leaving.is_some() {
            return;
        }
        chain.end_position = position;
        self.seal_at_found(cx);
    }

    /// Seals where a found segment ends, once everything before that was delivered.
    fn seal_at_found(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else {
            return;
        };
        let Some(ends) = chain.adoption.ends() else { return };
        let expected = chain.open.expected();
        if chain.sealing.is_some() || chain.end_position.max(expected) < ends {
            return;
        }
        if ends > expected && chain.open.is_full_of_holes() {
            self.too_many_holes(cx);
        } else {
            self.seal_at(ends, SealReason::Revoked, cx);
        }
    }

    /// Time has passed: seals what became due, and gives up waiting for commits.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        if self.leaving.is_some() {
            self.settle(cx);
        } else {
            self.seal_if_due(cx);
        }
    }

    /// Seals what has reached a limit, if nothing is being sealed already.
    pub fn seal_if_due(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() || self.leaving.is_some() {
            return;
        }
        // A found segment may be larger than the limits: its writer went on filling it while another was being sealed.
        // Only memory makes us give it up.
        if chain.adoption.ends().is_some() {
            return;
        }
        if let Some(reason) = cx.policy.due(chain.open.fill(cx.now)) {
            let end = chain.open.expected();
            self.seal_at(end, reason, cx);
        }
    }

    /// Seals what is open now, so that memory becomes free; gives a found segment up that stands in the way.
    pub fn seal_for_memory(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else { return };
        if chain.adoption.ends().is_some() {
            self.give_up_found(cx);
        } else if chain.sealing.is_none() {
            let end = chain.open.expected();
            self.seal_at(end, SealReason::Bytes, cx);
        }
    }

    fn give_up_found(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        chain.adoption.give_up(&chain.place(&self.partition));
        match chain.adoption.ends() {
            Some(ends) if ends < chain.open.expected() => self.cut_again(cx),
            Some(_) => self.seal_at_found(cx),
            None => self.seal_if_due(cx),
        }
    }

    /// Another found segment ends elsewhere: its range is taken from Kafka once more, from the head on. Who is leaving
    /// takes no records: the next owner does it, or the next load.
    fn cut_again(&mut self, cx: &mut Context<'_>) {
        match self.leaving {
            Some(Leaving::Revoked | Leaving::Shutdown) => return self.release(cx),
            Some(Leaving::Reload) => return self.load(cx),
            None => {}
        }
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        self.ticket.turn += 1;
        let next = NextOffset(chain.head.as_ref().map_or(0, |head| head.link.next_offset.0));
        chain.sealing = None;
        chain.end_position = 0;
        chain.open = OpenSegment::new(&self.partition, next.begins());
        cx.actions.push(Action::Consume(self.partition.clone(), next));
    }

    /// Cuts the open segment at `end` and sends it on its way. Nothing outside this process knows these records yet.
    fn seal_at(&mut self, end: i64, reason: SealReason, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Cut {
            rows,
            range: (first_offset, next_offset),
            absent,
        } = chain.open.cut(&self.partition, end);
        let draft = Link {
            record_count: rows.len() as u64,
            absent,
            min_timestamp_ms: rows.min_timestamp_ms(),
            max_timestamp_ms: rows.max_timestamp_ms(),
            records_root: rows.root(),
            seal_reason: reason,
            ..draft(
                &self.partition,
                chain.head.as_ref(),
                (first_offset, NextOffset(next_offset)),
                cx,
            )
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
            stage: Stage::Encoding,
        });
        cx.actions.push(Action::Encode(self.ticket, Box::new((rows, footer))));
    }

    fn declare_loss(&mut self, first_offset: FirstOffset, next_offset: NextOffset, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else { return };
        let lost = Lost {
            first_offset,
            next_offset,
            log_start_offset: next_offset.0,
            observed_at: cx.now.wall,
            reason: LossReason::Retention,
        };
        let draft = Link {
            lost: Some(lost),
            seal_reason: SealReason::Lost,
            ..draft(&self.partition, chain.head.as_ref(), (first_offset, next_offset), cx)
        };
        self.without_segment(draft, cx);
    }

    /// A range without records has a link and no segment. What was found at its key is none of ours.
    fn without_segment(&mut self, mut draft: Link, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        chain.adoption.reject_all(&draft.place());
        draft.rejected = chain.adoption.rejected();
        self.create_link(draft, 0, Adopted::Ours, cx);
    }

    /// The bytes are made: adopt what equals them, or create them.
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
        if outcome == Outcome::CutAgain && self.leaving == Some(Leaving::Shutdown) {
            // What was delivered is to be archived before we go: no time to take it from Kafka once more.
            chain.adoption.reject_all(&place);
            outcome = chain.adoption.compare(&place, next_offset, object.sha256);
        }
        match outcome {
            Outcome::CutAgain => self.cut_again(cx),
            Outcome::Adopt(segment) => self.segment_stands(sealing, segment, Adopted::Found, cx),
            Outcome::Create(attempt) => {
                cx.actions.push(Action::CreateSegment(
                    self.ticket,
                    place.segment(attempt),
                    object.clone(),
                ));
                sealing.stage = Stage::Segment(object, attempt);
                chain.sealing = Some(sealing);
            }
        }
    }

    /// The segment is durable from here: a crash now makes the next owner adopt it.
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
        self.segment_stands(sealing, segment, Adopted::Ours, cx);
    }

    fn segment_stands(&mut self, sealing: Sealing, segment: SegmentRef, adopted: Adopted, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let mut draft = sealing.draft;
        draft.rejected = chain.adoption.rejected();
        draft.segment = Some(segment);
        self.create_link(draft, sealing.value_bytes, adopted, cx);
    }

    /// Other bytes stand under the segment's key: a zombie's, a successor's, or a stranger's. The head tells.
    pub fn segment_taken(&mut self, cx: &mut Context<'_>) {
        self.conflict(cx);
    }

    fn create_link(&mut self, draft: Link, value_bytes: u64, adopted: Adopted, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let place = draft.place();
        match cx.author.sign(draft.clone(), chain.head.as_ref()) {
            Err(error) => self.stop(StopReason::Unsignable(error.to_string()), cx),
            Ok((signed, object)) => {
                cx.actions.push(Action::CreateLink(
                    self.ticket,
                    place.link(Attempt::PLAIN),
                    object.clone(),
                ));
                let stage = Stage::Link(Box::new(signed), object, Attempt::PLAIN, adopted);
                chain.sealing = Some(Sealing {
                    draft,
                    value_bytes,
                    stage,
                });
            }
        }
    }

    /// THE COMMIT has happened. From here every reader sees the records, exactly once.
    pub fn link_created(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(Sealing {
            value_bytes,
            stage: Stage::Link(signed, _, _, adopted),
            ..
        }) = chain.sealing.take()
        else {
            return;
        };
        let next = signed.link.next_offset;
        cx.actions.push(Action::Commit(
            self.ticket,
            self.partition.clone(),
            next,
            signed.commit_metadata(),
        ));
        chain.unanswered_commits += 1;
        chain.adoption = Adoption::default();
        chain.head = Some((*signed).clone());
        cx.actions.push(Action::Report(
            self.partition.clone(),
            Report::Linked {
                link: signed,
                value_bytes,
                adopted,
            },
        ));
        self.settle(cx);
    }

    /// Something stands under the link's key: our own after a lost reply, another writer's, or junk to be passed over.
    pub fn link_taken(&mut self, object: &Bytes, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        let Some(Sealing {
            draft,
            stage: Stage::Link(_, ours, attempt, _),
            ..
        }) = &mut chain.sealing
        else {
            return;
        };
        if ours.bytes == *object {
            return self.link_created(cx);
        }
        let place = draft.place();
        match link::open(object, &cx.author.keyring, &cx.author.archive_id, &place) {
            Ok(_) => self.conflict(cx),
            Err(newer @ Invalid::UnknownType(_)) => self.stop(StopReason::HeadRefused(newer.to_string()), cx),
            Err(_) => {
                let passed_over = place.link(*attempt);
                *attempt = attempt.next();
                cx.actions
                    .push(Action::CreateLink(self.ticket, place.link(*attempt), ours.clone()));
                cx.actions
                    .push(Action::Report(self.partition.clone(), Report::PassedOver(passed_over)));
            }
        }
    }

    /// Kafka has answered the commit. If it refused, the next one covers this; losing it costs a re-read, never a record.
    pub fn committed(&mut self, cx: &mut Context<'_>) {
        if let Phase::Archiving(chain) = &mut self.phase {
            chain.unanswered_commits = chain.unanswered_commits.saturating_sub(1);
            self.settle(cx);
        }
    }

    /// Takes the next step towards leaving, or seals what became due meanwhile.
    fn settle(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() {
            return;
        }
        let Some(leaving) = self.leaving else {
            return self.seal_if_due(cx);
        };
        if leaving == Leaving::Shutdown {
            // What was delivered is to be archived before we go, and a found segment that ends further on cannot wait.
            chain.adoption.reject_all(&chain.place(&self.partition));
        }
        let expected = chain.open.expected();
        let end = if leaving == Leaving::Shutdown {
            chain.end_position.max(expected)
        } else {
            expected
        };
        let something_left = !chain.open.is_empty() || end > expected;
        if something_left && chain.adoption.ends().is_none() {
            let reason = match leaving {
                Leaving::Shutdown => SealReason::Shutdown,
                Leaving::Revoked => SealReason::Revoked,
                Leaving::Reload => SealReason::Idle,
            };
            self.seal_at(end, reason, cx);
        } else if leaving == Leaving::Reload {
            self.load(cx);
        } else {
            let since_ms = *chain.waiting_since_ms.get_or_insert(cx.now.monotonic_ms);
            let waited_ms = cx.now.monotonic_ms.saturating_sub(since_ms);
            if chain.unanswered_commits == 0 || waited_ms >= COMMIT_PATIENCE_MS {
                self.release(cx);
            }
        }
    }
}

impl Chain {
    /// Where the next link belongs.
    fn place(&self, partition: &TopicPartition) -> Place {
        place_after(partition, self.head.as_ref())
    }
}

fn place_after(partition: &TopicPartition, head: Option<&SignedLink>) -> Place {
    Place {
        partition: partition.clone(),
        epoch: head.map_or(Epoch(0), |head| head.link.epoch),
        first_offset: head.map_or(FirstOffset(0), |head| head.link.next_offset.begins()),
    }
}

/// Whether the bucket's head and Kafka's witnesses agree enough to go on.
fn check_head(loaded: &LoadedHead, author: &Author) -> Result<(), StopReason> {
    if let Some(committed) = loaded.committed {
        let bucket = loaded.head.as_ref().map_or(-1, |head| head.link.height.0 as i64);
        if committed.height.0 as i64 > bucket {
            return Err(StopReason::BehindCommit {
                committed: committed.height.0,
                bucket,
            });
        }
        let same_height = loaded.head.as_ref().filter(|head| head.link.height == committed.height);
        if same_height.is_some_and(|head| head.hash != committed.link) {
            return Err(StopReason::DiffersFromCommit(committed.height.0));
        }
    }
    let Some(SignedLink { link: head, .. }) = &loaded.head else {
        return Ok(());
    };
    if head.cluster_id != author.cluster_id {
        let connected = author.cluster_id.clone();
        return Err(StopReason::OtherCluster {
            archived: head.cluster_id.clone(),
            connected,
        });
    }
    if loaded.log_end_offset < head.next_offset.0 {
        let (log_end_offset, next_offset) = (loaded.log_end_offset, head.next_offset.0);
        return Err(StopReason::LogBehindArchive {
            log_end_offset,
            next_offset,
        });
    }
    Ok(())
}

/// What every link of a partition takes from its head, for a range without records.
fn draft(
    partition: &TopicPartition,
    head: Option<&SignedLink>,
    (first_offset, next_offset): (FirstOffset, NextOffset),
    cx: &Context<'_>,
) -> Link {
    Link {
        r#type: LinkType::V1,
        archive_id: cx.author.archive_id.clone(),
        cluster_id: cx.author.cluster_id.clone(),
        topic: partition.topic.to_string(),
        topic_id: head.and_then(|head| head.link.topic_id.clone()),
        partition: partition.partition,
        epoch: head.map_or(Epoch(0), |head| head.link.epoch),
        height: head.map_or(Height(0), |head| head.link.height.next()),
        first_offset,
        next_offset,
        record_count: 0,
        absent: Vec::new(),
        lost: None,
        min_timestamp_ms: None,
        max_timestamp_ms: None,
        records_root: Hash::of(b""),
        segment: None,
        rejected: Vec::new(),
        checkpoint: cx.author.checkpoint,
        sealed_at: cx.now.wall,
        seal_reason: SealReason::Shutdown,
        sealed_by: cx.author.sealed_by.clone(),
        previous: head.map_or_else(|| cx.author.genesis(partition), |head| head.hash),
    }
}
