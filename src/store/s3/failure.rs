//! What an answer of an S3 server, or its absence, means to a store: one table, from status and code to kind and remedy.
//!
//! Servers agree on statuses better than on codes, so a code decides only where a status has several meanings.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::store::error::StoreError;

/// What was tried, on what, where.
pub(super) struct Scene<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
    pub(super) store: &'a str,
}

impl Scene<'_> {
    /// The store's error for the client's.
    pub(super) fn failure<E>(&self, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let failure = match (&error, status(&error)) {
            (SdkError::ServiceError(_), Some(status)) => {
                let code = error.code().unwrap_or("none");
                let failure = answered(status, code).with("status", status).with("code", code);
                match error.message() {
                    Some(message) => failure.with("message", message),
                    None => failure,
                }
            }
            _ if is_disbelieved(&error) => disbelieved().with("cause", innermost(&error)),
            _ => unanswered(&error).with("cause", innermost(&error)),
        };
        self.placed(failure)
    }

    /// Something answered that is no S3 server.
    pub(super) fn not_s3(&self) -> StoreError {
        self.placed(not_s3())
    }

    /// The bytes of an answer broke off.
    pub(super) fn broken(&self, cause: impl fmt::Display) -> StoreError {
        let error = StoreError::transient("the object's bytes broke off", "look at the network; it is tried again");
        self.placed(error.with("cause", cause))
    }

    /// No whole answer came within the time that was given.
    pub(super) fn late(&self, given: Duration) -> StoreError {
        self.placed(late().with("after_ms", given.as_millis()))
    }

    fn placed(&self, error: StoreError) -> StoreError {
        error
            .with("operation", self.operation)
            .with("key", self.key)
            .with("store", self.store)
    }
}

/// The status of the server's answer, where there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether the answer to a read says that there is no such object, and nothing worse. A delete marker read by its
/// version answers 405.
pub(super) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match (status(error), error.code()) {
        (Some(404), Some(code)) => code == "NoSuchKey" || code == "NoSuchVersion",
        (Some(405), code) => code == Some("MethodNotAllowed"),
        _ => false,
    }
}

/// The text of the error at the bottom of the chain, the only one that tells people something.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Whether the server's certificate was not believed. An I/O error is no source of what it wraps, so it is asked.
fn is_disbelieved(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped
            .map(|wrapped| wrapped as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    false
}

fn disbelieved() -> StoreError {
    StoreError::config(
        "the store's certificate is signed by no authority that is believed",
        "set store.ca_file to the authority's certificate in PEM, if it is one of your own; else somebody stands in between",
    )
}

fn answered(status: u16, code: &str) -> StoreError {
    match (status, code) {
        (_, "NoSuchBucket" | "InvalidBucketName") => StoreError::config(
            "the bucket does not exist",
            "create it, or set store.bucket to one that does",
        ),
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" | "InvalidTokenId") => {
            StoreError::permission(
                "the store does not know these credentials",
                "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile",
            )
        }
        // The client takes the difference into account from the next try on.
        (_, "RequestTimeTooSkewed" | "RequestExpired") => StoreError::transient(
            "this machine's clock differs from the store's",
            "set the clock, best by NTP; it is tried again",
        ),
        (301 | 307, _) | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            StoreError::config("the bucket is in another region", "set store.region to the bucket's")
        }
        (_, "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" | "BadDigest" | "InvalidDigest") => {
            StoreError::corrupt(
                "the bytes that arrived do not have the hash that was sent",
                "nothing was stored; suspect a proxy, or memory of this machine",
            )
        }
        (_, "RequestTimeout" | "IncompleteBody" | "SlowDown" | "OperationAborted") => busy(),
        (_, "XMinioStorageFull") | (507, _) => {
            StoreError::transient("the store is full", "give it space; it is tried again")
        }
        (200..=299, _) => not_s3(),
        // What servers answer to a lock in a bucket without Object Lock.
        (400, "InvalidRequest" | "InvalidBucketState" | "InvalidBucketObjectLockConfiguration") => StoreError::config(
            "the store refuses the request as it is",
            "if store.lock_mode or store.legal_hold is set, use a bucket that was made with Object Lock enabled",
        ),
        (401 | 403, _) => StoreError::permission(
            "the store refuses access",
            "allow s3:GetObject, s3:PutObject and s3:ListBucket on this bucket and prefix, and look for a policy that denies",
        ),
        (405 | 501, _) => StoreError::config(
            "the store does not know such a request",
            "use a server that speaks S3 with conditional writes, and check store.endpoint",
        ),
        (409 | 408 | 425 | 429 | 500.., _) => busy(),
        _ => StoreError::config(
            "the store refuses the request as it is",
            "check store.endpoint, store.bucket and store.region; the server's log may tell more",
        ),
    }
}

fn busy() -> StoreError {
    StoreError::transient(
        "the store could not answer now",
        "look at its load and health; it is tried again",
    )
}

/// Something answered that is no S3 server. Its word that an object was stored counts for nothing.
fn not_s3() -> StoreError {
    StoreError::transient(
        "the answer is not one of an S3 server",
        "look for a proxy in between, and check store.endpoint; it is tried again",
    )
}

fn late() -> StoreError {
    StoreError::transient(
        "the store did not answer in time",
        "look at its load and the network, or raise store.attempt_timeout; it is tried again",
    )
}

fn unanswered<E>(error: &SdkError<E, HttpResponse>) -> StoreError {
    match error {
        SdkError::ConstructionFailure(_) => StoreError::config(
            "the request could not be made",
            "check store.endpoint, store.bucket and store.region",
        ),
        SdkError::TimeoutError(_) => late(),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            StoreError::config("the request could not be sent", "check store.endpoint")
        }
        SdkError::DispatchFailure(_) => StoreError::transient(
            "the store cannot be reached",
            "start it, or correct store.endpoint; it is tried again",
        ),
        _ => not_s3(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_certificate_that_is_not_believed_is_found_below_what_wraps_it() {
        let wrapped = |inner: rustls::Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_disbelieved(&unknown) && is_disbelieved(&wrapped(unknown)));
        assert!(!is_disbelieved(&wrapped(rustls::Error::HandshakeNotComplete)));
        assert!(!is_disbelieved(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn every_answer_has_the_kind_that_callers_branch_on() {
        let expected = [
            (404, "NoSuchBucket", Kind::Config),
            (403, "InvalidAccessKeyId", Kind::Permission),
            (403, "SignatureDoesNotMatch", Kind::Permission),
            (400, "ExpiredToken", Kind::Permission),
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
            assert_eq!(answered(status, code).kind(), kind, "{status} {code}");
        }
    }
}
