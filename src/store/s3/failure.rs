//! Maps responses of S3 servers, and missing responses, to kinds and remedies. What a code means is in `codes.rs`.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Kind, Scope};
use crate::store::error::StoreError;
use crate::store::s3::answer;
use crate::store::s3::codes;
use crate::store::s3::credentials::RenewedCredentials;
use crate::store::s3::http::ProxyFailed;

/// The operation, object key and store of a request, for error messages.
pub(super) struct RequestContext<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
    pub(super) store: &'a str,
    pub(super) credentials: &'a RenewedCredentials,
}

impl RequestContext<'_> {
    /// The store's error for an error of the client.
    pub(super) fn failure<E>(&self, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let failure = match (&error, status(&error)) {
            (SdkError::ServiceError(_), Some(status)) => {
                let code = error.code().unwrap_or("none");
                let response = error.raw_response();
                let page = match error.code() {
                    Some(code) if codes::is_known(code) => None,
                    Some(_) => response.and_then(answer::broken_off),
                    None => response.and_then(answer::page),
                };
                let failure = match page {
                    Some(_) => codes::meaning_of_page(status).of(self.operation),
                    None => self.refusal(status, code),
                };
                let failure = failure.with("status", status).with("code", code);
                let message = error.message().map(answer::cut).or(page);
                let failure = message
                    .into_iter()
                    .fold(failure, |failure, message| failure.with("message", message));
                let pointers = response.map(answer::pointers).unwrap_or_default();
                pointers
                    .into_iter()
                    .fold(failure, |failure, (name, value)| failure.with(name, value))
            }
            _ if is_without_credentials(&error) => source_fails(&error),
            _ if any_cause(&error, <dyn Error>::is::<ProxyFailed>) => {
                behind_proxy().with("cause", failed_proxy(&error))
            }
            _ if is_untrusted_certificate(&error) => untrusted_certificate().with("cause", innermost(&error)),
            _ if is_without_tls(&error) => no_tls().with("cause", innermost(&error)),
            _ => without_response(&error).with("cause", innermost(&error)),
        };
        self.with_context(failure)
    }

    /// What the store's answer means. Credentials that have expired are loaded anew for the next attempt.
    fn refusal(&self, status: u16, code: &str) -> StoreError {
        if codes::is_expiry(code) && !self.credentials.expire() {
            return StoreError::permission(
                "the session token of these credentials has expired",
                "they come from the environment, which a running process cannot renew: set new AWS_ACCESS_KEY_ID, \
                 AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN and start again, or use a profile or a role, which are renewed",
            );
        }
        if self.operation == "head" && status == 400 && code == "none" && self.credentials.expire() {
            return expired_without_a_code();
        }
        codes::meaning(status, code).of(self.operation)
    }

    /// The response is not from an S3 server.
    pub(super) fn not_s3(&self) -> StoreError {
        self.with_context(codes::NOT_S3.of(self.operation))
    }

    /// The response to a request for a range has more bytes.
    pub(super) fn ignores_ranges(&self) -> StoreError {
        self.with_context(StoreError::config(
            "the server ignores ranges",
            "use a store that honours `Range` in GET, and check proxies in between",
        ))
    }

    /// The response to a request for a whole object is a part of it.
    pub(super) fn only_a_part(&self, range: &str) -> StoreError {
        let error = StoreError::transient(
            "the response has only a part of the object",
            "check proxies and caches between here and the store",
        );
        self.with_context(error.with("range", range))
    }

    /// The body of a response is incomplete.
    pub(super) fn broken(&self, cause: impl fmt::Display) -> StoreError {
        let error = StoreError::transient("the object's bytes broke off", "check the network to the store");
        self.with_context(error.with("cause", cause))
    }

    /// No complete response within the timeout.
    pub(super) fn late(&self, timeout: Duration) -> StoreError {
        self.with_context(late().with("time-out", format!("{} ms", timeout.as_millis())))
    }

    fn with_context(&self, error: StoreError) -> StoreError {
        let error = error.with("operation", self.operation);
        // Some requests concern the bucket, and no object.
        let error = if self.key.is_empty() {
            error
        } else {
            error.with("key", self.key)
        };
        error.with("store", self.store)
    }
}

/// The HTTP status, if the server responded.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether the response to a read says that the object does not exist. A delete marker read by its version gives 405.
pub(super) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match (status(error), error.code()) {
        (Some(404), Some(code)) => code == "NoSuchKey" || code == "NoSuchVersion",
        (Some(405), code) => code == Some("MethodNotAllowed"),
        _ => false,
    }
}

/// Whether the store's answer passes, whatever its status: it is no refusal then.
pub(super) fn passes<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let meaning = status(error).map(|status| codes::meaning(status, error.code().unwrap_or("none")));
    meaning.is_some_and(|meaning| meaning.kind == Kind::Transient)
}

/// The text of the innermost cause, the only informative one.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Whether the server's certificate was rejected.
fn is_untrusted_certificate(error: &(dyn Error + 'static)) -> bool {
    any_cause(error, |cause| {
        matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// Whether the server's first bytes were no TLS.
fn is_without_tls(error: &(dyn Error + 'static)) -> bool {
    any_cause(error, |cause| {
        matches!(cause.downcast_ref(), Some(rustls::Error::InvalidMessage(_)))
    })
}

/// Whether the request was not sent because no credentials could be loaded to sign it.
fn is_without_credentials(error: &(dyn Error + 'static)) -> bool {
    any_cause(error, <dyn Error>::is::<CredentialsError>)
}

/// Whether an error or one of its causes is such. `source` of an I/O error skips the wrapped error, so that is checked too.
fn any_cause(error: &(dyn Error + 'static), is_such: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if is_such(error) {
            return true;
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped
            .map(|wrapped| wrapped as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    false
}

fn no_tls() -> StoreError {
    StoreError::config(
        "the server at store.endpoint does not answer by TLS",
        "if it is the store, write http:// instead of https://, else correct the port",
    )
}

/// Credentials have a source, and it fails.
pub(super) fn source_fails(error: &(dyn Error + 'static)) -> StoreError {
    StoreError::new(
        Kind::Transient,
        Scope::Credentials,
        "no credentials can be loaded at the moment",
        "check where they come from: sign in again (`aws sso login`), or correct the program that credential_process names, \
         the file of the web identity, or the role of this machine or container",
    )
    .with("cause", causes(error))
}

/// The texts of an error and its causes, of which each says one thing.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut told = Vec::<String>::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.iter().any(|before| before.contains(&text)) {
            told.push(text);
        }
        next = cause.source();
    }
    told.join(": ")
}

/// The answer to a HEAD has no body, so no code. Expired credentials are the usual reason for this status.
fn expired_without_a_code() -> StoreError {
    StoreError::new(
        Kind::Transient,
        Scope::Credentials,
        "the store refuses the request without saying why, as it does when the session token has expired",
        "renew the credentials where they come from; every attempt loads them anew",
    )
}

fn behind_proxy() -> StoreError {
    StoreError::transient(
        "the proxy on the way to the store does not connect",
        "check HTTPS_PROXY with its user and password, what the proxy allows, and NO_PROXY for stores that need none",
    )
}

/// What the proxy's failure says: the innermost cause does not name the proxy.
fn failed_proxy(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<ProxyFailed>() {
            return error.to_string();
        }
        next = error.source();
    }
    innermost(error)
}

fn untrusted_certificate() -> StoreError {
    StoreError::config(
        "the store's certificate is not signed by a trusted authority",
        "for a private CA set store.ca_file to its certificate in PEM; else check who answers at store.endpoint",
    )
}

fn late() -> StoreError {
    StoreError::transient(
        "the store did not answer in time",
        "check the load of the store and the network, or raise store.attempt_timeout",
    )
}

fn without_response<E>(error: &SdkError<E, HttpResponse>) -> StoreError {
    match error {
        SdkError::ConstructionFailure(_) => StoreError::config(
            "the request could not be built",
            "check store.endpoint, store.bucket and store.region",
        ),
        SdkError::TimeoutError(_) => late(),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            StoreError::config("the request could not be sent", "check store.endpoint")
        }
        SdkError::DispatchFailure(_) => StoreError::transient(
            "the store cannot be reached",
            "start the store, or correct the host and the port of store.endpoint",
        ),
        _ => codes::NOT_S3.of(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_tls_is_found_below_the_errors_that_wrap_it() {
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(is_without_tls(&io::Error::other(io::Error::other(plain))));
        assert!(!is_without_tls(&io::Error::other(rustls::Error::HandshakeNotComplete)));
    }

    #[test]
    fn an_untrusted_certificate_is_found_below_the_errors_that_wrap_it() {
        let wrapped = |inner: rustls::Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_untrusted_certificate(&unknown) && is_untrusted_certificate(&wrapped(unknown)));
        assert!(!is_untrusted_certificate(&wrapped(rustls::Error::HandshakeNotComplete)));
        assert!(!is_untrusted_certificate(&io::Error::from(
            io::ErrorKind::ConnectionRefused
        )));
    }

    #[test]
    fn every_status_and_code_has_its_kind() {
        let expected = [
            (404, "NoSuchBucket", Kind::Config),
            (403, "InvalidAccessKeyId", Kind::Permission),
            (403, "SignatureDoesNotMatch", Kind::Permission),
            (400, "ExpiredToken", Kind::Transient),
            (403, "AccessDenied", Kind::Permission),
            (403, "none", Kind::Permission),
            (403, "RequestTimeTooSkewed", Kind::Transient),
            (301, "PermanentRedirect", Kind::Config),
            (400, "BadDigest", Kind::Corrupt),
            (400, "XAmzContentChecksumMismatch", Kind::Corrupt),
            (400, "RequestTimeout", Kind::Transient),
            (409, "ConditionalRequestConflict", Kind::Transient),
            (429, "none", Kind::Transient),
            (503, "SlowDown", Kind::Transient),
            (507, "XMinioStorageFull", Kind::Transient),
            (501, "NotImplemented", Kind::Config),
            (400, "InvalidArgument", Kind::Config),
        ];
        for (status, code, kind) in expected {
            assert_eq!(codes::meaning(status, code).kind, kind, "{status} {code}");
        }
    }
}
