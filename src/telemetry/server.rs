//! The port of the status page, `/metrics` (OpenMetrics), `/healthz` and `/readyz`; a failing probe has its reason in the body.
//! There is no authentication, so responses must not contain records, keys or secrets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::clock::Clock;
use crate::error::{Explain, Kind};
use crate::telemetry::health::Health;
use crate::telemetry::history::{EVERY, History};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::partition_rows::Listing;
use crate::telemetry::status::{Status, sample};
use crate::telemetry::status_page::{FILES, guarded};
use crate::telemetry::text_format::TextFormat;

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the telemetry port {listen} cannot be opened")]
pub struct ListenError {
    listen: SocketAddr,
    source: std::io::Error,
}

impl Explain for ListenError {
    fn kind(&self) -> Kind {
        Kind::Config
    }

    fn remedy(&self) -> Option<String> {
        Some("set telemetry.listen to a free address, or to \"\" to open no port".to_owned())
    }
}

/// The state that the port serves.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/healthz` and `/readyz`.
    pub health: Arc<Health>,
    /// The clock of both.
    pub clock: Clock,
}

/// What the status page shows.
#[derive(Debug, Clone)]
struct Shown {
    vitals: Vitals,
    history: Arc<History>,
}

/// Opens the port and serves it in a task of the current runtime until the runtime ends. Returns the address, with the
/// real port if `listen` has port 0.
///
/// # Errors
/// The port is taken or may not be opened.
pub async fn serve(listen: SocketAddr, vitals: Vitals) -> Result<SocketAddr, ListenError> {
    let refused = |source| ListenError { listen, source };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let shown = Shown {
        vitals: vitals.clone(),
        history: Arc::default(),
    };
    shown.remember();
    tokio::spawn(remember(shown.clone()));
    let mut page = axum::Router::new().route("/status.json", get(status));
    for (path, file) in FILES {
        page = page.route(path, get(move || async move { file }));
    }
    let router = axum::Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(vitals)
        .merge(page.with_state(shown));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(event = "port_closed", %error, "the telemetry port closed");
        }
    });
    Ok(address)
}

async fn metrics(State(vitals): State<Vitals>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = TextFormat::preferred(&accepted.join(","));
    let encoded = vitals.metrics.encode(vitals.clock.utc_seconds());
    (
        [(header::CONTENT_TYPE, format.content_type())],
        format.of_open_metrics(encoded),
    )
}

async fn healthz(State(vitals): State<Vitals>) -> impl IntoResponse {
    answer(vitals.health.alive(vitals.clock.monotonic_ms()))
}

async fn readyz(State(vitals): State<Vitals>) -> impl IntoResponse {
    answer(vitals.health.readiness())
}

async fn status(State(shown): State<Shown>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let Vitals { metrics, health, clock } = &shown.vitals;
    let listing = Listing::of_query(query.as_deref().unwrap_or_default());
    let status = Status::of(metrics, health, clock, &shown.history, &listing);
    // Numbers and strings are always JSON.
    let body = serde_json::to_string(&status).unwrap_or_default();
    guarded("application/json", body)
}

/// Takes further samples for the history until the runtime ends.
async fn remember(shown: Shown) {
    loop {
        tokio::time::sleep(EVERY).await;
        shown.remember();
    }
}

impl Shown {
    fn remember(&self) {
        let Vitals { metrics, health, clock } = &self.vitals;
        self.history.push(sample(metrics, health, clock));
    }
}

fn answer(state: Result<(), String>) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(address: SocketAddr, path: &str) -> String {
        ask_for(address, path, "*/*").await
    }

    async fn ask_for(address: SocketAddr, path: &str, accept: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: kivend\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn vitals() -> Vitals {
        Vitals {
            metrics: Arc::default(),
            health: Arc::default(),
            clock: Clock::start(),
        }
    }

    #[tokio::test]
    async fn one_port_serves_metrics_liveness_and_readiness() {
        let vitals = vitals();
        let address = serve(([127, 0, 0, 1], 0).into(), vitals.clone()).await.unwrap();
        assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let unready = ask(address, "/readyz").await;
        assert!(
            unready.starts_with("HTTP/1.1 503") && unready.ends_with("starting\n"),
            "{unready}"
        );
        vitals.health.ready();
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let older = ask(address, "/metrics").await;
        assert!(older.contains("content-type: text/plain; version=0.0.4"), "{older}");
        assert!(older.contains("\n# TYPE kivend_records_total counter\n"), "{older}");
        let newer = ask_for(address, "/metrics", "application/openmetrics-text;version=1.0.0").await;
        assert!(
            newer.contains("content-type: application/openmetrics-text; version=1.0.0"),
            "{newer}"
        );
        assert!(newer.ends_with("# EOF\n"), "{newer}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_with_a_remedy() {
        let address = serve(([127, 0, 0, 1], 0).into(), vitals()).await.unwrap();
        let error = serve(address, vitals()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the telemetry port {address} cannot be opened")
        );
        assert!(error.remedy().is_some_and(|remedy| remedy.contains("telemetry.listen")));
    }
}
