//! Where a partition's log ends, as far as the client knows.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ffi::CString;

use rdkafka::client::NativeClient;
use rdkafka_sys as sys;

use crate::record::position::TopicPartition;

/// Where the partition's log ended when a broker last answered a fetch; `None` before that. Sends no request.
pub(in crate::kafka) fn known_log_end(client: &NativeClient, partition: &TopicPartition) -> Option<i64> {
    let topic = CString::new(&*partition.topic).ok()?;
    let (mut low, mut high) = (0, 0);
    // SAFETY: the client is alive, and the pointers are to variables of ours.
    let code = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.ptr(),
            topic.as_ptr(),
            partition.partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}
