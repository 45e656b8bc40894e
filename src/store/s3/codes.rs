//! What each error code of S3 and of its compatible servers means: does it pass, whose is it, and what can be done. This is the
//! only place that decides so.
//!
//! A code that is listed decides, because servers send throttling and expired tokens under several statuses. For others, and for
//! answers without a body (such as those to HEAD), the status decides. A body without a code is no answer of S3: a proxy or a
//! load balancer in between gave it, and that passes.

use crate::error::Kind::{self, Config, Corrupt, Permission, Transient};
use crate::error::Scope::{self, Bucket, Credentials, Object, Process};
use crate::store::error::StoreError;
use crate::store::s3::rights::grant;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `Transient` passes. Nothing else does.
    pub(super) kind: Kind,
    pub(super) scope: Scope,
    pub(super) what: &'static str,
    pub(super) remedy: Remedy,
}

/// What the user can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same for every request.
    Do(&'static str),
    /// Grant the right that the request needs.
    Grant,
}

/// The codes after which credentials are loaded anew.
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];

const fn row(kind: Kind, scope: Scope, what: &'static str, remedy: &'static str) -> Meaning {
    Meaning {
        kind,
        scope,
        what,
        remedy: Remedy::Do(remedy),
    }
}

const BUSY: Meaning = row(
    Transient,
    Bucket,
    "the store is busy or unavailable",
    "check the load and health of the store",
);
const THROTTLED: Meaning = row(
    Transient,
    Bucket,
    "the store limits the rate of requests",
    "nothing, if it passes; else ask for a higher limit, or spread archives over more prefixes or buckets",
);
const FULL: Meaning = row(
    Transient,
    Bucket,
    "the store is full",
    "add space to the store, or raise the bucket's quota",
);
const REFUSED: Meaning = row(
    Config,
    Object,
    "the store refuses the request",
    "check store.endpoint, store.bucket and store.region, and the server's log",
);
const DENIED: Meaning = Meaning {
    kind: Permission,
    scope: Credentials,
    what: "the store refuses access",
    remedy: Remedy::Grant,
};
const UNSUPPORTED: Meaning = row(
    Config,
    Bucket,
    "the store does not support the request",
    "use an S3 server with conditional writes, and check store.endpoint",
);
const OTHER_REGION: Meaning = row(
    Config,
    Bucket,
    "the bucket is in another region",
    "set store.region to the bucket's",
);
const MOVED: Meaning = row(
    Config,
    Bucket,
    "the server redirects requests to another address",
    "set store.endpoint to the address where the store is, with https:// if it asks for that",
);
const ELSEWHERE: Meaning = row(
    Transient,
    Bucket,
    "the server redirects requests to another address for now",
    "nothing, if it passes (the DNS of a new bucket takes some time); else check store.endpoint, store.region, and proxies \
     in between",
);
/// A success status from a server that is not S3, such as a proxy, does not mean that an object was stored.
pub(super) const NOT_S3: Meaning = row(
    Transient,
    Bucket,
    "the response is not from an S3 server",
    "check store.endpoint, and proxies in between",
);

/// The known codes. Each is in one row.
#[rustfmt::skip]
const TABLE: &[(&[&str], Meaning)] = &[
    (&["Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
       "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "TooManyRequests",
       "TooManyRequestsException", "SlowDown", "SlowDownRead", "SlowDownWrite", "PriorRequestNotComplete",
       "ProvisionedThroughputExceededException"], THROTTLED),
    (&["KMS.ThrottlingException", "KMS.LimitExceededException"], row(Transient, Bucket,
        "the key service (KMS) of the bucket limits the rate of requests",
        "nothing, if it passes; else set store.bucket_key = true, which asks KMS less often, or ask for a higher limit")),
    (&["KMS.InternalException", "KMS.KMSInternalException", "KMS.DependencyTimeoutException",
       "KMS.KeyUnavailableException"], row(Transient, Bucket,
        "the key service (KMS) of the bucket is unavailable", "check the health of KMS in the bucket's region")),
    (&["KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMS.InvalidStateException",
       "KMS.InvalidKeyUsageException", "KMS.InvalidArnException", "KMS.UnsupportedOperationException"],
        row(Config, Bucket, "the KMS key that encrypts the object cannot be used",
        "enable the key, cancel its deletion, or set store.kms_key_id to a symmetric key in the bucket's region")),
    (&["KMS.AccessDeniedException", "KMS.AccessDenied", "KMS.UnrecognizedClientException",
       "KMS.InvalidGrantTokenException"], row(Permission, Credentials,
        "these credentials may not use the KMS key that encrypts the object",
        "allow kms:GenerateDataKey (to create) and kms:Decrypt (to read) on the key, in its policy or the user's")),
    (&["ServiceUnavailable", "Unavailable", "InternalError", "InternalFailure", "InternalServerError", "Busy",
       "RequestTimeout", "RequestTimeoutException", "IncompleteBody", "ResponseInterrupted",
       "ConnectionClosedByRequester", "OperationAborted", "ConditionalRequestConflict", "TransactionInProgressException",
       "ServerNotInitialized", "XMinioServerNotInitialized", "XMinioBackendDown", "XMinioIAMNotInitialized",
       "InsufficientReadQuorum", "InsufficientWriteQuorum"], BUSY),
    (&["XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage",
       "StorageQuotaExceeded"], FULL),
    // The client corrects for the difference from the next attempt on.
    (&["RequestTimeTooSkewed", "RequestExpired"], row(Transient, Process,
        "this machine's clock differs from the store's", "synchronize the clock, for instance by NTP")),
    // Credentials are loaded anew before the next attempt.
    (EXPIRED, row(Transient, Credentials,
        "the session token of these credentials has expired",
        "renew them where they come from: sign in again, or write a new token; every attempt loads them anew")),
    (&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId", "InvalidClientTokenId",
       "UnrecognizedClientException", "InvalidSecurity", "InvalidSignatureException", "MissingAuthenticationToken",
       "MissingSecurityHeader", "CredentialsNotSupported", "AuthFailure", "IncompleteSignature"],
        row(Permission, Credentials, "the store does not know these credentials",
        "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile")),
    (&["AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedAccess", "UnauthorizedOperation",
       "Unauthorized"], DENIED),
    (&["AccountProblem", "NotSignedUp", "OptInRequired", "InvalidPayer", "UserProjectAccountProblem"],
        row(Permission, Credentials, "the account of these credentials is not in good standing",
        "settle it with the provider of the store")),
    (&["InvalidObjectState"], row(Permission, Object,
        "the object is in archived storage (such as Glacier), from which nothing can be read directly",
        "restore it (`aws s3api restore-object`, or S3 Batch Operations for many), wait until it is readable, and try \
         again; exempt the archive's prefix from lifecycle rules that archive objects")),
    (&["RestoreAlreadyInProgress"], row(Transient, Object,
        "the object is being restored from archived storage", "wait until the restore has ended")),
    (&["NoSuchBucket", "NoSuchAccessPoint", "InvalidAccessPoint"], row(Config, Bucket,
        "the bucket does not exist", "create it, or set store.bucket to one that does")),
    (&["InvalidBucketName"], row(Config, Bucket,
        "the store does not accept the bucket's name",
        "correct store.bucket: most stores want 3 to 63 lower-case letters, digits, dots and hyphens")),
    (&["PermanentRedirect", "AuthorizationHeaderMalformed", "IncorrectEndpoint", "IllegalLocationConstraintException",
       "InvalidLocationConstraint", "InvalidRegion"], OTHER_REGION),
    (&["TemporaryRedirect", "Redirect"], ELSEWHERE),
    (&["XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "BadDigest", "InvalidDigest",
       "ContentSHA256Mismatch"], row(Corrupt, Object,
        "the bytes that arrived do not have the hash that was sent",
        "nothing was stored; check proxies in between and the memory of this machine")),
    // The answers to a locked object in a bucket without Object Lock.
    (&["InvalidRequest", "InvalidBucketState", "InvalidBucketObjectLockConfiguration", "NoSuchObjectLockConfiguration",
       "ObjectLockConfigurationNotFoundError"], row(Config, Bucket, "the store refuses the request",
        "if store.lock_mode or store.legal_hold is set, use a bucket that was created with Object Lock enabled")),
    (&["InvalidStorageClass"], row(Config, Bucket, "the store does not have this storage class",
        "set store.storage_class to one that it has, or to \"\" for the bucket's")),
    (&["InvalidEncryptionAlgorithmError", "ServerSideEncryptionConfigurationNotFoundError", "InvalidEncryptionMethod"],
        row(Config, Bucket, "the store does not encrypt objects in this way",
        "set store.encryption to what it supports, or to \"\" for the bucket's default")),
    (&["InvalidTag", "TagPolicyException"], row(Config, Bucket, "the store refuses the tags of the object",
        "correct store.tags")),
    (&["InvalidBucketOwnerAWSAccountID"], row(Config, Bucket, "the owner of the bucket is not an account number",
        "set store.expected_owner to twelve digits")),
    (&["NotImplemented", "MethodNotAllowed", "UnsupportedArgument", "UnsupportedSignature", "UnsupportedOperation",
       "InvalidHttpMethod", "AuthorizationQueryParametersError"], UNSUPPORTED),
    (&["EntityTooLarge", "MaxMessageLengthExceeded"], row(Config, Object,
        "the object is larger than the store or a proxy accepts",
        "lower archive.seal_max_bytes, or raise the limit of the proxy in between")),
    (&["KeyTooLongError", "XMinioInvalidObjectName", "XMinioObjectExistsAsDirectory", "XMinioParentIsObject"],
        row(Config, Object, "the store does not accept the object key",
        "shorten store.prefix, and let nothing but the archive create objects below it")),
    (&["NoSuchKey", "NoSuchVersion"], row(Config, Object, "the object does not exist",
        "`kivend verify` lists the objects that are missing")),
    (&["InvalidArgument", "InvalidURI", "MalformedXML", "MissingContentLength", "MissingRequestBodyError",
       "UnexpectedContent", "MetadataTooLarge", "RequestHeaderSectionTooLarge", "InvalidRange", "EntityTooSmall",
       "AccessControlListNotSupported", "PreconditionFailed", "InvalidHostHeader"], REFUSED),
];

/// The meaning of an answer with this status and code (`none` if it has none).
pub(super) fn meaning(status: u16, code: &str) -> Meaning {
    listed(code).unwrap_or_else(|| by_status(status))
}

/// Whether the code decides, whatever the rest of the answer is.
pub(super) fn is_known(code: &str) -> bool {
    listed(code).is_some()
}

fn listed(code: &str) -> Option<Meaning> {
    let row = TABLE.iter().find(|(codes, _)| codes.contains(&code));
    row.map(|(_, meaning)| *meaning)
}

/// The meaning of a status whose code is not known.
fn by_status(status: u16) -> Meaning {
    match status {
        200..=299 => NOT_S3,
        301 | 308 => MOVED,
        302 | 303 | 307 => ELSEWHERE,
        // A proxy on the way, not the store, asks for credentials.
        407 => row(
            Config,
            Process,
            "the proxy on the way to the store asks for credentials",
            "put user and password into HTTPS_PROXY (`http://user:password@proxy:3128`)",
        ),
        401 | 403 => DENIED,
        405 | 501 => UNSUPPORTED,
        413 => row(
            Config,
            Object,
            "the object is larger than the store or a proxy accepts",
            "lower archive.seal_max_bytes, or raise the limit of the proxy in between",
        ),
        429 => THROTTLED,
        507 => FULL,
        408 | 409 | 425 | 500.. => BUSY,
        _ => REFUSED,
    }
}

/// The meaning of an answer whose body has no code.
pub(super) fn meaning_of_page(status: u16) -> Meaning {
    match by_status(status) {
        REFUSED | DENIED | UNSUPPORTED => NOT_S3,
        told_by_status => told_by_status,
    }
}

/// Whether the answer says that the credentials have expired.
pub(super) fn is_expiry(code: &str) -> bool {
    EXPIRED.contains(&code)
}

impl Meaning {
    /// The error of a request that got this answer.
    pub(super) fn of(self, operation: &str) -> StoreError {
        let remedy = match self.remedy {
            Remedy::Do(remedy) => remedy,
            Remedy::Grant => grant(operation),
        };
        StoreError::new(self.kind, self.scope, self.what, remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_known_code_is_in_one_row_and_says_what_happened_and_what_to_do() {
        let mut seen = HashSet::new();
        for (codes, meaning) in TABLE {
            for code in *codes {
                assert!(seen.insert(*code), "{code} is in two rows");
                for operation in [
                    "create",
                    "get",
                    "list",
                    "list versions",
                    "get bucket versioning",
                    "remove",
                    "head",
                ] {
                    let error = meaning.of(operation);
                    assert!(!error.to_string().is_empty() && !error.remedy().is_empty(), "{code}");
                    assert!(!error.remedy().contains("bug"), "{code}");
                }
            }
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    /// By status: what AWS, MinIO, Ceph and proxies send under several.
    #[test]
    fn throttling_passes_under_every_status() {
        for status in [400, 403, 409, 429, 500, 503] {
            for code in [
                "ThrottlingException",
                "SlowDown",
                "RequestLimitExceeded",
                "KMS.ThrottlingException",
            ] {
                assert_eq!(meaning(status, code).kind, Transient, "{status} {code}");
            }
        }
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 507, 520, 599] {
            assert_eq!(meaning(status, "none").kind, Transient, "{status}");
            assert_eq!(meaning(status, "SomethingNew").kind, Transient, "{status}");
        }
    }

    #[test]
    fn an_unknown_refusal_is_that_of_one_object_and_does_not_pass() {
        for status in [400, 402, 404, 406, 410, 411, 412, 416, 418, 422, 451, 499] {
            let meaning = meaning(status, "SomethingNew");
            assert_ne!(meaning.kind, Transient, "{status}");
            assert!(meaning.scope.spares_other_partitions(), "{status}");
        }
    }

    #[test]
    fn a_body_without_a_code_is_not_the_stores_refusal_and_passes() {
        for status in [400, 401, 403, 404, 405, 418, 501] {
            assert_eq!(meaning_of_page(status), NOT_S3, "{status}");
        }
        for status in [301, 407, 413, 429, 503, 507] {
            assert_eq!(meaning_of_page(status), meaning(status, "none"), "{status}");
        }
    }

    #[test]
    fn a_redirect_passes_if_it_calls_itself_temporary() {
        for (status, code) in [(307, "TemporaryRedirect"), (307, "none"), (302, "none")] {
            assert_eq!(meaning(status, code).kind, Transient, "{status} {code}");
        }
        for (status, code) in [(301, "PermanentRedirect"), (301, "none"), (308, "none")] {
            assert_eq!(meaning(status, code).kind, Config, "{status} {code}");
        }
    }

    #[test]
    fn credentials_and_the_bucket_are_everybodys() {
        let everybodys = [
            (403, "AccessDenied", Credentials),
            (403, "InvalidAccessKeyId", Credentials),
            (400, "ExpiredToken", Credentials),
            (404, "NoSuchBucket", Bucket),
            (301, "PermanentRedirect", Bucket),
            (400, "KMS.DisabledException", Bucket),
            (403, "none", Credentials),
        ];
        for (status, code, scope) in everybodys {
            assert_eq!(meaning(status, code).scope, scope, "{code}");
            assert!(!scope.spares_other_partitions());
        }
    }

    #[test]
    fn archived_storage_is_told_with_what_to_restore() {
        let error = meaning(403, "InvalidObjectState").of("get");
        assert!(error.to_string().contains("archived storage"), "{error}");
        assert!(error.remedy().contains("restore-object"), "{}", error.remedy());
        assert_eq!((error.kind(), error.scope()), (Permission, Object));
    }

    #[test]
    fn a_denial_names_the_right_that_the_operation_needs() {
        for (operation, right) in [
            ("create", "s3:PutObject"),
            ("get", "s3:GetObject"),
            ("list", "s3:ListBucket"),
            ("list versions", "s3:ListBucketVersions"),
            ("get bucket versioning", "s3:GetBucketVersioning"),
            ("remove", "s3:DeleteObject"),
        ] {
            assert!(DENIED.of(operation).remedy().contains(right), "{operation}");
        }
    }
}
