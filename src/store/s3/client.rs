//! The client: TLS by rustls on ring, credentials from the usual chain, timeouts, one try of each request.
//!
//! Never a checksum of its own making (`WhenRequired`): the default CRC trailers break some servers, and ours is sent
//! with every create.

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    ConfigBag, Intercept, ProvideCredentials, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls;

use super::super::StoreError;
use super::failure;
use crate::config::{Addressing, S3Settings};
use crate::model::hash::Hash;

/// Makes a client by `settings`, with what `loader` finds.
pub(super) async fn connect(settings: &S3Settings, loader: ConfigLoader) -> Result<Client, StoreError> {
    let shared = loader.load().await;
    require_credentials(&shared).await?;
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(settings.addressing == Addressing::Path)
        .build();
    Ok(Client::from_conf(config))
}

/// What every client is loaded with; credentials are then looked for in the usual chain.
pub(super) fn loader(settings: &S3Settings) -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(http)
        .timeout_config(timeouts)
        // The store itself tries again: the client's budget of retries runs dry for good when tries end in a 412.
        .retry_config(RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // The timeouts above bound a stalled stream already, without watching every chunk.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader
}

/// Asks for credentials now: a missing variable should be told at the start, by its name.
async fn require_credentials(config: &SdkConfig) -> Result<(), StoreError> {
    let missing = || {
        StoreError::config(
            "no AWS credentials are found",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role",
        )
    };
    let provider = config.credentials_provider().ok_or_else(missing)?;
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(missing().with("cause", failure::innermost(&error))),
    }
}

/// Signs a request for a body of this hash, instead of hashing the body once more.
#[derive(Debug)]
pub(super) struct SignedHash(pub(super) Hash);

impl Intercept for SignedHash {
    fn name(&self) -> &'static str {
        "SignedHash"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config
            .interceptor_state()
            .store_put(PayloadSigningOverride::Precomputed(self.0.to_string()));
        Ok(())
    }
}
