//! The HTTP client below the S3 client, for what the client's own cannot do: certificates that are accepted by their own bytes
//! (`tls.rs`), and a proxy for `https://` alone.
//!
//! Plain `http://` goes without a proxy: it leads to this machine, to a trusted network, or to where containers and instances
//! find their credentials, none of which a proxy can reach.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::store::error::StoreError;
use crate::store::s3::tls;

/// Where the proxy is named, by precedence, as curl has it.
const PROXY_VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const NO_PROXY_VARIABLES: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A client that trusts the system's authorities, or those of the file alone, with the proxy that the environment names.
///
/// # Errors
/// `Config` if the CA file has no certificates, or the environment names no usable proxy.
pub fn client(ca_file: Option<&Path>) -> Result<SharedHttpClient, StoreError> {
    client_by(ca_file, |name| std::env::var(name).ok())
}

pub(super) fn client_by(
    ca_file: Option<&Path>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<SharedHttpClient, StoreError> {
    Ok(SharedHttpClient::new(Connectors {
        tls: tls::config(ca_file)?,
        proxy: Arc::new(proxy(environment)?),
        open: Mutex::default(),
    }))
}

fn proxy(environment: impl Fn(&str) -> Option<String>) -> Result<Matcher, StoreError> {
    let first = |names: &[&'static str]| {
        names
            .iter()
            .find_map(|name| Some((*name, environment(name).filter(|value| !value.is_empty())?)))
    };
    let Some((name, url)) = first(&PROXY_VARIABLES) else {
        return Ok(Matcher::builder().build());
    };
    // The value may hold a password, so it is not printed.
    let invalid = || {
        StoreError::config(
            "the environment does not name a usable proxy",
            "set the variable to `http://host:port` or `http://user:password@host:port`, or unset it",
        )
        .with("variable", name)
    };
    let any = Uri::from_static("https://s3.example");
    let named = Matcher::builder()
        .https(url.clone())
        .build()
        .intercept(&any)
        .ok_or_else(invalid)?;
    if named.uri().scheme_str() != Some("http") {
        return Err(invalid());
    }
    let direct = first(&NO_PROXY_VARIABLES).map_or_else(String::new, |(_, hosts)| hosts);
    Ok(Matcher::builder().https(url).no(direct).build())
}

/// Makes one connector, with its pool of connections, for each connect timeout.
struct Connectors {
    tls: ClientConfig,
    proxy: Arc<Matcher>,
    open: Mutex<Vec<(Option<Duration>, SharedHttpConnector)>>,
}

impl HttpClient for Connectors {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeout = settings.connect_timeout();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = open.iter().find(|(with, _)| *with == timeout) {
            return known.clone();
        }
        let connector = SharedHttpConnector::new(self.connector(timeout));
        open.push((timeout, connector.clone()));
        connector
    }
}

impl Connectors {
    fn connector(&self, timeout: Option<Duration>) -> Connector {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(timeout);
        let route = Route {
            tcp,
            proxy: Arc::clone(&self.proxy),
        };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(route);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        Connector(builder.build(https))
    }
}

/// Without the proxy, whose URL may hold a password.
impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connectors")
    }
}

struct Connector(Client<HttpsConnector<Route>, SdkBody>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let used = capture_connection(&mut request);
        if let Some(told) = request.extensions().get::<CaptureSmithyConnection>() {
            told.set_connection_retriever(move || Some(closable(&used)));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Lets the client close the connection of a request that failed, so that no other request is sent on it. Without one to
/// close, because none could be opened, there is nothing to do.
fn closable(used: &CaptureConnection) -> ConnectionMetadata {
    let used = used.clone();
    let close = move || {
        if let Some(connection) = used.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(close).build()
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// Connects directly, or through the proxy.
#[derive(Clone)]
struct Route {
    tcp: Tcp,
    proxy: Arc<Matcher>,
}

/// The proxy did not connect us to the server.
#[derive(Debug, thiserror::Error)]
#[error("the proxy `{proxy}` does not connect: {source}")]
pub(super) struct ProxyFailed {
    /// Without user and password.
    proxy: String,
    source: BoxError,
}

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(found) = self.proxy.intercept(&server) else {
            let connecting = self.tcp.call(server);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        };
        let connecting = tunnel(&found, self.tcp.clone()).call(server);
        Box::pin(async move {
            connecting.await.map_err(|error| {
                let proxy = found.uri().authority().map_or_else(String::new, ToString::to_string);
                ProxyFailed {
                    proxy,
                    source: error.into(),
                }
                .into()
            })
        })
    }
}

fn tunnel(found: &Intercept, tcp: Tcp) -> Tunnel<Tcp> {
    let tunnel = Tunnel::new(found.uri().clone(), tcp);
    match found.basic_auth() {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(variables: &[(&str, &str)]) -> Result<Matcher, StoreError> {
        proxy(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn through(matcher: &Matcher, url: &'static str) -> Option<String> {
        let found = matcher.intercept(&Uri::from_static(url));
        found.and_then(|found| found.uri().authority().map(ToString::to_string))
    }

    #[test]
    fn https_goes_through_the_proxy_except_where_no_proxy_says_otherwise() {
        let proxied = by(&[
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("NO_PROXY", "minio.example,10.0.0.0/8"),
        ])
        .unwrap();
        assert_eq!(
            through(&proxied, "https://s3.eu-1.amazonaws.com/a").as_deref(),
            Some("proxy:3128")
        );
        for direct in [
            "https://minio.example/a",
            "https://store.minio.example/a",
            "https://10.1.2.3:9000/a",
            "http://s3.eu-1.amazonaws.com/a",
            "http://169.254.169.254/latest/api/token",
        ] {
            assert_eq!(through(&proxied, direct), None, "{direct}");
        }
        assert_eq!(through(&by(&[]).unwrap(), "https://s3.amazonaws.com/"), None);
        assert_eq!(
            through(
                &by(&[("HTTP_PROXY", "http://p:1")]).unwrap(),
                "https://s3.amazonaws.com/"
            ),
            None
        );
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_printing_its_password() {
        for url in [
            "https://me:hunter2@proxy",
            "socks5://me:hunter2@proxy:1080",
            "http://me:hunter2@:bad url",
        ] {
            let error = by(&[("https_proxy", url)]).unwrap_err();
            let told = format!("{error:?} {error} {}", error.remedy());
            assert!(told.contains("https_proxy") && !told.contains("hunter2"), "{told}");
        }
    }
}
