//! Object Lock: the headers of each create, and the check that the bucket recorded them. A server may accept the headers
//! and ignore them, so the lock of the first object is read back.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockLegalHoldStatus, ObjectLockMode, ServerSideEncryption};

use crate::clock::Clock;
use crate::config::{LockMode, ObjectLock};
use crate::store::error::StoreError;
use crate::store::s3::bucket::S3Store;
use crate::store::s3::objects;

const DAY_S: i64 = 86_400;
/// How much earlier than requested a lock may end: clocks differ, and some servers store whole days.
const TOLERANCE_S: i64 = DAY_S;

pub(super) fn mode(lock: ObjectLock) -> Option<ObjectLockMode> {
    lock.retention.map(|retention| match retention.mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    })
}

pub(super) fn retain_until(lock: ObjectLock, clock: Clock) -> Option<DateTime> {
    let now = clock.wall().as_second();
    lock.retention
        .map(|retention| DateTime::from_secs(now + i64::from(retention.days) * DAY_S))
}

pub(super) fn legal_hold(lock: ObjectLock) -> Option<ObjectLockLegalHoldStatus> {
    lock.legal_hold.then_some(ObjectLockLegalHoldStatus::On)
}

/// Checks once that the object at `key` has the lock and the encryption of the settings.
pub(super) async fn check(store: &S3Store, key: &str, full: &str) -> Result<(), StoreError> {
    if store.lock == ObjectLock::default() && store.objects.encryption.is_none() {
        return Ok(());
    }
    let head = store.client.head_object().bucket(&store.bucket).key(full);
    let head = match head.send().await {
        Ok(head) => head,
        Err(error) => return Err(store.context("head", key).failure(error)),
    };
    if !objects::is_encrypted(&head, &store.objects) {
        let used = head
            .server_side_encryption()
            .map_or("none", ServerSideEncryption::as_str);
        return Err(StoreError::config(
            "the bucket does not encrypt created objects as store.encryption and store.kms_key_id say",
            "use a server that does, or set store.encryption = \"\" to leave it to the bucket",
        )
        .with("store", &store.location)
        .with("key", key)
        .with("encryption", used));
    }
    if is_locked(&head, store.lock, retain_until(store.lock, store.clock)) {
        return Ok(());
    }
    Err(StoreError::config(
        "the bucket does not record the Object Lock of created objects",
        "use a bucket created with Object Lock enabled and allow s3:PutObjectRetention, s3:PutObjectLegalHold, \
         s3:GetObjectRetention and s3:GetObjectLegalHold; or set store.lock_mode = \"\" and store.legal_hold = false",
    )
    .with("store", &store.location)
    .with("key", key))
}

fn is_locked(head: &HeadObjectOutput, lock: ObjectLock, until: Option<DateTime>) -> bool {
    let recorded = head.object_lock_retain_until_date.as_ref().map_or(0, DateTime::secs);
    let long_enough = until.is_none_or(|until| recorded >= until.secs() - TOLERANCE_S);
    let held = !lock.legal_hold || head.object_lock_legal_hold_status == legal_hold(lock);
    head.object_lock_mode == mode(lock) && long_enough && held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retention;

    #[test]
    fn a_lock_must_have_its_mode_its_end_and_its_legal_hold() {
        let lock = ObjectLock {
            retention: Some(Retention {
                mode: LockMode::Compliance,
                days: 30,
            }),
            legal_hold: true,
        };
        let until = Some(DateTime::from_secs(100 * DAY_S));
        let head = |mode, day: i64, hold| {
            HeadObjectOutput::builder()
                .object_lock_mode(mode)
                .object_lock_retain_until_date(DateTime::from_secs(day * DAY_S))
                .set_object_lock_legal_hold_status(hold)
                .build()
        };
        let on = || Some(ObjectLockLegalHoldStatus::On);
        assert!(is_locked(&head(ObjectLockMode::Compliance, 100, on()), lock, until));
        for weaker in [
            head(ObjectLockMode::Governance, 100, on()),
            head(ObjectLockMode::Compliance, 98, on()),
            head(ObjectLockMode::Compliance, 100, None),
            HeadObjectOutput::builder().build(),
        ] {
            assert!(!is_locked(&weaker, lock, until), "{weaker:?}");
        }
    }
}
