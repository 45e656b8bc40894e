//! Hands a record to librdkafka as it is: with header names that are not UTF-8, which rust-rdkafka cannot pass on.
#![allow(unsafe_code, reason = "calls librdkafka")]

use std::ptr;

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::client::Client;
use crate::kafka::native::code;
use crate::kafka::native::topic::Topic;
use crate::record::record::{Header, Record};

/// A place in a topic, and a number that comes back with the record's delivery.
#[derive(Debug, Clone, Copy)]
pub(in crate::kafka) struct Destination {
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) mark: usize,
}

/// Hands over a copy of the record, to be sent in the background. A record without a time, or with time 0, gets the present one.
///
/// # Errors
/// librdkafka's code, such as for a queue that is full.
pub(in crate::kafka) fn produce<C: Client>(topic: &Topic<C>, to: Destination, record: &Record<'_>) -> Result<(), Code> {
    use sys::rd_kafka_vtype_t as kind;
    let headers = if record.headers.is_empty() {
        ptr::null_mut()
    } else {
        copied(record.headers)?
    };
    let bytes = |bytes: Option<&[u8]>| sys::rd_kafka_vu_s__bindgen_ty_1 {
        mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
            ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
            size: bytes.map_or(0, <[u8]>::len),
        },
    };
    let argument = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
    let arguments = [
        argument(
            kind::RD_KAFKA_VTYPE_RKT,
            sys::rd_kafka_vu_s__bindgen_ty_1 { rkt: topic.as_ptr() },
        ),
        argument(
            kind::RD_KAFKA_VTYPE_PARTITION,
            sys::rd_kafka_vu_s__bindgen_ty_1 { i32_: to.partition },
        ),
        argument(
            kind::RD_KAFKA_VTYPE_MSGFLAGS,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                i: sys::RD_KAFKA_MSG_F_COPY,
            },
        ),
        argument(
            kind::RD_KAFKA_VTYPE_TIMESTAMP,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                i64_: record.timestamp.ms().unwrap_or(0),
            },
        ),
        argument(
            kind::RD_KAFKA_VTYPE_OPAQUE,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                ptr: ptr::without_provenance_mut(to.mark),
            },
        ),
        argument(kind::RD_KAFKA_VTYPE_KEY, bytes(record.key)),
        argument(kind::RD_KAFKA_VTYPE_VALUE, bytes(record.value)),
        argument(
            kind::RD_KAFKA_VTYPE_HEADERS,
            sys::rd_kafka_vu_s__bindgen_ty_1 { headers },
        ),
    ];
    // Without headers the last argument is left out: librdkafka does not take null for it.
    let count = arguments.len() - usize::from(headers.is_null());
    // SAFETY: the topic and its client are alive; keys and values are copied before the call returns, which the flag says of
    // values; of headers librdkafka takes ownership if there is no error.
    let error = unsafe { sys::rd_kafka_produceva(topic.client_ptr(), arguments.as_ptr(), count) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours, and alive until it is destroyed once; so are the headers, which were not taken.
    unsafe {
        let code = code::of_error(error);
        sys::rd_kafka_error_destroy(error);
        if !headers.is_null() {
            sys::rd_kafka_headers_destroy(headers);
        }
        Err(code)
    }
}

/// A list of headers that belongs to the caller.
fn copied(headers: &[Header<'_>]) -> Result<*mut sys::rd_kafka_headers_t, Code> {
    // SAFETY: makes an empty list, which belongs to us.
    let list = unsafe { sys::rd_kafka_headers_new(headers.len()) };
    for header in headers {
        let value = header.value.map_or(ptr::null(), <[u8]>::as_ptr);
        let sizes = (
            isize::try_from(header.name.len()),
            isize::try_from(header.value.map_or(0, <[u8]>::len)),
        );
        let added = match sizes {
            // SAFETY: the list is ours; name and value are copied, each with its length.
            (Ok(name_size), Ok(value_size)) => Code::from(unsafe {
                sys::rd_kafka_header_add(list, header.name.as_ptr().cast(), name_size, value.cast(), value_size)
            }),
            _ => Code::InvalidMessageSize,
        };
        if added != Code::NoError {
            // SAFETY: ours, destroyed once.
            unsafe { sys::rd_kafka_headers_destroy(list) };
            return Err(added);
        }
    }
    Ok(list)
}
