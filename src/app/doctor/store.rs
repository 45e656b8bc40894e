//! Checks the store: access, conditional create, checksums, protection against deletion, and its clock.

use std::sync::Arc;

use jiff::Timestamp;

use crate::app::doctor::check::Check;
use crate::clock::{self, Clock};
use crate::config::{self, LockMode, S3Settings, StoreBackend, StoreSettings};
use crate::error::Kind;
use crate::store::probe::{Probe, probe};
use crate::store::s3::S3Store;
use crate::store::s3::inspect::{Facts, ObjectLock, Versioning};
use crate::store::{Store, StoreError, open};

const STORE: &str = "store";
const CREDENTIALS: &str = "credentials";
const CONDITIONAL_CREATE: &str = "conditional_create";
const CHECKSUMS: &str = "checksums";
const VERSIONING: &str = "versioning";
const OBJECT_LOCK: &str = "object_lock";
const CLOCK: &str = "clock";

/// A difference of clocks that is worth a warning; S3 refuses requests beyond 15 minutes.
const SKEW_WARNING_S: i64 = 30;
const SKEW_FAILED_S: i64 = 300;

/// Checks the store; returns it if it can be opened.
pub async fn examine(settings: &StoreSettings, clock: Clock) -> (Option<Arc<dyn Store>>, Vec<Check>) {
    let store = match (open(settings).await, &settings.backend) {
        (Ok(store), _) => store,
        // Opening an S3 store sends no request, so only the credentials can be wrong.
        (Err(error), StoreBackend::S3(_)) => return (None, refused(CREDENTIALS, &error)),
        (Err(error), StoreBackend::Directory(_)) => return (None, refused(STORE, &error)),
    };
    let mut checks = match try_out(&store).await {
        Ok(found) => proven(&store.location(), found.refuses_wrong_hash),
        Err(checks) => return (Some(store), checks),
    };
    match &settings.backend {
        StoreBackend::S3(s3) => checks.extend(ask_bucket(s3, &settings.prefix, clock).await),
        StoreBackend::Directory(_) => checks.extend(directory()),
    }
    (Some(store), checks)
}

/// Probes the store. If that fails: all checks, with the one that failed.
async fn try_out(store: &Arc<dyn Store>) -> Result<Probe, Vec<Check>> {
    store.list("", None, 1).await.map_err(|error| refused(STORE, &error))?;
    let nonce = nonce().map_err(|error| vec![Check::error(CONDITIONAL_CREATE, &error)])?;
    probe(store, &nonce)
        .await
        .map_err(|error| refused(CONDITIONAL_CREATE, &error))
}

/// A name for keys that no earlier probe used.
fn nonce() -> Result<String, clock::NoRandomness> {
    Ok(format!("{:032x}", u128::from_be_bytes(clock::random_bytes()?)))
}

/// The checks that a successful probe covers.
fn proven(location: &str, refuses_wrong_hash: bool) -> Vec<Check> {
    let checksums = if refuses_wrong_hash {
        Check::ok(
            CHECKSUMS,
            "the store refuses an object that does not match its checksum",
        )
    } else {
        let remedy =
            "use a store that checks x-amz-checksum-sha256; otherwise only verification detects damage in transit";
        Check::warning(
            CHECKSUMS,
            "the store accepts an object that does not match its checksum",
            remedy,
        )
    };
    vec![
        Check::ok(STORE, location),
        Check::ok(CREDENTIALS, "may create, read and list objects"),
        Check::ok(
            CONDITIONAL_CREATE,
            "of 16 simultaneous creates of one key, one succeeded",
        ),
        checksums,
    ]
}

/// Assigns the error to the check `doing`, or to the credentials; skips all others.
fn refused(doing: &'static str, error: &StoreError) -> Vec<Check> {
    let about = if error.kind() == Kind::Permission {
        CREDENTIALS
    } else {
        doing
    };
    let check = |name| {
        if name == about {
            Check::error(name, error)
        } else {
            Check::skipped(name, "the probe of the store failed")
        }
    };
    let names = [
        STORE,
        CREDENTIALS,
        CONDITIONAL_CREATE,
        CHECKSUMS,
        VERSIONING,
        OBJECT_LOCK,
        CLOCK,
    ];
    names.into_iter().map(check).collect()
}

async fn ask_bucket(settings: &S3Settings, prefix: &str, clock: Clock) -> Vec<Check> {
    let store = match S3Store::open(settings, prefix).await {
        Ok(store) => store,
        Err(error) => return vec![Check::error(STORE, &error)],
    };
    let Facts {
        versioning,
        object_lock,
        server_time,
    } = store.facts().await;
    vec![
        check_versioning(versioning),
        check_object_lock(object_lock, settings.lock),
        check_clock(server_time, clock.wall()),
    ]
}

fn directory() -> Vec<Check> {
    let remedy = "keep a copy of the archive on another machine, or use a store with Object Lock";
    vec![
        Check::skipped(VERSIONING, "a directory has no versions"),
        Check::warning(
            OBJECT_LOCK,
            "a directory has no Object Lock: everyone who may write to it may delete from it",
            remedy,
        ),
        Check::skipped(CLOCK, "a directory has no clock of its own"),
    ]
}

fn check_versioning(versioning: Versioning) -> Check {
    match versioning {
        Versioning::Kept => Check::ok(VERSIONING, "the bucket keeps versions, so a delete can be undone"),
        Versioning::NotKept => {
            let detail = "the bucket keeps no versions, so a delete cannot be undone; verification detects it";
            Check::warning(VERSIONING, detail, "turn on versioning for the bucket")
        }
        Versioning::Unknown => Check::warning(
            VERSIONING,
            "the bucket does not report its versioning",
            "allow s3:GetBucketVersioning, if the store supports it",
        ),
    }
}

/// The probe has verified the configured lock on its own object. It takes precedence over the bucket's default.
fn check_object_lock(object_lock: ObjectLock, asked: config::ObjectLock) -> Check {
    let Some(retention) = asked.retention else {
        return check_default_lock(object_lock);
    };
    let days = retention.days;
    match retention.mode {
        LockMode::Compliance => {
            let detail = format!("each object is locked for {days} days in COMPLIANCE mode");
            Check::ok(
                OBJECT_LOCK,
                format!("{detail}: nobody can delete it or shorten the lock"),
            )
        }
        LockMode::Governance => {
            let detail = format!(
                "each object is locked for {days} days in GOVERNANCE mode: users with the permission to bypass it can delete objects"
            );
            let remedy = "set store.lock_mode to compliance if deletion must be impossible";
            Check::warning(OBJECT_LOCK, detail, remedy)
        }
    }
}

fn check_default_lock(object_lock: ObjectLock) -> Check {
    let create = "create the bucket with Object Lock and a default retention in COMPLIANCE mode";
    match object_lock {
        ObjectLock::ByDefault { mode, period } if mode == "COMPLIANCE" => Check::ok(
            OBJECT_LOCK,
            format!("new objects are locked for {period} in {mode} mode: nobody can delete them"),
        ),
        ObjectLock::ByDefault { mode, period } => {
            let detail = format!(
                "new objects are locked for {period} in {mode} mode: users with the permission to bypass it can delete them"
            );
            Check::warning(
                OBJECT_LOCK,
                detail,
                "set the bucket's default retention to COMPLIANCE mode if deletion must be impossible",
            )
        }
        ObjectLock::OnRequest => Check::warning(
            OBJECT_LOCK,
            "Object Lock is on, but new objects are not locked",
            "set store.lock_mode and store.lock_days, or set a default retention for the bucket",
        ),
        ObjectLock::Off => {
            let detail =
                "no Object Lock: everyone with write access to the bucket can delete objects; verification detects it";
            Check::warning(OBJECT_LOCK, detail, create)
        }
        ObjectLock::Unknown => {
            let remedy = "allow s3:GetBucketObjectLockConfiguration, if the store supports it";
            Check::warning(OBJECT_LOCK, "the bucket does not report its Object Lock", remedy)
        }
    }
}

fn check_clock(server_time: Option<Timestamp>, now: Timestamp) -> Check {
    let Some(server_time) = server_time else {
        return Check::skipped(CLOCK, "the store reports no time");
    };
    let skew_s = now.as_second() - server_time.as_second();
    let detail = format!("this machine is {skew_s} s ahead of the store's clock");
    let remedy = "synchronize the clocks of this machine and of the store with NTP";
    match skew_s.abs() {
        SKEW_FAILED_S.. => Check::failed(CLOCK, detail, remedy),
        SKEW_WARNING_S.. => Check::warning(CLOCK, detail, remedy),
        _ => Check::ok(CLOCK, "within seconds of the store's clock"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn a_refusal_stands_at_the_check_that_it_is_about_and_passes_nothing() {
        for (doing, error, name) in [
            (STORE, StoreError::transient("the store cannot be reached", "-"), STORE),
            (
                STORE,
                StoreError::permission("the store refuses access", "-"),
                CREDENTIALS,
            ),
            (
                CONDITIONAL_CREATE,
                StoreError::config("a second create won", "-"),
                CONDITIONAL_CREATE,
            ),
            (
                CONDITIONAL_CREATE,
                StoreError::permission("the store refuses access", "-"),
                CREDENTIALS,
            ),
        ] {
            let checks = refused(doing, &error);
            let failed: Vec<_> = checks.iter().filter(|check| check.status == Status::Failed).collect();
            assert_eq!((failed.len(), failed[0].name), (1, name), "{error}");
            assert!(checks.iter().all(|check| check.status != Status::Ok));
        }
    }

    #[test]
    fn the_further_the_clock_is_off_the_graver() {
        let server: Timestamp = "2026-02-03T10:15:00Z".parse().unwrap();
        let status = |now: &str| check_clock(Some(server), now.parse().unwrap()).status;
        assert_eq!(status("2026-02-03T10:15:29Z"), Status::Ok);
        assert_eq!(status("2026-02-03T10:14:30Z"), Status::Warning);
        assert_eq!(status("2026-02-03T10:20:00Z"), Status::Failed);
        assert_eq!(check_clock(None, server).status, Status::Skipped);
    }

    #[test]
    fn only_a_compliance_lock_is_fine() {
        let by_default = |mode: &str| ObjectLock::ByDefault {
            mode: mode.to_owned(),
            period: "30 days".to_owned(),
        };
        assert_eq!(check_default_lock(by_default("COMPLIANCE")).status, Status::Ok);
        for weaker in [
            by_default("GOVERNANCE"),
            ObjectLock::OnRequest,
            ObjectLock::Off,
            ObjectLock::Unknown,
        ] {
            assert_eq!(check_default_lock(weaker).status, Status::Warning);
        }
        let asked = |mode| config::ObjectLock {
            retention: Some(config::Retention { mode, days: 30 }),
            legal_hold: false,
        };
        let status = |mode| check_object_lock(ObjectLock::OnRequest, asked(mode)).status;
        assert_eq!(status(LockMode::Compliance), Status::Ok);
        assert_eq!(status(LockMode::Governance), Status::Warning);
    }
}
