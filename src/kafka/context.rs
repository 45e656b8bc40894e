//! librdkafka's log lines, which go to `tracing`, and its connection errors, which are kept: librdkafka reports a failed
//! request as a time-out, and the reason only as an event.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::KafkaError;

/// librdkafka's callbacks. The last refusal is kept, because it explains a time-out.
#[derive(Debug, Default)]
pub struct Context {
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    /// librdkafka's text for credentials that a broker refused, or a broker whose certificate we refused.
    refusal: Option<String>,
    /// Every known broker was tried, and failed for one reason or another.
    all_failed: bool,
}

impl Context {
    /// Remembers why a connection fails.
    pub(crate) fn remember(&self, code: Code, reason: &str) {
        let mut failures = self.failures();
        if is_refusal(code, reason) {
            // A later failure of another kind must not hide it.
            failures.refusal = Some(reason.to_owned());
        }
        failures.all_failed |= code == Code::AllBrokersDown;
    }

    /// The last refusal since the last call.
    pub(crate) fn take_refusal(&self) -> Option<KafkaError> {
        let reason = self.failures().refusal.take()?;
        Some(KafkaError::Credentials { reason })
    }

    /// Whether a broker refused us, and no other broker is left to try.
    pub(crate) fn is_refused_by_all(&self) -> bool {
        let failures = self.failures();
        failures.refusal.is_some() && failures.all_failed
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs one line of librdkafka's log. Lines that are expected in normal operation get a lower level.
    pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
        // Connection failures also come as errors, which are reported once and with a remedy.
        let known = matches!(
            facility,
            "FAIL" | "ERROR" | "GETSUBSCRIPTIONS" | "COORD" | "REQTMOUT" | "MAXPOLL"
        ) || line.contains("oordinator load in progress");
        match level {
            RDKafkaLogLevel::Debug => {
                tracing::trace!(target: "librdkafka", event = "client_log", facility, line, "the Kafka client");
            }
            _ if known => {
                tracing::debug!(target: "librdkafka", event = "client_log", facility, line, "the Kafka client");
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                tracing::debug!(target: "librdkafka", event = "client_log", facility, line, "the Kafka client");
            }
            RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", event = "client_log", facility, line, "the Kafka client");
            }
            _ => tracing::error!(target: "librdkafka", event = "client_log", facility, line, "the Kafka client"),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        tracing::debug!(target: "librdkafka", event = "client_error", ?code, error = reason, "an error of the Kafka client that passes");
        self.remember(code, reason);
    }
}

impl ConsumerContext for Context {}

/// Whether trying again cannot help: TLS or SASL failed. A broker that refuses after its part of the handshake, such as for a
/// missing client certificate (RFC 8446, section 4.4.2.4), sends an alert while librdkafka already reads, and librdkafka
/// reports that as a broken connection. A connection that broke within the handshake it reports as a failure of TLS.
fn is_refusal(code: Code, reason: &str) -> bool {
    match code {
        Code::BrokerTransportFailure => reason.contains("SSL routines") && reason.contains(" alert "),
        Code::SSL => !reason.contains("unexpected eof"),
        _ => matches!(
            KafkaError::from_code(code, "connect", String::new()),
            KafkaError::Credentials { .. }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused_by_all(failures: &[(Code, &str)]) -> bool {
        let context = Context::default();
        for (code, reason) in failures {
            context.remember(*code, reason);
        }
        context.is_refused_by_all()
    }

    #[test]
    fn refused_credentials_outlast_a_later_broken_connection() {
        let context = Context::default();
        context.remember(Code::Authentication, "no");
        context.remember(Code::BrokerTransportFailure, "down");
        let reason = "no".to_owned();
        assert_eq!(context.take_refusal(), Some(KafkaError::Credentials { reason }));
        assert_eq!(context.take_refusal(), None);
    }

    #[test]
    fn a_refusal_is_final_once_no_broker_is_left() {
        let refused = (Code::Authentication, "no");
        assert!(!is_refused_by_all(&[refused]));
        assert!(is_refused_by_all(&[
            refused,
            (Code::AllBrokersDown, "3/3 brokers are down")
        ]));
    }

    #[test]
    fn a_broker_that_is_down_or_goes_down_within_a_handshake_is_no_refusal() {
        let down = (Code::AllBrokersDown, "1/1 brokers are down");
        for passing in [
            (
                Code::BrokerTransportFailure,
                "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A000126:SSL routines::unexpected eof while reading",
            ),
            (
                Code::SSL,
                "SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading",
            ),
            (Code::Resolve, "Failed to resolve"),
        ] {
            assert!(!is_refused_by_all(&[passing, down]), "{passing:?}");
        }
    }

    #[test]
    fn a_client_certificate_that_is_missing_is_a_refusal() {
        let alert = "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required";
        let down = (Code::AllBrokersDown, "1/1 brokers are down");
        assert!(is_refused_by_all(&[(Code::BrokerTransportFailure, alert), down]));
    }
}
