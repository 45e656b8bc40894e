//! Continuing from the bucket's head: whether that is allowed, which records Kafka has lost, and the fields that the next
//! link takes from it. The partition must stop if the bucket's head contradicts Kafka's commit.

use crate::archive::adoption::Adoption;
use crate::archive::author::Author;
use crate::archive::open::OpenSegment;
use crate::archive::partition::state::{Chain, Context, Partition, Phase};
use crate::archive::step::{Action, LoadedHead, Report, StopReason};
use crate::log::link::{Link, LinkType, LossReason, Lost, SealReason, SignedLink};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};

impl Partition {
    /// The head was loaded: continues from it, or stops with the reason.
    pub fn head_loaded(&mut self, loaded: LoadedHead, cx: &mut Context<'_>) {
        if let Err(reason) = check_head(&loaded, cx.author) {
            return self.stop(reason, cx);
        }
        cx.new_epochs.seen(&self.partition.topic, loaded.topic_id.as_deref());
        let epoch = match self.epoch_after(&loaded, cx) {
            Ok(epoch) => epoch,
            Err(reason) => return self.stop(reason, cx),
        };
        let log_start = loaded.log_start_offset;
        let chain = self.chain_after(loaded, epoch, cx);
        let next = chain.place(&self.partition).first_offset;
        let from = NextOffset(chain.open.expected());
        self.phase = Phase::Archiving(Box::new(chain));
        cx.actions.push(Action::Consume(self.partition.clone(), from));
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Continues(from)));
        if log_start > next.0 {
            self.declare_loss(next, NextOffset(log_start), cx);
        }
    }

    /// The epoch of the next link: the head's, or the next one if the topic was recreated and an operator declared it.
    fn epoch_after(&self, loaded: &LoadedHead, cx: &mut Context<'_>) -> Result<Epoch, StopReason> {
        let Some(SignedLink { link: head, .. }) = &loaded.head else {
            return Ok(Epoch(0));
        };
        match recreation(loaded, head) {
            None => Ok(head.epoch),
            Some(_)
                if cx
                    .new_epochs
                    .allow(&self.partition, loaded.topic_id.as_deref(), head.epoch) =>
            {
                let epoch = Epoch(head.epoch.0.saturating_add(1));
                cx.actions
                    .push(Action::Report(self.partition.clone(), Report::NewEpoch(epoch)));
                Ok(epoch)
            }
            Some(reason) => Err(reason),
        }
    }

    /// The chain after the bucket's head. If Kafka's commit does not name this head (a crash between link and commit), it
    /// is committed now.
    fn chain_after(&self, loaded: LoadedHead, epoch: Epoch, cx: &mut Context<'_>) -> Chain {
        let in_epoch = loaded.head.as_ref().filter(|head| head.link.epoch == epoch);
        let known_id = in_epoch.and_then(|head| head.link.topic_id.clone());
        let found = match &loaded.head {
            Some(head) if head.link.epoch != epoch => loaded.found_in_next_epoch,
            _ => loaded.found,
        };
        let unwitnessed = loaded
            .head
            .as_ref()
            .map(|head| (head.link.next_offset, head.commit_metadata()));
        let mut chain = Chain {
            topic_id: known_id.or(loaded.topic_id),
            head: loaded.head,
            epoch,
            open: OpenSegment::new(&self.partition, FirstOffset(0)),
            sealing: None,
            adoption: Adoption::default(),
            end_position: 0,
            unanswered_commits: 0,
            waiting_since_ms: None,
        };
        let place = chain.place(&self.partition);
        let first = FirstOffset(place.first_offset.0.max(loaded.log_start_offset));
        chain.open = OpenSegment::new(&self.partition, first);
        chain.adoption = Adoption::new(&place, found, loaded.log_end_offset);
        if let Some((next, metadata)) = unwitnessed.filter(|(_, metadata)| loaded.committed != Some(*metadata)) {
            cx.actions
                .push(Action::Commit(self.ticket, self.partition.clone(), next, metadata));
            chain.unanswered_commits += 1;
        }
        chain
    }

    fn declare_loss(&mut self, first_offset: FirstOffset, next_offset: NextOffset, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else { return };
        cx.actions.push(Action::Report(
            self.partition.clone(),
            Report::LossFound {
                first_offset: first_offset.0,
                next_offset: next_offset.0,
            },
        ));
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
            ..chain.draft(&self.partition, (first_offset, next_offset), cx)
        };
        self.without_segment(draft, cx);
    }
}

/// Whether the bucket's head agrees with Kafka's commit and cluster.
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
    Ok(())
}

/// The evidence that the topic was deleted and created again, or that Kafka lost its newest records.
fn recreation(loaded: &LoadedHead, head: &Link) -> Option<StopReason> {
    if let (Some(archived), Some(found)) = (&head.topic_id, &loaded.topic_id)
        && archived != found
    {
        let (archived, found) = (archived.clone(), found.clone());
        return Some(StopReason::TopicRecreated { archived, found });
    }
    (loaded.log_end_offset < head.next_offset.0).then_some(StopReason::LogBehindArchive {
        log_end_offset: loaded.log_end_offset,
        next_offset: head.next_offset.0,
    })
}

impl Chain {
    /// A link for a range without records, with the fields that every link takes from the head.
    pub(super) fn draft(
        &self,
        partition: &TopicPartition,
        (first_offset, next_offset): (FirstOffset, NextOffset),
        cx: &Context<'_>,
    ) -> Link {
        let head = self.head.as_ref();
        Link {
            r#type: LinkType::V1,
            archive_id: cx.author.archive_id.clone(),
            cluster_id: cx.author.cluster_id.clone(),
            topic: partition.topic.to_string(),
            topic_id: self.topic_id.clone(),
            partition: partition.partition,
            epoch: self.epoch,
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
}
