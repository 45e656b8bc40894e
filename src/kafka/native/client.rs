//! What keeps a client of librdkafka alive for the objects that refer to it.
#![allow(unsafe_code, reason = "an unsafe trait that queues and topics rely on")]

use std::sync::Arc;

use rdkafka::client::NativeClient;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

/// A reference to a client. Queues and topics own one, so that they cannot outlive their client.
///
/// # Safety
/// `native` returns the same client each time, and that client lives at least as long as `self`.
pub(in crate::kafka) unsafe trait Client {
    fn native(&self) -> &NativeClient;
}

// SAFETY: the borrow keeps the client alive.
unsafe impl Client for &NativeClient {
    fn native(&self) -> &NativeClient {
        self
    }
}

// SAFETY: a consumer owns one client until it is dropped, and the `Arc` shares the ownership.
unsafe impl<C: ConsumerContext> Client for Arc<BaseConsumer<C>> {
    fn native(&self) -> &NativeClient {
        self.client().native_client()
    }
}

// SAFETY: a producer owns one client until it is dropped, and the `Arc` shares the ownership.
unsafe impl<C: ProducerContext> Client for Arc<BaseProducer<C>> {
    fn native(&self) -> &NativeClient {
        self.client().native_client()
    }
}
