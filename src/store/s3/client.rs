//! The S3 client: TLS by rustls on ring, credentials from the AWS credential chain, timeouts, no retries of its own.
//!
//! The client adds no checksums (`WhenRequired`): its default CRC trailers break some servers, and every create sends the
//! object's SHA-256.

use std::path::Path;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
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
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::{Addressing, S3Settings};
use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::s3::failure;

/// Makes a client from `settings`, with the credentials that `loader` finds.
pub(super) async fn connect(settings: &S3Settings, loader: ConfigLoader) -> Result<Client, StoreError> {
    let shared = loader.load().await;
    require_credentials(&shared).await?;
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(settings.addressing == Addressing::Path)
        .build();
    Ok(Client::from_conf(config))
}

/// The loader of a client's configuration.
///
/// # Errors
/// `Config` if the CA file has no certificates.
pub(super) fn loader(settings: &S3Settings) -> Result<ConfigLoader, StoreError> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(tls_context(settings.ca_file.as_deref())?)
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(http.clone())
        .timeout_config(timeouts)
        // The store retries by itself: the client's retry quota is not refilled by requests that end in a 412.
        .retry_config(RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // The timeouts above already bound a stalled stream.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(profile) = &settings.profile {
        // Only this profile: in the credential chain, environment variables would override it.
        let around = ProviderConfig::without_region()
            .with_region(Some(Region::new(settings.region.clone())))
            .with_http_client(http);
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&around)
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Ok(loader)
}

/// Trusts the CA certificates of the system, or those of the file alone.
fn tls_context(ca_file: Option<&Path>) -> Result<TlsContext, StoreError> {
    let context = TlsContext::builder();
    let Some(file) = ca_file else {
        return context.build().map_err(|error| no_authority(Path::new(""), &error));
    };
    let pem = std::fs::read(file).map_err(|error| no_authority(file, &error))?;
    // The client would panic later on an invalid certificate.
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| no_authority(file, &error))?;
    let (added, _) = RootCertStore::empty().add_parsable_certificates(certificates.clone());
    if added == 0 || added < certificates.len() {
        return Err(no_authority(file, &"not every block is a certificate"));
    }
    let trusted = TrustStore::empty().with_pem_certificate(pem);
    let context = context.with_trust_store(trusted).build();
    context.map_err(|error| no_authority(file, &error))
}

fn no_authority(file: &Path, why: &dyn std::fmt::Display) -> StoreError {
    let error = StoreError::config(
        "the CA certificates cannot be read",
        "set store.ca_file to a file of certificates in PEM, or to \"\" for the system's",
    );
    error.with("file", file.display()).with("cause", why)
}

/// Loads credentials now, so that a missing variable is reported at the start and by name.
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
