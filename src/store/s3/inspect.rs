//! Versioning, Object Lock and clock of a bucket, for `kivend doctor`. The archive does not depend on them, so a server
//! that does not answer is accepted.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, DefaultRetention};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::store::s3::bucket::S3Store;
use crate::store::s3::failure;

/// Whether a bucket keeps overwritten and deleted versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Versioning is enabled.
    Kept,
    /// Versioning is disabled or suspended.
    NotKept,
    /// The server does not answer, or denies access.
    Unknown,
}

/// Whether a bucket protects objects from deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectLock {
    /// Every new object is locked.
    ByDefault {
        /// Such as `COMPLIANCE`.
        mode: String,
        /// Such as `30 days`.
        period: String,
    },
    /// Object Lock is enabled without a default retention: only objects created with a lock are protected.
    OnRequest,
    /// Object Lock is not enabled.
    Off,
    /// The server does not answer, or denies access.
    Unknown,
}

/// The properties of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Whether it protects objects from deletion.
    pub object_lock: ObjectLock,
    /// The server's clock, to the second, when it responded; none if the response had no date.
    pub server_time: Option<Timestamp>,
}

impl S3Store {
    /// Reads the bucket's properties. A request that fails is not an error.
    pub async fn facts(&self) -> Facts {
        Facts {
            server_time: server_time(&self.client, &self.bucket).await,
            versioning: self.versioning().await,
            object_lock: self.object_lock().await,
        }
    }

    async fn versioning(&self) -> Versioning {
        let answer = self.client.get_bucket_versioning().bucket(&self.bucket).send().await;
        match answer.map(|answer| answer.status) {
            Ok(Some(BucketVersioningStatus::Enabled)) => Versioning::Kept,
            Ok(_) => Versioning::NotKept,
            Err(_) => Versioning::Unknown,
        }
    }

    async fn object_lock(&self) -> ObjectLock {
        let answer = self
            .client
            .get_object_lock_configuration()
            .bucket(&self.bucket)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let rule = answer
                    .object_lock_configuration
                    .and_then(|configuration| configuration.rule);
                rule.and_then(|rule| rule.default_retention)
                    .map_or(ObjectLock::OnRequest, by_default)
            }
            Err(error) if is_off(&error) => ObjectLock::Off,
            Err(_) => ObjectLock::Unknown,
        }
    }
}

fn by_default(retention: DefaultRetention) -> ObjectLock {
    let period = match (retention.days, retention.years) {
        (Some(days), _) => format!("{days} days"),
        (None, Some(years)) => format!("{years} years"),
        (None, None) => return ObjectLock::OnRequest,
    };
    ObjectLock::ByDefault {
        mode: retention.mode.map_or_else(String::new, |mode| mode.as_str().to_owned()),
        period,
    }
}

fn is_off<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    failure::status(error) == Some(404) && error.code() == Some("ObjectLockConfigurationNotFoundError")
}

/// The `Date` header of the response to a HEAD of the bucket, whatever its status.
async fn server_time(client: &Client, bucket: &str) -> Option<Timestamp> {
    let date = DateHeader::default();
    let request = client
        .head_bucket()
        .bucket(bucket)
        .customize()
        .interceptor(date.clone());
    let _refused_or_not = request.send().await;
    let date = date.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    // An HTTP date (RFC 9110) is an RFC 2822 one.
    DateTimeParser::new().parse_timestamp(date).ok()
}

/// Keeps the `Date` header of a response.
#[derive(Debug, Clone, Default)]
struct DateHeader(Arc<Mutex<Option<String>>>);

impl Intercept for DateHeader {
    fn name(&self) -> &'static str {
        "DateHeader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::ObjectLockRetentionMode;

    #[test]
    fn an_http_date_is_read() {
        let time = DateTimeParser::new()
            .parse_timestamp("Tue, 03 Feb 2026 10:15:00 GMT")
            .unwrap();
        assert_eq!(time.to_string(), "2026-02-03T10:15:00Z");
    }

    #[test]
    fn a_default_retention_has_its_mode_and_period() {
        let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance);
        let lock = by_default(retention.clone().days(30).build());
        assert_eq!(
            lock,
            ObjectLock::ByDefault {
                mode: "COMPLIANCE".to_owned(),
                period: "30 days".to_owned()
            }
        );
        assert_eq!(by_default(retention.build()), ObjectLock::OnRequest);
    }
}
