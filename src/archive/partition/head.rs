//! Going on from the bucket's head: whether it may be continued, what Kafka lost meanwhile, and what the next link takes
//! from it. Never goes on where the witnesses disagree.

use super::{Chain, Context, Partition, Phase};
use crate::archive::adoption::Adoption;
use crate::archive::author::Author;
use crate::archive::open::OpenSegment;
use crate::archive::step::{Action, LoadedHead, Report, StopReason};
use crate::model::hash::Hash;
use crate::model::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::segment::key::Place;
use crate::segment::link::{Link, LinkType, LossReason, Lost, SealReason, SignedLink};

impl Partition {
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
}

pub(super) fn place_after(partition: &TopicPartition, head: Option<&SignedLink>) -> Place {
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
pub(super) fn draft(
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
