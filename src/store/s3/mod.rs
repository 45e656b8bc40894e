//! Objects in a bucket of any S3-compatible server.
//!
//! A create is one PUT with `If-None-Match: *` and the object's SHA-256, which serves the checksum header and the
//! signature alike, so that bytes are hashed once however large. Never multipart (its parts and its final answer know
//! no condition on every server), never an overwrite, never a delete.

mod body;
mod client;
mod failure;
pub mod inspect;
mod listing;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::ConfigLoader;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::key::{self, KEY_MAX_BYTES};
use super::{Creation, Entry, Store, StoreError, Version, check_size};
use crate::config::S3Settings;
use crate::error::Kind;
use crate::model::hash::Hash;
use client::SignedHash;
use failure::Scene;

/// A store in a bucket. See the module.
pub struct S3Store {
    client: Client,
    bucket: String,
    /// What stands before every key: empty, or ends in `/`.
    root: String,
    location: String,
    attempts: u32,
    body_timeout: Duration,
}

impl S3Store {
    /// Makes a client for the bucket that the settings name, with credentials of the usual AWS chain (environment,
    /// profile, web identity, container, instance). Sends nothing to the store yet.
    ///
    /// # Errors
    /// `Config` for a prefix that can't begin a key, and where no credentials are found.
    pub async fn open(settings: &S3Settings, prefix: &str) -> Result<Self, StoreError> {
        Self::open_by(settings, prefix, client::loader(settings)).await
    }

    async fn open_by(settings: &S3Settings, prefix: &str, loader: ConfigLoader) -> Result<Self, StoreError> {
        if !prefix.is_empty() && key::check(prefix).is_err() {
            let error = StoreError::config(
                "the prefix can't begin a key",
                "set store.prefix to names with `/` between",
            );
            return Err(error.with("prefix", prefix.escape_default()));
        }
        let root = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        let server = settings.endpoint.as_deref().unwrap_or("AWS");
        Ok(Self {
            client: client::connect(settings, loader).await?,
            bucket: settings.bucket.clone(),
            location: format!("s3://{}/{root} at {server}", settings.bucket),
            root,
            attempts: settings.attempts,
            body_timeout: settings.attempt_timeout,
        })
    }

    fn full_key(&self, key: &str) -> Result<String, StoreError> {
        key::check(key)?;
        let full = format!("{}{key}", self.root);
        if full.len() > KEY_MAX_BYTES {
            let error = StoreError::input("the key with its prefix is too long", "shorten store.prefix");
            return Err(error.with("key", key));
        }
        Ok(full)
    }

    /// What an error message tells of the place where it happened.
    fn scene<'a>(&'a self, operation: &'static str, key: &'a str) -> Scene<'a> {
        Scene {
            operation,
            key,
            store: &self.location,
        }
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<Option<Bytes>, StoreError> {
        let full = self.full_key(key)?;
        let mut attempt = 1;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(&full);
            let request = request.set_version_id(version.map(str::to_owned)).customize();
            let output = match request.mutate_request(body::ask_for_checksum).send().await {
                Ok(output) => output,
                Err(error) if failure::is_absent(&error) => return Ok(None),
                Err(error) => return Err(self.scene("get", key).failure(error)),
            };
            match body::read(key, output, self.body_timeout).await {
                // The client repeats requests by itself, but not a body that broke off.
                Err(error) if error.kind() == Kind::Transient && attempt < self.attempts => attempt += 1,
                done => return done.map(Some),
            }
        }
    }
}

/// Short, since the client shows all that it is made of, the name of the access key among it.
impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.location)
    }
}

#[async_trait]
impl Store for S3Store {
    fn location(&self) -> String {
        self.location.clone()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        let full = self.full_key(key)?;
        check_size(key, bytes.len() as u64)?;
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(full)
            .if_none_match("*");
        let request = request
            .checksum_sha256(BASE64.encode(hash.0))
            .body(ByteStream::new(SdkBody::from(bytes)));
        match request.customize().interceptor(SignedHash(*hash)).send().await {
            // Durable from here, if it was an S3 server that said so: every one names an ETag.
            Ok(output) if output.e_tag().is_some() => Ok(Creation::Created),
            Ok(_) => Err(failure::not_s3()
                .with("operation", "create")
                .with("key", key)
                .with("store", &self.location)),
            // Perhaps by an earlier try of this very call, whose reply was lost.
            Err(error) if failure::status(&error) == Some(412) => Ok(Creation::Exists),
            Err(error) => Err(self.scene("create", key).failure(error)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(key, None).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        listing::list(self, prefix, start_after, limit).await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        if !listing::keeps_versions(self).await? {
            return Ok(None);
        }
        listing::versions(self, prefix).await.map(Some)
    }

    async fn get_version(&self, key: &str, version: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(key, Some(version)).await
    }
}

#[cfg(test)]
mod tests;
