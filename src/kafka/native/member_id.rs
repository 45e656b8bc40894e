//! Whether a client is a member of its group.
#![allow(unsafe_code, reason = "calls librdkafka")]

use rdkafka::client::NativeClient;
use rdkafka_sys as sys;

/// Whether the client has a member id. It loses it when it sends its leave.
pub(in crate::kafka) fn is_member(client: &NativeClient) -> bool {
    // SAFETY: the client is alive; the text that is returned is ours to free.
    let id = unsafe { sys::rd_kafka_memberid(client.ptr()) };
    if id.is_null() {
        return false;
    }
    // SAFETY: librdkafka returns a text that ends with a zero byte, so that its first byte can be read.
    let is_empty = unsafe { *id == 0 };
    // SAFETY: librdkafka allocated it, and it is not used any more.
    unsafe { sys::rd_kafka_mem_free(client.ptr(), id.cast()) };
    !is_empty
}
