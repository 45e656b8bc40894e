//! The C calls of the producer's hot path: many records in one call, none of their values copied. Nothing is decided
//! here.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::types::{RDKafka, RDKafkaErrorCode as Code};
use rdkafka_sys as sys;

/// Left to librdkafka: `RD_KAFKA_PARTITION_UA`.
const PARTITION_UNASSIGNED: i32 = -1;

/// A topic of a producer, to which it sends. Must be dropped before its client.
pub(super) struct Topic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka's topics are thread-safe (INTRODUCTION.md, "Threads and callbacks").
unsafe impl Send for Topic {}

impl Topic {
    /// # Safety
    /// `client` is alive, and outlives what is returned.
    ///
    /// # Errors
    /// librdkafka's code, such as for a name that no topic can have.
    pub(super) unsafe fn new(client: *mut RDKafka, name: &str) -> Result<Topic, Code> {
        let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: the client is alive, the name is copied, no configuration means the client's.
        let topic = unsafe { sys::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut()) };
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

/// Records for one topic that go to librdkafka in one call.
pub(super) struct Batch<'a> {
    messages: Vec<sys::rd_kafka_message_t>,
    value_bytes: usize,
    borrowed: PhantomData<&'a [u8]>,
}

impl<'a> Batch<'a> {
    pub(super) fn with_capacity(records: usize) -> Batch<'a> {
        Batch {
            messages: Vec::with_capacity(records),
            value_bytes: 0,
            borrowed: PhantomData,
        }
    }

    /// Records in it.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Of all records ever added.
    pub(super) fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// Adds a record; `mark` comes back with its delivery.
    pub(super) fn push(&mut self, key: Option<&'a [u8]>, value: &'a [u8], mark: usize) {
        self.value_bytes += value.len();
        let (key, key_len) = key.map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
        self.messages.push(sys::rd_kafka_message_t {
            err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: PARTITION_UNASSIGNED,
            payload: value.as_ptr().cast_mut().cast::<c_void>(),
            len: value.len(),
            key: key.cast_mut().cast::<c_void>(),
            key_len,
            offset: 0,
            _private: ptr::without_provenance_mut(mark),
        });
    }

    /// Hands the records to librdkafka, which chooses each one's partition by its key. What it takes leaves the batch,
    /// as does what it will never take, whose mark, cause and value go to `refused`; what stays did not fit into its
    /// queue.
    ///
    /// # Safety
    /// Every value stays where it is, unchanged, until the delivery of its mark was told or the client of `topic` is
    /// gone. (Keys are copied.)
    pub(super) unsafe fn hand_over(&mut self, topic: &Topic, mut refused: impl FnMut(usize, Code, &[u8])) {
        let count = i32::try_from(self.messages.len()).unwrap_or(i32::MAX);
        // SAFETY: the topic is alive; `messages` has `count` entries whose keys and values are alive for 'a, and values
        // for longer, as the caller promises. Without F_FREE and F_COPY librdkafka reads the values and nothing else.
        let taken = unsafe {
            sys::rd_kafka_produce_batch(
                topic.0.as_ptr(),
                PARTITION_UNASSIGNED,
                0,
                self.messages.as_mut_ptr(),
                count,
            )
        };
        if usize::try_from(taken) == Ok(self.messages.len()) {
            self.messages.clear();
            return;
        }
        self.messages.retain(|message| match Code::from(message.err) {
            Code::QueueFull => true,
            Code::NoError => false,
            code => {
                // SAFETY: pointer and length of a value that is alive for 'a.
                let value = unsafe { std::slice::from_raw_parts(message.payload.cast::<u8>(), message.len) };
                refused(message._private.addr(), code, value);
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
        // SAFETY: with a key, the partitioner reads the key and nothing else.
        unsafe {
            sys::rd_kafka_msg_partitioner_murmur2_random(
                ptr::null(),
                key.as_ptr().cast(),
                key.len(),
                partitions,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        }
    }

    /// The hashes of Kafka's own `UtilsTest.testMurmur2`; a partition is the hash without its sign bit, modulo.
    #[test]
    fn keys_go_to_the_partitions_that_the_java_client_chooses() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            for partitions in [1, 2, 3, 6, 100, i32::MAX] {
                let expected = (hash & i32::MAX) % partitions;
                assert_eq!(murmur2_partition(key.as_bytes(), partitions), expected, "{key}");
            }
        }
    }
}
