//! librdkafka's lists of partitions, copied entry by entry. Metadata may be any bytes: rust-rdkafka panics where it is not
//! UTF-8, and anyone who may commit to the group can write it.
#![allow(unsafe_code, reason = "reads lists of librdkafka")]

use rdkafka::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaTopicPartitionList};
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::memory::{bytes_of, text_of};
use crate::record::position::TopicPartition;

/// One entry of a list of partitions.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Listed {
    pub(in crate::kafka) partition: TopicPartition,
    /// Negative values have a special meaning to librdkafka, such as "none".
    pub(in crate::kafka) offset: i64,
    pub(in crate::kafka) code: Code,
    /// As committed.
    pub(in crate::kafka) metadata: Vec<u8>,
}

/// The entries of a list.
pub(in crate::kafka) fn entries(list: &TopicPartitionList) -> Vec<Listed> {
    // SAFETY: the list is alive, and borrowed for the call.
    unsafe { list_of(list.ptr()) }
}

/// Sets the leader epochs of the entries, in their order. rust-rdkafka has no call for it.
pub(in crate::kafka) fn set_leader_epochs(list: &mut TopicPartitionList, epochs: impl Iterator<Item = Option<i32>>) {
    // SAFETY: fields of a list that is alive.
    let (elements, count) = unsafe { ((*list.ptr()).elems, (*list.ptr()).cnt) };
    for (index, epoch) in (0..usize::try_from(count).unwrap_or(0)).zip(epochs) {
        // SAFETY: the index is below the list's count, and the list is borrowed for the call.
        unsafe { sys::rd_kafka_topic_partition_set_leader_epoch(elements.add(index), epoch.unwrap_or(-1)) };
    }
}

/// The entries of a list; none for null.
///
/// # Safety
/// `list` is null or a list that is alive and does not change during the call.
pub(super) unsafe fn list_of(list: *const RDKafkaTopicPartitionList) -> Vec<Listed> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: fields of a list that is alive.
    let (elements, count) = unsafe { ((*list).elems, (*list).cnt) };
    // SAFETY: librdkafka's list has `cnt` initialised elements.
    let copy = |index| unsafe { listed(elements.add(index)) };
    (0..usize::try_from(count).unwrap_or(0)).map(copy).collect()
}

/// A copy of one entry.
///
/// # Safety
/// `entry` is alive and does not change during the call.
pub(super) unsafe fn listed(entry: *const sys::rd_kafka_topic_partition_t) -> Listed {
    // SAFETY: fields of an entry that is alive. Its topic is a C string, and its metadata null or `metadata_size` bytes.
    unsafe {
        Listed {
            partition: TopicPartition::new(&text_of((*entry).topic), (*entry).partition),
            offset: (*entry).offset,
            code: code::of_field(&raw const (*entry).err),
            metadata: bytes_of((*entry).metadata.cast(), (*entry).metadata_size)
                .unwrap_or_default()
                .to_vec(),
        }
    }
}
