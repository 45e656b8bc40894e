//! The C calls of the producer's hot path: many records in one call, none of their values copied. Nothing is decided
//! here.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};

use rdkafka::client::NativeClient;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

/// A topic of a producer, to which it sends. Must be dropped before its client.
pub(super) struct Topic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka's topics are thread-safe (INTRODUCTION.md, "Threads and callbacks").
unsafe impl Send for Topic {}

impl Topic {
    /// # Errors
    /// librdkafka's code, such as for a name that no topic can have.
    pub(super) fn new(client: &NativeClient, name: &str) -> Result<Topic, Code> {
        let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: the client is alive, the name is copied, no configuration means the client's.
        let topic = unsafe { sys::rd_kafka_topic_new(client.ptr(), name.as_ptr(), ptr::null_mut()) };
        // SAFETY: reads the error of the call above on this thread.
        let last_error = || Code::from(unsafe { sys::rd_kafka_last_error() });
        NonNull::new(topic).map(Topic).ok_or_else(last_error)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once, before the client; records on their way keep references of their own.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

/// Records for one partition that go to librdkafka in one call. It points at their keys and values without borrowing
/// them: see [`Batch::hand_over`].
#[derive(Default)]
pub(super) struct Batch(Vec<sys::rd_kafka_message_t>);

// SAFETY: a batch reads nothing through its pointers; who hands it over vouches for them.
unsafe impl Send for Batch {}

impl Batch {
    /// Records in it.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets its records, having shown mark and value of each.
    ///
    /// # Safety
    /// Every value is still where it was when it was pushed.
    pub(super) unsafe fn drain(&mut self, mut show: impl FnMut(usize, &[u8])) {
        for message in self.0.drain(..) {
            // SAFETY: as the caller promises.
            show(message._private.addr(), unsafe { value_of(&message) });
        }
    }

    /// Adds a record; `mark` comes back with its delivery.
    #[inline]
    pub(super) fn push(&mut self, key: Option<&[u8]>, value: &[u8], mark: usize) {
        let (key, key_len) = key.map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
        self.0.push(sys::rd_kafka_message_t {
            err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: 0,
            payload: value.as_ptr().cast_mut().cast::<c_void>(),
            len: value.len(),
            key: key.cast_mut().cast::<c_void>(),
            key_len,
            offset: 0,
            _private: ptr::without_provenance_mut(mark),
        });
    }

    /// Executor the records to librdkafka. What it takes leaves the batch, as does what it will never take, whose
    /// mark, cause and value go to `refused`; what stays did not fit into its queue. Answers how many it took.
    ///
    /// # Safety
    /// Every key and value is still where it was when it was pushed. Values stay there, unchanged, until the delivery of
    /// their mark was told or the topic's client is gone. (Keys are copied.)
    pub(super) unsafe fn hand_over(
        &mut self,
        topic: &Topic,
        partition: i32,
        mut refused: impl FnMut(usize, Code, &[u8]),
    ) -> usize {
        let count = i32::try_from(self.0.len()).unwrap_or(i32::MAX);
        // SAFETY: the topic is alive; there are `count` messages, whose keys and values are as the caller promises.
        // Without F_FREE and F_COPY librdkafka reads the values and nothing else.
        let taken = unsafe { sys::rd_kafka_produce_batch(topic.0.as_ptr(), partition, 0, self.0.as_mut_ptr(), count) };
        let taken = usize::try_from(taken).unwrap_or(0);
        if taken == self.0.len() {
            self.0.clear();
            return taken;
        }
        self.0.retain(|message| match Code::from(message.err) {
            Code::QueueFull => true,
            Code::NoError => false,
            code => {
                // SAFETY: as the caller promises.
                refused(message._private.addr(), code, unsafe { value_of(message) });
                false
            }
        });
        taken
    }
}

/// # Safety
/// The value is where it was when it was pushed, and stays there for 'a.
unsafe fn value_of<'a>(message: &sys::rd_kafka_message_t) -> &'a [u8] {
    // SAFETY: as the caller promises; pointer and length came from one slice.
    unsafe { std::slice::from_raw_parts(message.payload.cast::<u8>(), message.len) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::partitioner::of_key;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn partitions_are_those_that_librdkafka_would_choose_as_java_does(
            key in proptest::collection::vec(any::<u8>(), 0..40), partitions in 1u32..1_000,
        ) {
            // SAFETY: with a key, the partitioner reads the key and nothing else.
            let theirs = unsafe {
                let (key, length) = (key.as_ptr().cast(), key.len());
                let count = partitions.cast_signed();
                sys::rd_kafka_msg_partitioner_murmur2(ptr::null(), key, length, count, ptr::null_mut(), ptr::null_mut())
            };
            prop_assert_eq!(of_key(&key, partitions).cast_signed(), theirs);
        }
    }
}
