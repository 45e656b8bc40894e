//! Sets some settings of a topic and leaves its other settings as they are (KIP-339, IncrementalAlterConfigs). rust-rdkafka
//! has only the older request, which replaces all of them.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::client::NativeClient;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::event::Event;
use crate::kafka::native::memory::text_of;
use crate::kafka::native::queue::{Queue, timeout_ms};

/// Why Kafka refused a change: its code, and its text, which may be empty.
pub(super) type Refusal = (Code, String);

/// Sets these settings of one topic, and waits at most `timeout` for the answer.
///
/// # Errors
/// Kafka's refusal, or [`Code::OperationTimedOut`].
pub(super) fn set<'s>(
    client: &NativeClient,
    topic: &str,
    settings: impl Iterator<Item = (&'s str, &'s str)>,
    timeout: Duration,
) -> Result<(), Refusal> {
    let change = Change::of(topic)?;
    for (name, value) in settings {
        change.set(name, value)?;
    }
    let mut queue = Queue::new(client).ok_or_else(|| (Code::Fail, "librdkafka returned no queue".to_owned()))?;
    let options = Options::new(client, timeout)?;
    let mut changes = [change.0.as_ptr()];
    // SAFETY: all are alive; librdkafka copies the change and the options, and takes its own reference to the queue.
    unsafe {
        sys::rd_kafka_IncrementalAlterConfigs(
            client.ptr(),
            changes.as_mut_ptr(),
            changes.len(),
            options.0.as_ptr(),
            queue.as_ptr(),
        );
    }
    let answer = queue.next(timeout).ok_or((Code::OperationTimedOut, String::new()))?;
    match answer.code() {
        Code::NoError => outcome_of(answer),
        code => Err((code, answer.reason())),
    }
}

fn outcome_of(answer: &Event) -> Result<(), Refusal> {
    let mut count = 0;
    // SAFETY: the event is alive; the result belongs to it, and is null where the event answers another request.
    let resources = unsafe {
        let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(answer.as_ptr());
        if result.is_null() {
            return Err((Code::Fail, "the answer belongs to another request".to_owned()));
        }
        sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &raw mut count)
    };
    for index in 0..count {
        // SAFETY: the array has `count` resources, which belong to the event; the text is null or a C string of theirs.
        let (code, reason) = unsafe {
            let resource = *resources.add(index);
            let text = sys::rd_kafka_ConfigResource_error_string(resource);
            (code::of_resource(resource), text_of(text))
        };
        if code != Code::NoError {
            return Err((code, reason));
        }
    }
    Ok(())
}

/// The settings of one topic that are to be set.
struct Change(NonNull<sys::rd_kafka_ConfigResource_t>);

impl Change {
    fn of(topic: &str) -> Result<Change, Refusal> {
        let name = c_string(topic)?;
        // SAFETY: the name is copied; the change is ours to destroy.
        let raw = unsafe {
            sys::rd_kafka_ConfigResource_new(sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, name.as_ptr())
        };
        NonNull::new(raw)
            .map(Change)
            .ok_or_else(|| (Code::InvalidArgument, "librdkafka does not accept the name".to_owned()))
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Refusal> {
        let (name, value) = (c_string(name)?, c_string(value)?);
        // SAFETY: the change is alive, both texts are copied; an error returned is ours, read and destroyed once.
        unsafe {
            let error = sys::rd_kafka_ConfigResource_add_incremental_config(
                self.0.as_ptr(),
                name.as_ptr(),
                sys::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET,
                value.as_ptr(),
            );
            if error.is_null() {
                return Ok(());
            }
            let refusal = (code::of_error(error), text_of(sys::rd_kafka_error_string(error)));
            sys::rd_kafka_error_destroy(error);
            Err(refusal)
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once.
        unsafe { sys::rd_kafka_ConfigResource_destroy(self.0.as_ptr()) }
    }
}

struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Options {
    fn new(client: &NativeClient, timeout: Duration) -> Result<Options, Refusal> {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS;
        // SAFETY: the client is alive; the options are ours to destroy.
        let raw = unsafe { sys::rd_kafka_AdminOptions_new(client.ptr(), operation) };
        let options = NonNull::new(raw)
            .map(Options)
            .ok_or_else(|| (Code::Fail, "librdkafka returned no options".to_owned()))?;
        let timeout_ms = timeout_ms(timeout);
        // SAFETY: the options are alive; null of size 0 means that no text of an error is wanted.
        let code = unsafe {
            sys::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), timeout_ms, ptr::null_mut(), 0)
        };
        match Code::from(code) {
            Code::NoError => Ok(options),
            code => Err((
                code,
                format!("librdkafka does not accept a time-out of {timeout_ms} ms"),
            )),
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

fn c_string(text: &str) -> Result<CString, Refusal> {
    CString::new(text).map_err(|_| {
        (
            Code::InvalidArgument,
            format!("a zero byte in `{}`", text.escape_debug()),
        )
    })
}
