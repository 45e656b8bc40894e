//! Asks witnesses over HTTP (C2SP tlog-witness). An answer is cut at a limit, and a request ends after a timeout, whatever the
//! witness sends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

use crate::log::witness::{ANSWER_MAX_BYTES, Answer, classify};
use crate::record::hash::Hash;
use crate::task::error::AppError;

/// How long a request may take, from the name's resolution to the last byte.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection is kept for the next request. The answer to a conflict reuses it; by the next checkpoint the witness
/// may have closed it, and a request on it would fail.
const IDLE: Duration = Duration::from_secs(10);

/// A witness did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the witness does not answer at {url}: {cause}")]
pub struct NoAnswer {
    /// The URL of the request.
    pub url: String,
    /// Why, as the client says.
    pub cause: String,
}

/// The way to a witness: [`HttpClient`], or a double in tests.
#[async_trait]
pub trait WitnessClient: Send + Sync {
    /// Sends `body` to the submission prefix `url`.
    ///
    /// # Errors
    /// [`NoAnswer`] if no whole answer arrives.
    async fn add_checkpoint(&self, url: &str, body: Vec<u8>) -> Result<Answer, NoAnswer>;

    /// The newest checkpoint that the witness with the monitoring prefix `url` cosigned for the log `origin`: a note, not
    /// verified. None where it shows none, which witnesses are free to do.
    ///
    /// # Errors
    /// [`NoAnswer`] if no whole answer arrives.
    async fn newest_checkpoint(&self, url: &str, origin: &str) -> Result<Option<Bytes>, NoAnswer>;
}

/// A client for `http://` and `https://`. It follows no redirects and uses no proxy. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

struct Response {
    status: u16,
    media_type: Option<String>,
    /// At most one frame longer than [`ANSWER_MAX_BYTES`].
    body: Vec<u8>,
}

impl HttpClient {
    /// A client for these URLs. The certificates of the system's authorities are read only where one needs them.
    ///
    /// # Errors
    /// `Config` if there are none.
    pub fn for_urls<'u>(mut urls: impl Iterator<Item = &'u str>) -> Result<HttpClient, AppError> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = if urls.any(|url| url.starts_with("https://")) {
            let builder = builder.with_provider_and_native_roots(provider);
            builder.map_err(|error| {
                let message = format!("no certificates of authorities are found for https witnesses: {error}");
                AppError::config(message).fix("install the system's CA certificates, or name a file with SSL_CERT_FILE")
            })?
        } else {
            let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
            let config = config.map_err(|error| AppError::internal(error.to_string()))?;
            builder.with_tls_config(
                config
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth(),
            )
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(HttpClient {
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .build(connector),
            timeout: TIMEOUT,
        })
    }

    /// This client with another limit on how long a request may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> HttpClient {
        self.timeout = timeout;
        self
    }

    async fn ask(&self, method: Method, url: String, body: Vec<u8>) -> Result<Response, NoAnswer> {
        let no_answer = |cause: String| NoAnswer {
            url: url.clone(),
            cause,
        };
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header(
                USER_AGENT,
                HeaderValue::from_static(concat!("kivend/", env!("CARGO_PKG_VERSION"))),
            )
            .body(Full::from(body))
            .map_err(|error| no_answer(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Err(_) => Err(no_answer(format!(
                "no whole answer within {} ms",
                self.timeout.as_millis()
            ))),
            Ok(response) => response.map_err(no_answer),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response, String> {
        let mut response = self.client.request(request).await.map_err(|error| innermost(&error))?;
        let mut body = Vec::new();
        while body.len() <= ANSWER_MAX_BYTES
            && let Some(frame) = response.frame().await
        {
            let frame = frame.map_err(|error| innermost(&error))?;
            body.extend_from_slice(frame.data_ref().map_or(&[], Bytes::as_ref));
        }
        let media_type = response.headers().get(CONTENT_TYPE);
        Ok(Response {
            status: response.status().as_u16(),
            media_type: media_type.and_then(|value| value.to_str().ok()).map(str::to_owned),
            body,
        })
    }
}

#[async_trait]
impl WitnessClient for HttpClient {
    async fn add_checkpoint(&self, url: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let Response {
            status,
            media_type,
            body,
        } = self.ask(Method::POST, format!("{url}/add-checkpoint"), body).await?;
        Ok(classify(status, media_type.as_deref(), &body))
    }

    async fn newest_checkpoint(&self, url: &str, origin: &str) -> Result<Option<Bytes>, NoAnswer> {
        let url = format!("{url}/{}/checkpoint", Hash::of(origin.as_bytes()));
        let response = self.ask(Method::GET, url, Vec::new()).await?;
        let is_note = response.status == 200 && response.body.len() <= ANSWER_MAX_BYTES;
        Ok(is_note.then(|| Bytes::from(response.body)))
    }
}

/// The cause at the end of the chain: the client's own message names none.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "witness_client_tests.rs"]
mod tests;
