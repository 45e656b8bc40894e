//! The requests that read objects: whole, their end, or their hash.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use bytes::Bytes;

use crate::store::contract::{Digest, Tail};
use crate::store::error::StoreError;
use crate::store::s3::body::{self, Limits};
use crate::store::s3::bucket::S3Store;
use crate::store::s3::failure;

impl S3Store {
    pub(super) async fn read(
        &self,
        key: &str,
        version: Option<&str>,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let request = self.get_request(key)?.set_version_id(version.map(str::to_owned));
        let work = || async {
            let context = self.context("get", key);
            let request = request.clone().customize();
            match request.mutate_request(body::ask_for_checksum).send().await {
                Ok(output) => body::read(context, output, self.limits(max_bytes)).await.map(Some),
                Err(error) if failure::is_absent(&error) => Ok(None),
                Err(error) => Err(context.failure(error)),
            }
        };
        self.twice_if_damaged(|| self.with_retries(self.context("get", key), &work))
            .await
    }

    pub(super) async fn read_tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        let request = self.get_request(key)?.range(format!("bytes=-{bytes}"));
        let work = || async {
            let context = self.context("get", key);
            match request.clone().send().await {
                Ok(output) => body::tail(context, output, self.limits(bytes)).await.map(Some),
                // An empty object has no range.
                Err(error) if failure::status(&error) == Some(416) && is_of_empty_object(&error) => Ok(Some(Tail {
                    object_bytes: 0,
                    end: Bytes::new(),
                })),
                Err(error) if failure::status(&error) == Some(416) => Err(context.ignores_ranges()),
                Err(error) if failure::is_absent(&error) => Ok(None),
                Err(error) => Err(context.failure(error)),
            }
        };
        self.with_retries(self.context("get", key), work).await
    }

    pub(super) async fn read_digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        let request = self.get_request(key)?;
        let work = || async {
            let context = self.context("get", key);
            let request = request.clone().customize();
            match request.mutate_request(body::ask_for_checksum).send().await {
                Ok(output) => body::digest(context, output, self.limits(max_bytes)).await.map(Some),
                Err(error) if failure::is_absent(&error) => Ok(None),
                Err(error) => Err(context.failure(error)),
            }
        };
        self.twice_if_damaged(|| self.with_retries(self.context("get", key), &work))
            .await
    }

    fn get_request(&self, key: &str) -> Result<GetObjectFluentBuilder, StoreError> {
        Ok(self.client.get_object().bucket(&self.bucket).key(self.full_key(key)?))
    }

    fn limits(&self, max_bytes: u64) -> Limits {
        Limits {
            max_bytes,
            timeout: self.attempt_timeout,
        }
    }
}

/// Whether a refused range is one of an object without bytes: servers that do not know ranges from the end refuse all.
fn is_of_empty_object(error: &SdkError<GetObjectError, HttpResponse>) -> bool {
    let range = error
        .raw_response()
        .and_then(|response| response.headers().get("content-range"));
    range.is_none_or(|range| range.ends_with("/0") || range.ends_with("/*"))
}
