//! How errors of Kafka are told.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Explain as _, Kind};
use crate::kafka::error::KafkaError;

#[test]
fn a_refused_property_never_shows_its_value() {
    let error = rdkafka::ClientConfig::new()
        .set("security.protocol", "hunter2")
        .create_native_config()
        .err()
        .unwrap();
    let shown = KafkaError::from_rdkafka(&error, "connect").to_string();
    assert!(
        shown.contains("security.protocol") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_response_that_is_too_large_names_the_property_and_no_disk() {
    let reason = "Invalid response size 209715270 (0..100000000): increase receive.message.max.bytes";
    let error = KafkaError::from_code(Code::BadMessage, "consume", reason.to_owned());
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.remedy().unwrap().contains("receive.message.max.bytes"));
    let error = KafkaError::from_code(Code::BadMessage, "consume", "failed CRC32C check".to_owned());
    assert_eq!(error.kind(), Kind::Corrupt);
}
