//! The S3 client: credentials from the AWS credential chain, timeouts, no retries of its own.
//!
//! The client adds no checksums (`WhenRequired`): its default CRC trailers break some servers, and every create sends the
//! object's SHA-256.

use std::sync::Arc;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    ConfigBag, Intercept, ProvideCredentials, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;

use crate::config::{Addressing, S3Settings};
use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::s3::credentials::{RenewedCredentials, Source};
use crate::store::s3::failure;
use crate::store::s3::objects::ExpectedOwner;

/// Makes a client from `settings`, and loads credentials, so that missing ones are reported at the start and by name.
pub(super) async fn connect(
    settings: &S3Settings,
    http: SharedHttpClient,
    credentials: Arc<RenewedCredentials>,
) -> Result<Client, StoreError> {
    require_credentials(&credentials).await?;
    let credentials: Arc<dyn ProvideCredentials> = credentials;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(http)
        .timeout_config(timeouts(settings))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // They are kept by the provider, which can be told that they have expired.
        .identity_cache(IdentityCache::no_cache())
        // The store retries by itself: the client's retry quota is not refilled by requests that end in a 412.
        .retry_config(RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // The timeouts above already bound a stalled stream.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = aws_sdk_s3::config::Builder::from(&loader.load().await)
        .force_path_style(settings.addressing == Addressing::Path);
    let config = match &settings.expected_owner {
        Some(owner) => config.interceptor(ExpectedOwner(owner.clone())),
        None => config,
    };
    Ok(Client::from_conf(config.build()))
}

/// Where the credentials of a client come from: the AWS credential chain, or one profile.
pub(super) fn source(settings: &S3Settings, http: &SharedHttpClient) -> Source {
    let region = Region::new(settings.region.clone());
    let (profile, http) = (settings.profile.clone(), http.clone());
    Box::new(move || {
        let (profile, region) = (profile.clone(), region.clone());
        let around = ProviderConfig::without_region()
            .with_region(Some(region.clone()))
            .with_http_client(http.clone());
        Box::pin(async move {
            match profile {
                // Only this profile: in the credential chain, environment variables would override it.
                Some(profile) => SharedCredentialsProvider::new(
                    ProfileFileCredentialsProvider::builder()
                        .configure(&around)
                        .profile_name(profile)
                        .build(),
                ),
                None => {
                    let chain = DefaultCredentialsChain::builder().configure(around).region(region);
                    SharedCredentialsProvider::new(chain.build().await)
                }
            }
        })
    })
}

fn timeouts(settings: &S3Settings) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build()
}

async fn require_credentials(credentials: &RenewedCredentials) -> Result<(), StoreError> {
    match credentials.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error @ CredentialsError::CredentialsNotLoaded(_)) => Err(StoreError::config(
            "no AWS credentials are found",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role",
        )
        .with("cause", failure::innermost(&error))),
        Err(error) => Err(failure::source_fails(&error)),
    }
}

/// Signs a request with the known hash of its body instead of hashing the body again.
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
