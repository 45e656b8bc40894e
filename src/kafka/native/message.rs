//! A record as librdkafka keeps it, or an error in the place of a record.
#![allow(unsafe_code, reason = "reads messages of librdkafka")]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::memory::bytes_of;
use crate::record::position::TopicPartition;
use crate::record::record::{Header, Record, Timestamp};

/// A message that its event or batch keeps for 'a. A pointer, not a reference: the struct has an error code in it that may
/// be a number that the bindings' enum lacks, and a reference to such a value is undefined behaviour.
#[derive(Clone, Copy)]
pub(in crate::kafka) struct Message<'a> {
    raw: NonNull<sys::rd_kafka_message_t>,
    keeper: PhantomData<&'a sys::rd_kafka_message_t>,
}

impl<'a> Message<'a> {
    /// `None` for null.
    ///
    /// # Safety
    /// `raw` is null or a message of librdkafka that lives for 'a.
    #[inline]
    pub(super) unsafe fn of(raw: *const sys::rd_kafka_message_t) -> Option<Message<'a>> {
        Some(Message {
            raw: NonNull::new(raw.cast_mut())?,
            keeper: PhantomData,
        })
    }

    #[inline]
    fn as_ptr(self) -> *const sys::rd_kafka_message_t {
        self.raw.as_ptr()
    }

    /// The topic's name.
    #[inline]
    pub(in crate::kafka) fn topic(self) -> &'a [u8] {
        // SAFETY: the message is alive and keeps its topic alive, whose name is a C string that does not change.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name((*self.as_ptr()).rkt)) }.to_bytes()
    }

    #[inline]
    pub(in crate::kafka) fn partition(self) -> i32 {
        // SAFETY: a field of a message that is alive.
        unsafe { (*self.as_ptr()).partition }
    }

    /// `NoError` for a record.
    #[inline]
    pub(in crate::kafka) fn code(self) -> Code {
        // SAFETY: a field of a message that is alive.
        unsafe { code::of_field(&raw const (*self.as_ptr()).err) }
    }

    #[inline]
    pub(in crate::kafka) fn offset(self) -> i64 {
        // SAFETY: a field of a message that is alive.
        unsafe { (*self.as_ptr()).offset }
    }

    /// The leader epoch of the record's batch; `None` where the broker or the batch is too old to say.
    #[inline]
    pub(in crate::kafka) fn leader_epoch(self) -> Option<i32> {
        // SAFETY: the message is alive and came from librdkafka.
        let epoch = unsafe { sys::rd_kafka_message_leader_epoch(self.as_ptr()) };
        (epoch >= 0).then_some(epoch)
    }

    /// The partition and the offset that an error is about.
    pub(super) fn position(self) -> Option<(TopicPartition, i64)> {
        // SAFETY: a field of a message that is alive.
        let has_topic = unsafe { !(*self.as_ptr()).rkt.is_null() };
        let topic = has_topic.then(|| String::from_utf8_lossy(self.topic()))?;
        Some((TopicPartition::new(&topic, self.partition()), self.offset()))
    }

    /// librdkafka's text of an error.
    pub(super) fn reason(self) -> String {
        // SAFETY: the payload of an error is its text, which the message keeps.
        let text = unsafe { self.payload() };
        String::from_utf8_lossy(text.unwrap_or_default()).trim().to_owned()
    }

    /// The record, without a copy. `headers` is where its header list is kept.
    #[inline]
    pub(in crate::kafka) fn record(self, headers: &'a mut HeaderList) -> Record<'a> {
        let message = self.as_ptr();
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive and came from librdkafka.
        let ms = unsafe { sys::rd_kafka_message_timestamp(message, &raw mut kind) };
        let timestamp = match kind {
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => Timestamp::create_ms(ms),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Timestamp::log_append_ms(ms),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::Absent,
        };
        Record {
            offset: self.offset(),
            timestamp,
            // SAFETY: pointer and length describe bytes that the message keeps.
            key: unsafe { bytes_of((*message).key.cast(), (*message).key_len) },
            // SAFETY: a fetched value belongs to the message.
            value: unsafe { self.payload() },
            headers: headers.fill(self),
        }
    }

    /// # Safety
    /// The payload belongs to the message, or lives for 'a otherwise.
    #[inline]
    unsafe fn payload(self) -> Option<&'a [u8]> {
        let message = self.as_ptr();
        // SAFETY: the message is alive; pointer and length describe bytes that live for 'a, as the caller promises.
        unsafe { bytes_of((*message).payload.cast(), (*message).len) }
    }
}

/// Memory for one record's headers, used for one record after the other.
#[derive(Default)]
pub(in crate::kafka) struct HeaderList(Vec<Header<'static>>);

impl HeaderList {
    #[inline]
    fn fill<'a>(&'a mut self, message: Message<'a>) -> &'a [Header<'a>] {
        self.0.clear();
        let mut list = ptr::null_mut();
        // SAFETY: the message is alive. The call parses the headers, which librdkafka keeps outside of the public struct.
        let found = unsafe { sys::rd_kafka_message_headers(message.as_ptr(), &raw mut list) };
        if !matches!(Code::from(found), Code::NoError) || list.is_null() {
            return &[];
        }
        // SAFETY: the list belongs to the message, which lives for 'a.
        let count = unsafe { sys::rd_kafka_header_cnt(list) };
        for index in 0..count {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the index is below the count; what is returned belongs to the list.
            let failed =
                unsafe { sys::rd_kafka_header_get_all(list, index, &raw mut name, &raw mut value, &raw mut size) };
            if !matches!(Code::from(failed), Code::NoError) {
                break;
            }
            // SAFETY: both live for 'a, and so does the slice returned below. The 'static of the field is not seen
            // outside: the list is cleared before it is filled again.
            self.0.push(unsafe {
                Header {
                    name: CStr::from_ptr(name).to_bytes(),
                    value: bytes_of(value.cast(), size),
                }
            });
        }
        &self.0
    }
}
