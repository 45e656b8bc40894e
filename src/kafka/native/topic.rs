//! A handle of a topic.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ffi::CString;
use std::ptr::{self, NonNull};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::client::Client;
use crate::kafka::native::code;

/// A topic of a client. It owns a reference to the client, so that the client is destroyed after it.
pub(in crate::kafka) struct Topic<C> {
    raw: NonNull<sys::rd_kafka_topic_t>,
    /// Dropped after `Drop::drop` destroyed the topic.
    client: C,
}

// SAFETY: librdkafka's topics are thread-safe (INTRODUCTION.md, "Threads and callbacks").
unsafe impl<C: Send> Send for Topic<C> {}

impl<C: Client> Topic<C> {
    /// # Errors
    /// librdkafka's code, such as for a name that no topic can have.
    pub(in crate::kafka) fn new(client: C, name: &str) -> Result<Topic<C>, Code> {
        let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: the client is alive, the name is copied, and no configuration means the client's.
        let raw = unsafe { sys::rd_kafka_topic_new(client.native().ptr(), name.as_ptr(), ptr::null_mut()) };
        let raw = NonNull::new(raw).ok_or_else(code::last_error)?;
        Ok(Topic { raw, client })
    }
}

impl<C: Client> Topic<C> {
    /// The client of the topic.
    pub(in crate::kafka) fn client_ptr(&self) -> *mut sys::rd_kafka_t {
        self.client.native().ptr()
    }
}

impl<C> Topic<C> {
    pub(in crate::kafka) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_t {
        self.raw.as_ptr()
    }
}

impl<C> Drop for Topic<C> {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once, and the client is still alive. Records in flight have references of their own.
        unsafe { sys::rd_kafka_topic_destroy(self.raw.as_ptr()) }
    }
}
