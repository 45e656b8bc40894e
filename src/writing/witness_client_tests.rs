use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};

use super::*;

const LINE: &str = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

/// A server that answers `/<case>/add-checkpoint` by the case, and the URL before it.
async fn serve() -> String {
    let answer = async |Path(case): Path<String>, body: String| match case.as_str() {
        "good" if body == "old 0\n\ntext" => LINE.into_response(),
        "size" => (StatusCode::CONFLICT, [(CONTENT_TYPE, "text/x.tlog.size")], "7\n").into_response(),
        "large" => LINE.repeat(2 * ANSWER_MAX_BYTES / LINE.len()).into_response(),
        "moved" => (StatusCode::FOUND, [("location", "/good/add-checkpoint")]).into_response(),
        "slow" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            LINE.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    let newest = async |Path((case, origin)): Path<(String, String)>| match case.as_str() {
        "good" if origin == Hash::of(b"the log").to_string() => "a note".into_response(),
        "large" => "x".repeat(ANSWER_MAX_BYTES + 1).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    let router = axum::Router::new()
        .route("/{case}/add-checkpoint", post(answer))
        .route("/{case}/{origin}/checkpoint", get(newest));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn client(url: &str) -> HttpClient {
    let client = HttpClient::for_urls([url].into_iter()).unwrap();
    client.with_timeout(Duration::from_millis(500))
}

#[tokio::test]
async fn an_answer_of_each_kind_arrives() {
    let url = serve().await;
    let client = client(&url);
    let ask = async |case: &str| {
        let body = b"old 0\n\ntext".to_vec();
        client.add_checkpoint(&format!("{url}/{case}"), body).await.unwrap()
    };
    assert!(matches!(ask("good").await, Answer::Cosigned(lines) if lines.len() == 1));
    assert_eq!(ask("size").await, Answer::OtherSize(7));
    assert_eq!(ask("large").await, Answer::Garbled);
    assert_eq!(ask("moved").await, Answer::Unavailable(302));
    assert_eq!(ask("other").await, Answer::UnknownLog);
}

#[tokio::test]
async fn the_newest_checkpoint_of_a_witness_is_read_by_the_hash_of_the_origin() {
    let url = serve().await;
    let client = client(&url);
    let newest = async |case: &str, origin: &str| {
        client
            .newest_checkpoint(&format!("{url}/{case}"), origin)
            .await
            .unwrap()
    };
    assert_eq!(newest("good", "the log").await, Some(Bytes::from("a note")));
    assert_eq!(newest("good", "another log").await, None);
    assert_eq!(newest("large", "the log").await, None);
}

#[tokio::test]
async fn a_witness_that_is_slow_or_not_there_gives_no_answer() {
    let url = serve().await;
    let slow = client(&url)
        .add_checkpoint(&format!("{url}/slow"), Vec::new())
        .await
        .unwrap_err();
    assert_eq!(slow.url, format!("{url}/slow/add-checkpoint"));
    assert!(slow.cause.contains("no whole answer within"), "{slow}");
    for gone in [
        "http://127.0.0.1:1",
        "https://127.0.0.1:1",
        "http://kivend.invalid",
        "http://bad host",
    ] {
        assert!(client(gone).add_checkpoint(gone, Vec::new()).await.is_err(), "{gone}");
    }
    // A server that does not speak TLS.
    let https = url.replace("http:", "https:");
    assert!(client(&https).add_checkpoint(&https, Vec::new()).await.is_err());
}
