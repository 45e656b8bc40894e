//! The archiver's consumer: one client, polled by one thread of the caller. Everything that happens comes out of
//! [`Consumer::poll`] as one [`Polled`], and records are lent, not copied. The consumer commits nothing by itself, chooses
//! no offset and skips none.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::assignment::PartitionIndex;
use crate::kafka::cluster::Cluster;
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::membership::Membership;
use crate::kafka::native::event::{Event, EventKind};
use crate::kafka::native::log_end::known_log_end;
use crate::kafka::native::member_id::is_member;
use crate::kafka::native::message::HeaderList;
use crate::kafka::native::queue::Queue;
pub use crate::kafka::polled::{CommitOutcome, Polled, TopicIds};
use crate::record::position::{NextOffset, Position, TopicPartition};

/// A member of the archivers' group. Dropping it leaves the group.
pub struct Consumer {
    queue: Queue<Arc<BaseConsumer<Context>>>,
    headers: HeaderList,
    membership: Membership,
    on_drop: OnDrop,
}

/// What a consumer with a `group.instance.id` does when it is dropped. Others always leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    /// The group keeps its partitions until its session ends, as Kafka's clients do.
    Stay,
    /// The group assigns its partitions to other members at once.
    Leave,
}

/// How long a consumer that is dropped waits until it has sent its leave.
const LEAVING: Duration = Duration::from_secs(3);
/// How long it waits for one event meanwhile.
const LEAVING_POLL: Duration = Duration::from_millis(10);

impl Consumer {
    /// Joins the group for these topics; without any, it joins none yet. Nothing is sent before the first poll.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn subscribe(settings: &KafkaSettings, topics: &[&str]) -> Result<Consumer, KafkaError> {
        let cluster = Cluster::of_consumer(settings)?;
        let queue = Queue::of_group(Arc::clone(&cluster.client)).ok_or_else(|| KafkaError::Property {
            name: "group.id".to_owned(),
            reason: "it is empty, and a consumer needs a group".to_owned(),
        })?;
        let consumer = Consumer {
            queue,
            headers: HeaderList::default(),
            membership: Membership::new(cluster),
            on_drop: OnDrop::Stay,
        };
        consumer.subscribe_again(topics)?;
        Ok(consumer)
    }

    /// Subscribes to these topics instead. Partitions of topics that stay are not given up for that.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn subscribe_again(&self, topics: &[&str]) -> Result<(), KafkaError> {
        let client = &self.cluster().client;
        // librdkafka refuses an empty list.
        if topics.is_empty() {
            client.unsubscribe();
            return Ok(());
        }
        client
            .subscribe(topics)
            .map_err(|error| KafkaError::from_rdkafka(&error, "subscribe to topics"))
    }

    /// Leaves the group when it is dropped, also as a static member.
    #[must_use]
    pub fn leaving(mut self) -> Consumer {
        self.on_drop = OnDrop::Leave;
        self
    }

    /// librdkafka sends no leave of a static member when it is closed, but it does when the subscription ends, once the
    /// partitions are given up.
    fn leave(&mut self) {
        let client = Arc::clone(&self.cluster().client);
        client.unsubscribe();
        let since = Clock::start();
        while is_member(client.client().native_client()) && since.elapsed_s() < LEAVING.as_secs_f64() {
            let Some(event) = self.queue.next(LEAVING_POLL) else {
                continue;
            };
            if event.kind() == EventKind::Rebalance {
                self.membership.take(event);
                self.membership.release_all();
            }
        }
        self.queue.let_go();
    }

    /// Requests over the same connection. They block: make them before the first record, or between two polls.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.membership.cluster
    }

    /// The partition with an index.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        self.membership.assignment.partition(index)
    }

    /// The index of a partition, from its first assignment on.
    #[must_use]
    pub fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        self.membership.assignment.index(partition)
    }

    /// Where the partition's log ended when a broker last answered a fetch; `None` before that. Sends no request.
    #[must_use]
    pub fn known_log_end(&self, partition: &TopicPartition) -> Option<i64> {
        known_log_end(self.cluster().client.client().native_client(), partition)
    }

    /// What happens next, waiting at most `timeout`. Must be called at least every `max.poll.interval.ms`.
    #[inline]
    pub fn poll(&mut self, timeout: Duration) -> Polled<'_> {
        match self.queue.next(timeout) {
            None => Polled::Nothing,
            Some(event) if event.kind() == EventKind::Record => lend(event, &mut self.membership, &mut self.headers),
            Some(event) => self.membership.take(event),
        }
    }

    /// Begins to fetch assigned partitions, each from its position.
    ///
    /// # Errors
    /// A partition that is not ours, or is being revoked, or is fetched already; then nothing was started.
    pub fn start<P: Into<Position> + Copy>(&mut self, positions: &[(TopicPartition, P)]) -> Result<(), KafkaError> {
        let positions = positions
            .iter()
            .map(|(partition, at)| (partition.clone(), (*at).into()));
        self.membership.start(&positions.collect::<Vec<_>>())
    }

    /// Gives up revoked partitions. librdkafka is answered when the last of them was released.
    ///
    /// # Errors
    /// librdkafka refused; the partitions count as released all the same.
    pub fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.membership.release(partitions)
    }

    /// Stops fetching these; records that were prefetched are dropped and fetched again later.
    ///
    /// # Errors
    /// A partition that is not started.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.membership.pause(partitions)
    }

    /// Fetches these again, from their next offsets.
    ///
    /// # Errors
    /// A partition that is not started.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.membership.resume(partitions)
    }

    /// Continues at another position of a started partition; records from before the seek are no longer delivered.
    ///
    /// # Errors
    /// A partition that is not started, or librdkafka's refusal.
    pub fn seek(&mut self, partition: &TopicPartition, at: impl Into<Position>) -> Result<(), KafkaError> {
        self.queue.let_go();
        self.membership.seek(partition, at.into())
    }

    /// Commits, without waiting. [`Polled::Committed`] has the outcome.
    ///
    /// # Errors
    /// A partition that is not ours: nothing was sent.
    pub fn commit(
        &self,
        partition: &TopicPartition,
        next_offset: NextOffset,
        metadata: &str,
    ) -> Result<(), KafkaError> {
        let doing = "commit";
        self.membership.assignment.require_ours(partition)?;
        let mut list = TopicPartitionList::with_capacity(1);
        let mut entry = list.add_partition(&partition.topic, partition.partition);
        entry
            .set_offset(Offset::Offset(next_offset.0))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        entry.set_metadata(metadata);
        self.queue
            .commit(&list)
            .map_err(|code| KafkaError::from_code(code, doing, code.to_string()))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.queue.let_go();
        self.membership.release_all();
        if self.on_drop == OnDrop::Leave {
            self.leave();
        }
    }
}

#[inline]
fn lend<'a>(event: &'a Event, membership: &mut Membership, headers: &'a mut HeaderList) -> Polled<'a> {
    let Some(message) = event.message() else {
        return Polled::Nothing;
    };
    match message.code() {
        Code::NoError => {}
        code => return Polled::Failed(KafkaError::from_code(code, "read a record", code.to_string())),
    }
    let leader_epoch = message.leader_epoch();
    let next = Position {
        next: NextOffset(message.offset() + 1),
        leader_epoch,
    };
    match membership
        .assignment
        .advance(message.topic(), message.partition(), next)
    {
        Some(partition) => Polled::Record {
            partition,
            record: message.record(headers),
            leader_epoch,
        },
        // Prefetched before the partition was given up.
        None => Polled::Nothing,
    }
}
