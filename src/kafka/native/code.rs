//! Error codes as librdkafka passes them on: any number that a broker sent. The bindings' enum lacks some of Kafka's numbers
//! (109, 120, and those that newer brokers add), and reading such a number as that enum is undefined behaviour. Here they
//! are read as numbers. What rust-rdkafka itself reads as the enum is out of reach.
#![allow(
    unsafe_code,
    reason = "declares functions of librdkafka with the type that C returns"
)]

use std::ffi::c_int;

use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};
use rdkafka_sys as sys;

// The bindings declare these functions too, but with the enum as their result.
unsafe extern "C" {
    fn rd_kafka_event_error(event: *mut sys::rd_kafka_event_t) -> c_int;
    fn rd_kafka_error_code(error: *const sys::rd_kafka_error_t) -> c_int;
    fn rd_kafka_ConfigResource_error(resource: *const sys::rd_kafka_ConfigResource_t) -> c_int;
    fn rd_kafka_last_error() -> c_int;
}

/// The code of a number. A number that the bindings lack becomes `Unknown`, an unknown server error, as in Kafka's own client.
fn of_number(number: c_int) -> Code {
    RDKafkaRespErr::try_from(number).map_or(Code::Unknown, Code::from)
}

/// The code in a field of a librdkafka struct.
///
/// # Safety
/// `field` may be read.
#[inline]
pub(in crate::kafka) unsafe fn of_field(field: *const sys::rd_kafka_resp_err_t) -> Code {
    // SAFETY: as the caller promises; the enum is an i32 in memory.
    match unsafe { field.cast::<c_int>().read() } {
        0 => Code::NoError,
        number => of_number(number),
    }
}

/// The code of an event.
///
/// # Safety
/// The event is alive.
pub(in crate::kafka) unsafe fn of_event(event: *mut sys::rd_kafka_event_t) -> Code {
    // SAFETY: as the caller promises.
    of_number(unsafe { rd_kafka_event_error(event) })
}

/// The code of an error object; `NoError` of null.
///
/// # Safety
/// The error is null or alive.
pub(in crate::kafka) unsafe fn of_error(error: *const sys::rd_kafka_error_t) -> Code {
    // SAFETY: as the caller promises.
    of_number(unsafe { rd_kafka_error_code(error) })
}

/// The code of a resource that was to be configured.
///
/// # Safety
/// The resource is alive.
pub(in crate::kafka) unsafe fn of_resource(resource: *const sys::rd_kafka_ConfigResource_t) -> Code {
    // SAFETY: as the caller promises.
    of_number(unsafe { rd_kafka_ConfigResource_error(resource) })
}

/// The code of the call that failed last on this thread.
pub(in crate::kafka) fn last_error() -> Code {
    // SAFETY: reads a variable of this thread.
    of_number(unsafe { rd_kafka_last_error() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(number: c_int) -> Code {
        // SAFETY: a pointer to an integer of ours, which has the size and the alignment of the enum.
        unsafe { of_field((&raw const number).cast()) }
    }

    #[test]
    fn a_code_that_the_bindings_do_not_know_is_an_unknown_error_of_the_server() {
        for number in [98, 109, 120, 128, 131, 32_767, -1_000] {
            assert_eq!(code_of(number), Code::Unknown, "{number}");
        }
    }

    #[test]
    fn known_codes_keep_their_names() {
        let known = [
            (0, Code::NoError),
            (-191, Code::PartitionEOF),
            (27, Code::RebalanceInProgress),
        ];
        for (number, code) in known {
            assert_eq!(code_of(number), code);
        }
    }
}
