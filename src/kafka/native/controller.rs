//! The cluster's controller, which librdkafka asks for the settings of topics.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::time::Duration;

use rdkafka::client::NativeClient;
use rdkafka_sys as sys;

/// The id of the broker that the brokers call the controller; `None` if none said so in time.
pub(in crate::kafka) fn controller(client: &NativeClient, timeout: Duration) -> Option<i32> {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as it is borrowed.
    let id = unsafe { sys::rd_kafka_controllerid(client.ptr(), timeout_ms) };
    (id >= 0).then_some(id)
}
