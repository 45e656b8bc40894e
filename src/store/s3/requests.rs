//! The operations of the store as requests to a bucket.

use async_trait::async_trait;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::error::Kind;
use crate::record::hash::Hash;
use crate::store::contract::{Creation, Digest, Entry, Store, Tail, Version, check_created_size};
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::s3::bucket::S3Store;
use crate::store::s3::client::SignedHash;
use crate::store::s3::{failure, listing, lock, objects};

/// An object to create.
struct Upload<'a> {
    /// The object key relative to the store's prefix, for messages.
    key: &'a str,
    full: String,
    bytes: Bytes,
    hash: Hash,
}

impl S3Store {
    /// One attempt of a create.
    async fn put(&self, upload: &Upload<'_>) -> Result<Creation, StoreError> {
        let context = self.context("create", upload.key);
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&upload.full)
            .if_none_match("*")
            .checksum_sha256(BASE64.encode(upload.hash.0))
            .set_object_lock_mode(lock::mode(self.lock))
            .set_object_lock_retain_until_date(lock::retain_until(self.lock, self.clock))
            .set_object_lock_legal_hold_status(lock::legal_hold(self.lock))
            .body(ByteStream::new(SdkBody::from(upload.bytes.clone())));
        let request = objects::apply(request, &self.objects);
        match request.customize().interceptor(SignedHash(upload.hash)).send().await {
            // Durable from here, if the response is from an S3 server: every S3 server sends an ETag.
            Ok(output) if output.e_tag().is_some() => Ok(Creation::Created),
            Ok(_) => Err(context.not_s3()),
            Err(error) if failure::status(&error) == Some(412) => Ok(Creation::Exists),
            Err(error) => Err(context.failure(error)),
        }
    }

    /// Whether the object exists; false if that cannot be read.
    async fn exists(&self, full: &str) -> bool {
        let answer = self.client.head_object().bucket(&self.bucket).key(full).send().await;
        answer.is_ok_and(|answer| answer.e_tag().is_some())
    }
}

#[async_trait]
impl Store for S3Store {
    fn location(&self) -> String {
        self.location.clone()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        check_created_size(key, bytes.len() as u64)?;
        let upload = Upload {
            key,
            full: self.full_key(key)?,
            bytes,
            hash: *hash,
        };
        let work = || async {
            match self.put(&upload).await {
                // The reply was lost. It may have been a 412 that the server sent before it read the body, and closed
                // the connection. A HEAD is cheaper than sending the body again.
                Err(error) if error.kind() == Kind::Transient && self.exists(&upload.full).await => {
                    Ok(Creation::Exists)
                }
                done => done,
            }
        };
        self.twice_if_damaged(|| self.with_retries(self.context("create", key), &work))
            .await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.read(key, None, max_bytes).await
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        self.read_tail(key, bytes).await
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        self.read_digest(key, max_bytes).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        listing::list(self, prefix, start_after, limit).await
    }

    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        let full = self.full_key(key)?;
        self.with_retries(self.context("head", key), || lock::check(self, key, &full))
            .await
    }

    async fn modified_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        let head = self.head(key).await?;
        let modified = head.and_then(|head| head.last_modified);
        Ok(modified.map(|at| at.secs().saturating_mul(1000)))
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        if !listing::keeps_versions(self).await? {
            return Ok(None);
        }
        listing::versions(self, prefix, None).await.map(Some)
    }

    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        if !listing::keeps_versions(self).await? {
            return Ok(None);
        }
        listing::versions(self, prefix, Some(start_after)).await.map(Some)
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.read(key, Some(version), max_bytes).await
    }
}
