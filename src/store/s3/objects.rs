//! How objects are created beside their bytes: encryption, storage class, tags. And the account that must own the bucket.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};

use crate::config::{Encryption, ObjectSettings};

/// Adds the headers of the settings to a create.
pub(super) fn apply(request: PutObjectFluentBuilder, objects: &ObjectSettings) -> PutObjectFluentBuilder {
    let tags = (!objects.tags.is_empty()).then(|| tagging(&objects.tags));
    let request = request
        .set_storage_class(objects.storage_class.as_deref().map(StorageClass::from))
        .set_tagging(tags)
        .set_server_side_encryption(objects.encryption.as_ref().map(algorithm));
    match &objects.encryption {
        Some(Encryption::Kms { key_id, bucket_key }) => request
            .set_ssekms_key_id(key_id.clone())
            .set_bucket_key_enabled(bucket_key.then_some(true)),
        Some(Encryption::S3) | None => request,
    }
}

/// Whether the object is encrypted as the settings say: some servers accept the headers and ignore them.
pub(super) fn is_encrypted(head: &HeadObjectOutput, objects: &ObjectSettings) -> bool {
    let Some(wanted) = &objects.encryption else {
        return true;
    };
    let has_key = match wanted {
        Encryption::Kms { key_id: Some(key), .. } => {
            // The answer has the key's ARN; the setting may be its id at the end of that. An alias is not in it.
            key.contains("alias/") || head.ssekms_key_id().is_some_and(|used| used.ends_with(key.as_str()))
        }
        Encryption::Kms { key_id: None, .. } | Encryption::S3 => true,
    };
    head.server_side_encryption() == Some(&algorithm(wanted)) && has_key
}

fn algorithm(encryption: &Encryption) -> ServerSideEncryption {
    match encryption {
        Encryption::S3 => ServerSideEncryption::Aes256,
        Encryption::Kms { .. } => ServerSideEncryption::AwsKms,
    }
}

/// The tags as a query string.
fn tagging(tags: &[(String, String)]) -> String {
    let pairs = tags
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Sends the account that must own the bucket with every request: a bucket that was deleted and created again by somebody
/// else is refused.
#[derive(Debug)]
pub(super) struct ExpectedOwner(pub(super) String);

impl Intercept for ExpectedOwner {
    fn name(&self) -> &'static str {
        "ExpectedOwner"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("x-amz-expected-bucket-owner", self.0.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_encoded_as_a_query_string() {
        let tags =
            [("team", "audit & risk"), ("größe", "1/2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tagging(&tags), "team=audit%20%26%20risk&gr%C3%B6%C3%9Fe=1%2F2");
    }

    #[test]
    fn an_object_must_be_encrypted_in_the_way_and_with_the_key_of_the_settings() {
        let kms = |key: Option<&str>| ObjectSettings {
            encryption: Some(Encryption::Kms {
                key_id: key.map(str::to_owned),
                bucket_key: false,
            }),
            ..ObjectSettings::default()
        };
        let head = |algorithm, key: Option<&str>| {
            let head = HeadObjectOutput::builder().set_server_side_encryption(algorithm);
            head.set_ssekms_key_id(key.map(str::to_owned)).build()
        };
        let by_kms = head(Some(ServerSideEncryption::AwsKms), Some("arn:aws:kms:eu-1:1:key/1234"));
        for wanted in [
            None,
            Some("1234"),
            Some("arn:aws:kms:eu-1:1:key/1234"),
            Some("alias/audit"),
        ] {
            assert!(is_encrypted(&by_kms, &kms(wanted)), "{wanted:?}");
        }
        assert!(!is_encrypted(&by_kms, &kms(Some("5678"))));
        for other in [None, Some(ServerSideEncryption::Aes256)] {
            assert!(!is_encrypted(&head(other, None), &kms(None)));
        }
        assert!(is_encrypted(&head(None, None), &ObjectSettings::default()));
    }
}
