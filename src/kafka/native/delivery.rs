//! Whether Kafka may have a record whose delivery failed.
#![allow(unsafe_code, reason = "calls librdkafka")]

use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;

/// Whether the record was sent in a request that was not answered, so that Kafka may have it.
pub(in crate::kafka) fn may_be_stored(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message lives as long as it is borrowed.
    let status = unsafe { sys::rd_kafka_message_status(message.ptr()) };
    status != sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}
