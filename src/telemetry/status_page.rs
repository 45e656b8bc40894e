//! The status page: files without a build step that show `/status.json`. What is shown comes from topics' names and errors, so
//! the page sets text only, and its policy allows no script but its own.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

/// Scripts, styles and data of this port alone; no frame may show the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    content_type: &'static str,
    text: &'static str,
}

/// Each file with its path.
pub(super) const FILES: [(&str, File); 5] = [
    (
        "/",
        File::new("text/html; charset=utf-8", include_str!("page/index.html")),
    ),
    (
        "/status.css",
        File::new("text/css; charset=utf-8", include_str!("page/status.css")),
    ),
    ("/status.js", File::script(include_str!("page/status.js"))),
    ("/format.js", File::script(include_str!("page/format.js"))),
    ("/plot.js", File::script(include_str!("page/plot.js"))),
];

impl File {
    const fn new(content_type: &'static str, text: &'static str) -> File {
        File { content_type, text }
    }

    const fn script(text: &'static str) -> File {
        File::new("text/javascript; charset=utf-8", text)
    }
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        guarded(self.content_type, self.text).into_response()
    }
}

/// An answer with the headers of everything that the page loads.
pub(super) fn guarded(content_type: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new version may be started at any time.
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body)
}
