//! What a bucket says about itself: whether it keeps versions, whether it locks objects, and what time it is there. For
//! the doctor alone; the archive's promises rest on none of it, and servers that do not tell are not refused.

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

/// Whether a bucket keeps what was overwritten or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It keeps versions.
    Kept,
    /// It keeps none.
    NotKept,
    /// The server does not tell, or not to us.
    Untold,
}

/// Whether a bucket refuses to let objects be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectLock {
    /// Every new object, in this mode for this long, such as `COMPLIANCE` and `30 days`.
    ByDefault {
        /// The mode.
        mode: String,
        /// The period.
        period: String,
    },
    /// Only objects that ask for it, and ours do not.
    OnRequest,
    /// Object Lock is off.
    Off,
    /// The server does not tell, or not to us.
    Untold,
}

/// What the bucket said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether old versions are kept.
    pub versioning: Versioning,
    /// Whether objects are locked.
    pub object_lock: ObjectLock,
    /// The server's clock, to the second, when it answered.
    pub server_time: Option<Timestamp>,
}

impl S3Store {
    /// Asks the bucket about itself. What it does not tell is no error.
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
            Err(_) => Versioning::Untold,
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
            Err(_) => ObjectLock::Untold,
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

/// The `Date` of the server's answer to the cheapest question, whatever the answer is.
async fn server_time(client: &Client, bucket: &str) -> Option<Timestamp> {
    let date = DateHeader::default();
    let question = client
        .head_bucket()
        .bucket(bucket)
        .customize()
        .interceptor(date.clone());
    let _refused_or_not = question.send().await;
    let date = date.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    // An HTTP date (RFC 9110) is an RFC 2822 one.
    DateTimeParser::new().parse_timestamp(date).ok()
}

/// Keeps the `Date` of an answer.
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
    fn a_default_retention_is_told_with_its_mode_and_period() {
        let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance);
        let told = by_default(retention.clone().days(30).build());
        assert_eq!(
            told,
            ObjectLock::ByDefault {
                mode: "COMPLIANCE".to_owned(),
                period: "30 days".to_owned()
            }
        );
        assert_eq!(by_default(retention.build()), ObjectLock::OnRequest);
    }
}
