//! Continuing from the bucket's head: whether that is allowed, which records Kafka has lost, and the fields that the next
//! link takes from it. The partition must stop if the bucket's head contradicts Kafka's commit.

use crate::archive::adoption::Adoption;
use crate::archive::epochs::Divergence;
use crate::archive::open::OpenSegment;
use crate::archive::partition::state::{Chain, Context, OtherLog, Partition, Phase, Sealing};
use crate::archive::step::{Action, Adopted, LoadedHead, Report, StopReason};
use crate::log::commit_metadata::CommitMetadata;
use crate::log::link::{Link, LinkType, LossReason, Lost, RECORD_ENCODING, SealReason, SignedLink};
use crate::log::object_key::Place;
use crate::record::hash::Hash;
use crate::record::position::{FirstOffset, Height, NextOffset, TopicPartition};

/// How an operator declared that the epoch of the next link ends.
struct Ending {
    reason: SealReason,
    /// Where the next epoch begins.
    begins: i64,
}

impl Partition {
    /// The head was loaded: continues from it, ends its epoch, or stops with the reason.
    pub fn head_loaded(&mut self, loaded: LoadedHead, cx: &mut Context<'_>) {
        if let Err(reason) = check_head(&loaded, &cx.author.cluster_id) {
            return self.stop(reason, cx);
        }
        let topic_id = loaded.topic_id.as_deref();
        cx.declarations.seen(&self.partition.topic, topic_id);
        match self.ending(&loaded, cx) {
            Err(reason) => self.stop(reason, cx),
            Ok(Some(ending)) => self.end_epoch(loaded, &ending, cx),
            Ok(None) => self.continue_from(loaded, cx),
        }
    }

    fn continue_from(&mut self, loaded: LoadedHead, cx: &mut Context<'_>) {
        self.other_log = None;
        let (log_start, committed) = (loaded.log_start_offset, loaded.committed);
        let mut chain = self.chain_after(loaded);
        self.witness(&mut chain, committed, cx);
        let next = chain.place(&self.partition).first_offset;
        let from = chain.open.position();
        self.phase = Phase::Archiving(Box::new(chain));
        cx.actions.push(Action::Consume(self.partition.clone(), from));
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Continues(from.next)));
        if log_start > next.0 {
            self.declare_loss(next, NextOffset(log_start), cx);
        }
    }

    /// Whether the epoch of the next link ends, as an operator declared.
    ///
    /// # Errors
    /// Kafka's log is not the archived one, and nothing was declared.
    fn ending(&self, loaded: &LoadedHead, cx: &mut Context<'_>) -> Result<Option<Ending>, StopReason> {
        let Some(SignedLink { link: head, .. }) = &loaded.head else {
            return Ok(None);
        };
        let here = head.next_place();
        let mut is_recreated = || {
            let topic_id = loaded.topic_id.as_deref();
            cx.declarations.allow(&self.partition, topic_id, here.epoch)
        };
        let recreated = Ending {
            reason: SealReason::Recreated,
            begins: 0,
        };
        if let Some(reason) = replaced(loaded, head) {
            return if is_recreated() {
                Ok(Some(recreated))
            } else {
                Err(reason)
            };
        }
        let contradiction = self.contradiction(loaded, &here);
        if contradiction.is_some() && may_be_recreated(loaded, head) && is_recreated() {
            return Ok(Some(recreated));
        }
        match (cx.declarations.divergence(&self.partition, here.epoch), contradiction) {
            (Some(declared), _) => diverged(declared, loaded, &here).map(Some),
            (None, Some(reason)) => Err(reason),
            (None, None) => Ok(None),
        }
    }

    /// The evidence that Kafka's log is not the archived one, whatever the topic's id is.
    fn contradiction(&self, loaded: &LoadedHead, here: &Place) -> Option<StopReason> {
        let (epoch, next_offset) = (here.epoch, here.first_offset.0);
        match self.other_log {
            _ if loaded.log_end_offset < next_offset => log_behind(loaded, here),
            Some(OtherLog::Truncated) => Some(StopReason::Truncated { epoch, next_offset }),
            Some(OtherLog::EpochFell { offset, before, now }) => Some(StopReason::LeaderEpochFell {
                epoch,
                offset,
                before,
                now,
            }),
            None => None,
        }
    }

    /// Creates the link that ends the epoch. It has the key of the epoch's next link, so that an owner that still archives
    /// competes with it instead of forking the chain.
    fn end_epoch(&mut self, loaded: LoadedHead, ending: &Ending, cx: &mut Context<'_>) {
        self.other_log = None;
        let archived_id = loaded.head.as_ref().and_then(|head| head.link.continuing_topic_id());
        let mut chain = self.chain_after(loaded);
        // What was found there may stay: no link will name it.
        chain.adoption = Adoption::default();
        let at = chain.place(&self.partition).first_offset;
        let draft = chain.draft(&self.partition, (at, at.next_offset()), cx);
        let topic_id = match ending.reason {
            SealReason::Recreated => archived_id,
            _ => draft.topic_id,
        };
        let draft = Link {
            topic_id,
            seal_reason: ending.reason,
            next_epoch_at: Some(ending.begins),
            ..draft
        };
        self.phase = Phase::Archiving(Box::new(chain));
        self.create_link(Sealing::without_segment(draft, cx.now), Adopted::Ours, cx);
    }

    /// The chain after the bucket's head.
    fn chain_after(&self, loaded: LoadedHead) -> Chain {
        let known_id = loaded.head.as_ref().and_then(|head| head.link.continuing_topic_id());
        let mut chain = Chain {
            topic_id: known_id.or_else(|| loaded.topic_id.clone()),
            kafka_topic_id: loaded.topic_id,
            head: loaded.head,
            open: OpenSegment::new(&self.partition, FirstOffset(0)),
            sealing: None,
            adoption: Adoption::default(),
            end_position: 0,
            unanswered_commits: 0,
            waiting_since_ms: None,
        };
        let place = chain.place(&self.partition);
        let first = FirstOffset(place.first_offset.0.max(loaded.log_start_offset));
        chain.open = chain.empty(&self.partition, first);
        chain.adoption = Adoption::new(&place, loaded.found, loaded.log_end_offset);
        chain
    }

    /// If Kafka's commit does not name the bucket's head (a crash between link and commit), it is committed now.
    fn witness(&self, chain: &mut Chain, committed: Option<CommitMetadata>, cx: &mut Context<'_>) {
        let Some(head) = &chain.head else { return };
        let metadata = head.commit_metadata();
        if committed != Some(metadata) {
            let next = head.link.next_place().first_offset.next_offset();
            cx.actions
                .push(Action::Commit(self.ticket, self.partition.clone(), next, metadata));
            chain.unanswered_commits += 1;
        }
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

/// Why an archiver stops the partition, unless an operator declared that its topic was created again or its log cut back; `None`
/// if it continues after this head.
#[must_use]
pub fn stops(loaded: &LoadedHead, cluster_id: &str) -> Option<StopReason> {
    let undeclared = || {
        let head = &loaded.head.as_ref()?.link;
        replaced(loaded, head).or_else(|| log_behind(loaded, &head.next_place()))
    };
    check_head(loaded, cluster_id).err().or_else(undeclared)
}

/// The evidence that Kafka lost records that are archived.
fn log_behind(loaded: &LoadedHead, here: &Place) -> Option<StopReason> {
    let (log_end_offset, next_offset) = (loaded.log_end_offset, here.first_offset.0);
    (log_end_offset < next_offset).then_some(StopReason::LogBehindArchive {
        epoch: here.epoch,
        log_end_offset,
        next_offset,
    })
}

/// Whether the bucket's head agrees with Kafka's commit and cluster.
fn check_head(loaded: &LoadedHead, cluster_id: &str) -> Result<(), StopReason> {
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
    if head.cluster_id != cluster_id {
        let connected = cluster_id.to_owned();
        return Err(StopReason::OtherCluster {
            archived: head.cluster_id.clone(),
            connected,
        });
    }
    Ok(())
}

/// The evidence that the topic was deleted and created again.
fn replaced(loaded: &LoadedHead, head: &Link) -> Option<StopReason> {
    let archived = head.continuing_topic_id()?;
    let found = loaded.topic_id.clone().filter(|found| *found != archived)?;
    Some(StopReason::TopicRecreated { archived, found })
}

/// Whether topic ids do not tell.
fn may_be_recreated(loaded: &LoadedHead, head: &Link) -> bool {
    head.continuing_topic_id().is_none() || loaded.topic_id.is_none()
}

fn diverged(declared: &Divergence, loaded: &LoadedHead, here: &Place) -> Result<Ending, StopReason> {
    let is_possible = declared.epoch == here.epoch
        && declared.offset < here.first_offset.0
        && declared.offset <= loaded.log_end_offset;
    if is_possible {
        Ok(Ending {
            reason: SealReason::Diverged,
            begins: declared.offset,
        })
    } else {
        Err(StopReason::ImpossibleDivergence {
            declared: declared.to_string(),
            epoch: here.epoch,
            next_offset: here.first_offset.0,
            log_end_offset: loaded.log_end_offset,
        })
    }
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
            epoch: self.place(partition).epoch,
            height: head.map_or(Height(0), |head| head.link.height.next()),
            first_offset,
            next_offset,
            record_count: 0,
            encoding: RECORD_ENCODING,
            leader_epoch: None,
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
            next_epoch_at: None,
            sealed_by: cx.author.sealed_by.clone(),
            previous: head.map_or_else(|| cx.author.genesis(partition), |head| head.hash),
        }
    }
}
