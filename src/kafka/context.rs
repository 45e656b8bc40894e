//! What librdkafka tells beside its answers: log lines, sent to `tracing`, and why connections fail, kept for whoever
//! waits for an answer, since librdkafka itself only goes on trying. Decides nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::KafkaError;

/// librdkafka's callbacks: log lines go to `tracing`, and the last refusal is remembered, for it explains a time-out.
#[derive(Debug, Default)]
pub struct Context {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Credentials that a broker refused, or a broker that is not whom we meant, in librdkafka's words.
    refusal: Option<String>,
    /// Every broker that is known was tried, and failed in one way or another.
    all_failed: bool,
}

impl Context {
    /// Remembers why a connection fails.
    pub(crate) fn remember(&self, code: Code, reason: &str) {
        let mut heard = self.heard();
        if is_refusal(code, reason) {
            // Another broker that fails in another way, later, must not hide it.
            heard.refusal = Some(reason.to_owned());
        }
        heard.all_failed |= code == Code::AllBrokersDown;
    }

    /// The last refusal that librdkafka told, taken away.
    pub(crate) fn take_refusal(&self) -> Option<KafkaError> {
        let reason = self.heard().refusal.take()?;
        Some(KafkaError::Credentials { reason })
    }

    /// Whether we were refused, and no broker is left that may yet let us in.
    pub(crate) fn is_refused_by_all(&self) -> bool {
        let heard = self.heard();
        heard.refusal.is_some() && heard.all_failed
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line of librdkafka's log, at the level it deserves here.
    pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
        // Connection trouble is also delivered as an error, which we report once and with a remedy.
        let known = matches!(
            facility,
            "FAIL" | "ERROR" | "GETSUBSCRIPTIONS" | "COORD" | "REQTMOUT" | "MAXPOLL"
        ) || line.contains("oordinator load in progress");
        match level {
            RDKafkaLogLevel::Debug => tracing::trace!(target: "librdkafka", facility, "{line}"),
            _ if known => tracing::debug!(target: "librdkafka", facility, "{line}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                tracing::debug!(target: "librdkafka", facility, "{line}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{line}"),
            _ => tracing::error!(target: "librdkafka", facility, "{line}"),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        tracing::debug!(target: "librdkafka", ?code, "{reason}");
        self.remember(code, reason);
    }
}

impl ConsumerContext for Context {}

/// Whether trying again cannot help: TLS or SASL failed. What the broker refuses after its side of the handshake, such as
/// a missing certificate of ours (RFC 8446, section 4.4.2.4), comes as an alert while librdkafka already reads, who calls
/// that a broken connection. And it calls a connection that broke within the handshake a failure of TLS.
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

    fn is_refused_by_all(told: &[(Code, &str)]) -> bool {
        let context = Context::default();
        for (code, reason) in told {
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
    fn a_broker_that_is_down_or_goes_down_within_a_handshake_refuses_nothing() {
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
    fn a_certificate_that_the_broker_asks_for_in_vain_is_a_refusal() {
        let alert = "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required";
        let down = (Code::AllBrokersDown, "1/1 brokers are down");
        assert!(is_refused_by_all(&[(Code::BrokerTransportFailure, alert), down]));
    }
}
