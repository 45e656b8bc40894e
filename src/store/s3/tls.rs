//! Whom the S3 client trusts: the system's authorities, or those of a file alone.
//!
//! A server may show a certificate of that file itself, such as the self-signed one of a private server. rustls refuses one that
//! calls itself an authority as a server's, so a certificate of the file is accepted by its own bytes. The server must still
//! prove that it has the key.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::store::error::StoreError;

/// The configuration of TLS for these authorities.
///
/// # Errors
/// `Config` if the file has something else than certificates.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, StoreError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::internal("TLS cannot be set up").caused_by(error))?;
    match ca_file {
        Some(file) => Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OfFile::read(file)?))
            .with_no_client_auth()),
        // A machine without any authority can still reach a server without TLS.
        None => Ok(match builder.clone().with_native_roots() {
            Ok(trusting) => trusting.with_no_client_auth(),
            Err(error) => {
                tracing::debug!(event = "no_authorities", %error, "the system has no certificates of authorities");
                builder
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth()
            }
        }),
    }
}

/// Accepts what an authority of a file signed, and the certificates of the file.
#[derive(Debug)]
struct OfFile {
    authorities: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl OfFile {
    fn read(file: &Path) -> Result<OfFile, StoreError> {
        let pem = std::fs::read(file).map_err(|error| no_authority(file, &error))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates.map_err(|error| no_authority(file, &error))?;
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates.clone());
        if added == 0 || added < certificates.len() {
            return Err(no_authority(file, &"not every block is a certificate"));
        }
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build();
        Ok(OfFile {
            authorities: authorities.map_err(|error| no_authority(file, &error))?,
            certificates,
        })
    }
}

impl ServerCertVerifier for OfFile {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.certificates.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

fn no_authority(file: &Path, why: &dyn std::fmt::Display) -> StoreError {
    let error = StoreError::config(
        "the CA certificates cannot be read",
        "set store.ca_file to a file of certificates in PEM, or to \"\" for the system's",
    );
    error.with("file", file.display()).with("cause", why)
}
