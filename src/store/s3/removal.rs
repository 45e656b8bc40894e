//! Removing objects from a bucket, every version of them.

use async_trait::async_trait;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::ObjectLockLegalHoldStatus;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::store::contract::Store as _;
use crate::store::error::StoreError;
use crate::store::removal::{Lock, Removal, Removed};
use crate::store::s3::bucket::S3Store;
use crate::store::s3::failure;

impl S3Store {
    pub(super) async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, StoreError> {
        let request = self.client.head_object().bucket(&self.bucket).key(self.full_key(key)?);
        let work = || async {
            match request.clone().send().await {
                Ok(head) => Ok(Some(head)),
                Err(error) if failure::status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.context("head", key).failure(error)),
            }
        };
        self.with_retries(self.context("head", key), work).await
    }

    /// Removes one version; without versions, the object. False if the store refuses.
    async fn remove_version(&self, key: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let request = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(self.full_key(key)?);
        let request = request.set_version_id(version.map(str::to_owned));
        let work = || async {
            match request.clone().send().await {
                Ok(_) => Ok(true),
                Err(error) if failure::is_absent(&error) => Ok(true),
                // MinIO answers 400 InvalidRequest for a locked object, AWS 403 AccessDenied.
                Err(error) if matches!(failure::status(&error), Some(400 | 403)) && !failure::passes(&error) => {
                    Ok(false)
                }
                Err(error) => Err(self.context("remove", key).failure(error)),
            }
        };
        self.with_retries(self.context("remove", key), work).await
    }
}

#[async_trait]
impl Removal for S3Store {
    async fn lock_of(&self, key: &str) -> Result<Lock, StoreError> {
        Ok(self
            .head(key)
            .await?
            .map_or(Lock::None, |head| lock_in(&head, self.clock)))
    }

    async fn remove(&self, key: &str) -> Result<Removed, StoreError> {
        let versions = self.versions(key).await?;
        let versions: Vec<Option<String>> = match versions {
            // A deletion without a version only hides the object.
            Some(versions) => versions
                .into_iter()
                .filter(|version| version.key == key)
                .map(|version| Some(version.version))
                .collect(),
            None => vec![None],
        };
        for version in &versions {
            if !self.remove_version(key, version.as_deref()).await? {
                return match self.lock_of(key).await? {
                    Lock::None => Err(StoreError::permission(
                        "the store does not let these credentials remove the object",
                        "use credentials that may (s3:DeleteObject, and s3:DeleteObjectVersion where versions are kept)",
                    )
                    .with("key", key)
                    .with("store", &self.location)),
                    lock => Ok(Removed::Locked(lock)),
                };
            }
        }
        Ok(Removed::Gone)
    }
}

fn lock_in(head: &HeadObjectOutput, clock: Clock) -> Lock {
    if head.object_lock_legal_hold_status == Some(ObjectLockLegalHoldStatus::On) {
        return Lock::Held;
    }
    let until = head.object_lock_retain_until_date.as_ref().map(DateTime::secs);
    match until.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(until) if until > clock.wall() => Lock::Until(until),
        _ => Lock::None,
    }
}
