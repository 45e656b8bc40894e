//! Kafka's ids of topics, which rust-rdkafka does not report. A topic that was deleted and created again has another id.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::NativeClient;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::event::Event;
use crate::kafka::native::queue::Queue;

/// Names of topics in the form that librdkafka takes.
struct Names(NonNull<sys::rd_kafka_TopicCollection_t>);

impl Names {
    fn of(topics: &[&str]) -> Result<Names, Code> {
        let names: Result<Vec<CString>, _> = topics.iter().map(|topic| CString::new(*topic)).collect();
        let names = names.map_err(|_| Code::InvalidTopic)?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: an array of C strings, copied by the call.
        let names = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) };
        NonNull::new(names).map(Names).ok_or(Code::InvalidArgument)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once.
        unsafe { sys::rd_kafka_TopicCollection_destroy(self.0.as_ptr()) }
    }
}

/// A topic, and its id in Kafka's text form: `None` where the broker is too old to have one, an error where it has no such topic.
pub(in crate::kafka) type Described = (String, Result<Option<String>, Code>);

/// The ids of topics.
///
/// # Errors
/// librdkafka's code: no answer in time.
pub(in crate::kafka) fn topic_ids(
    client: &NativeClient,
    topics: &[&str],
    timeout: Duration,
) -> Result<Vec<Described>, Code> {
    let names = Names::of(topics)?;
    let mut queue = Queue::new(client).ok_or(Code::Fail)?;
    // SAFETY: client, names and queue are alive; librdkafka copies the names and takes its own reference to the queue.
    unsafe { sys::rd_kafka_DescribeTopics(client.ptr(), names.0.as_ptr(), ptr::null(), queue.as_ptr()) };
    let answer = queue.next(timeout).ok_or(Code::OperationTimedOut)?;
    match answer.code() {
        Code::NoError => ids_in(answer),
        code => Err(code),
    }
}

fn ids_in(answer: &Event) -> Result<Vec<Described>, Code> {
    let mut count = 0;
    // SAFETY: the event is alive; the result is null where the event answers another request.
    let result = unsafe { sys::rd_kafka_event_DescribeTopics_result(answer.as_ptr()) };
    if result.is_null() {
        return Err(Code::Fail);
    }
    // SAFETY: the result belongs to the event, as does the array returned, of `count` pointers.
    let topics = unsafe { sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count) };
    if topics.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: there are `count` elements, each of which lives as long as the event.
    let described = (0..count).map(|index| unsafe { described(*topics.add(index)) });
    Ok(described.collect())
}

/// # Safety
/// `topic` is alive.
unsafe fn described(topic: *const sys::rd_kafka_TopicDescription_t) -> Described {
    // SAFETY: the topic is alive; its name, a C string, and its error belong to it.
    let (name, code) = unsafe {
        (
            CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)),
            code::of_error(sys::rd_kafka_TopicDescription_error(topic)),
        )
    };
    let name = name.to_string_lossy().into_owned();
    if code != Code::NoError {
        return (name, Err(code));
    }
    // SAFETY: the topic is alive; the id belongs to it.
    let id = unsafe { sys::rd_kafka_TopicDescription_topic_id(topic) };
    // SAFETY: the id is alive while the topic is, or null.
    (
        name,
        Ok((!id.is_null()).then(|| unsafe { bytes_of(id) }).and_then(text_of)),
    )
}

/// # Safety
/// `id` is alive.
unsafe fn bytes_of(id: *const sys::rd_kafka_Uuid_t) -> [u8; 16] {
    // SAFETY: as the caller promises.
    let (most, least) = unsafe {
        (
            sys::rd_kafka_Uuid_most_significant_bits(id),
            sys::rd_kafka_Uuid_least_significant_bits(id),
        )
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&most.to_be_bytes());
    bytes[8..].copy_from_slice(&least.to_be_bytes());
    bytes
}

/// Kafka writes ids in base64 for URLs, without padding (`org.apache.kafka.common.Uuid`). Zero means "no id".
fn text_of(id: [u8; 16]) -> Option<String> {
    (id != [0; 16]).then(|| URL_SAFE_NO_PAD.encode(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_kafka_writes_it() {
        let id = 0xfbff_0000_0000_0000_0000_0000_0000_00ff_u128;
        assert_eq!(text_of(id.to_be_bytes()).as_deref(), Some("-_8AAAAAAAAAAAAAAAAA_w"));
        assert_eq!(text_of([0; 16]), None);
    }
}
