//! Answers that no S3 server should give, and that proxies, caches and odd servers give all the same.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::scripted::Reply::{self, Answer, Raw, Stalled};
use super::scripted::{OK, Script, coded, object, played, played_with, refusal, scripted};
use crate::error::{Kind, Scope};
use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::removal::{Lock, Removal as _};
use crate::store::{Creation, Store};

/// The error of a `get` that always gets this answer, and how often it was sent.
async fn get_fails(reply: Reply) -> (StoreError, usize) {
    let (store, seen) = scripted(&[reply]).await;
    let error = store.get("a", 1000).await.unwrap_err();
    let requests = seen.lock().unwrap().len();
    (error, requests)
}

#[tokio::test]
async fn a_page_of_text_in_place_of_an_answer_passes_and_is_shown() {
    let page = "<html><head><title>Blocked</title></head><body>by policy 7</body></html>";
    for status in [400, 403, 404, 501] {
        let (error, requests) = get_fails(Answer(status, "content-type: text/html; charset=utf-8\r\n", page)).await;
        assert_eq!(
            (error.kind(), error.scope()),
            (Kind::Transient, Scope::Bucket),
            "{status}"
        );
        assert!(error.to_string().contains("not from an S3 server"), "{error}");
        assert!(error.to_string().contains("message `Blocked by policy 7`"), "{error}");
        assert_eq!(requests, 3);
    }
    let too_large = Answer(
        413,
        "content-type: text/html\r\n",
        "<h1>413 Request Entity Too Large</h1>",
    );
    let (error, requests) = get_fails(too_large).await;
    assert_eq!((error.kind(), requests), (Kind::Config, 1));
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let to_region = "x-amz-bucket-region: eu-west-3\r\n";
    let body = "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-3.amazonaws.com</Endpoint></Error>";
    let (error, requests) = get_fails(Answer(301, to_region, body)).await;
    assert!(error.to_string().contains("bucket region `eu-west-3`"), "{error}");
    assert_eq!(
        (error.kind(), error.remedy(), requests),
        (Kind::Config, "set store.region to the bucket's", 1)
    );
    let to_tls = "location: https://minio.example:9000/bucket/p/a\r\n";
    let (error, requests) = get_fails(Answer(308, to_tls, "")).await;
    assert!(
        error.to_string().contains("location `https://minio.example:9000/"),
        "{error}"
    );
    assert!(error.remedy().contains("https://"), "{}", error.remedy());
    assert_eq!((error.kind(), requests), (Kind::Config, 1));
    for status in [302, 307] {
        let (error, requests) = get_fails(Answer(status, to_tls, "")).await;
        assert_eq!((error.kind(), requests), (Kind::Transient, 3), "{status}");
        assert!(error.to_string().contains("for now"), "{error}");
    }
}

/// The answer to a HEAD has no body, so an expired token has no code there.
#[tokio::test]
async fn a_refused_head_is_repeated_with_credentials_that_are_loaded_anew() {
    let script = |status| Script {
        replies: vec![OK],
        head: refusal(status),
    };
    let (store, _) = played(script(400)).await;
    let error = store.lock_of("a").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (Kind::Transient, Scope::Credentials));
    assert!(error.to_string().contains("session token"), "{error}");
    let (store, _) = played(script(403)).await;
    let error = store.lock_of("a").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (Kind::Permission, Scope::Credentials));
    let (store, _) = played(script(404)).await;
    assert_eq!(store.lock_of("a").await.unwrap(), Lock::None);
}

#[tokio::test]
async fn an_error_that_cannot_be_read_passes_and_an_empty_one_is_judged_by_its_status() {
    let gzip = "content-type: application/xml\r\ncontent-encoding: gzip\r\n";
    for status in [400, 403, 404, 503] {
        for unreadable in [
            Answer(status, gzip, "\u{1f}\u{8b}\u{8}\0"),
            Answer(status, "", "<Error><Code>Slow"),
        ] {
            let (error, requests) = get_fails(unreadable).await;
            assert_eq!((error.kind(), requests), (Kind::Transient, 3), "{status}");
        }
    }
    for (status, kind) in [(503, Kind::Transient), (403, Kind::Permission), (404, Kind::Config)] {
        assert_eq!(get_fails(refusal(status)).await.0.kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn a_long_message_of_a_server_is_cut() {
    let body: &'static str = format!(
        "<Error><Code>Odd</Code><Message>{}</Message></Error>",
        "x".repeat(50_000)
    )
    .leak();
    let (error, _) = get_fails(Answer(400, "", body)).await;
    assert!(error.to_string().len() < 1_000, "{}", error.to_string().len());
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up_and_asked_again() {
    let head = "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 12\r\n";
    let body = "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 12\r\n\r\ntwel";
    let whole = Answer(200, "etag: \"1\"\r\ncontent-length: 12\r\n", "twelve bytes");
    for beginning in ["", "HTTP", head, body] {
        let script = Script {
            replies: vec![Stalled(beginning), whole.clone()],
            head: refusal(404),
        };
        let (store, seen) = played_with(script, |settings| settings.attempt_timeout = Duration::from_millis(300)).await;
        assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()), "{beginning}");
        assert_eq!(seen.lock().unwrap().len(), 2, "{beginning}");
    }
}

#[tokio::test]
async fn http_1_0_and_chunks_and_early_hints_are_understood() {
    for answer in [
        "HTTP/1.0 200 OK\r\netag: \"1\"\r\n\r\ntwelve bytes",
        "HTTP/1.0 200 OK\r\netag: \"1\"\r\ncontent-length: 12\r\n\r\ntwelve bytes",
        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ntransfer-encoding: chunked\r\n\r\n7\r\ntwelve \r\n5\r\nbytes\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 12\r\n\r\ntwelve bytes",
        "HTTP/1.1 200 \r\nETAG:\"1\"\r\nContent-Length:12\r\n\r\ntwelve bytes",
    ] {
        let (store, _) = scripted(&[Raw(answer)]).await;
        assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_a_transient_error() {
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 banana\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 12\r\ncontent-length: 13\r\netag: \"1\"\r\n\r\ntwelve bytes",
        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ntransfer-encoding: chunked\r\n\r\nff\r\ntwelve bytes",
    ] {
        let (error, requests) = get_fails(Raw(answer)).await;
        assert_eq!((error.kind(), requests), (Kind::Transient, 3), "{answer}");
    }
}

#[tokio::test]
async fn a_created_object_without_an_etag_is_found_again() {
    let (store, _) = scripted(&[refusal(200), refusal(412)]).await;
    assert_eq!(store.create("a", object()).await.unwrap(), Creation::Exists);
}

#[tokio::test]
async fn a_part_in_place_of_the_whole_object_is_not_taken_for_it() {
    let part = Answer(
        206,
        "etag: \"1\"\r\ncontent-length: 4\r\ncontent-range: bytes 0-3/12\r\n",
        "twel",
    );
    let whole = Answer(
        206,
        "etag: \"1\"\r\ncontent-length: 12\r\ncontent-range: bytes 0-11/12\r\n",
        "twelve bytes",
    );
    let (store, _) = scripted(&[part.clone(), whole.clone()]).await;
    assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()));
    let (store, _) = scripted(&[part, whole]).await;
    let digest = store.digest("a", 1000).await.unwrap().unwrap();
    assert_eq!(digest.sha256, Some(Hash::of(b"twelve bytes")));
}

/// Without TLS a bit may flip on the way. Only what is damaged twice is damaged in the store.
#[tokio::test]
async fn bytes_that_were_damaged_on_the_way_are_read_and_sent_again() {
    let stored = Box::leak(
        format!(
            "x-amz-checksum-sha256: {}\r\n",
            BASE64.encode(Hash::of(b"twelve bytes").0)
        )
        .into_boxed_str(),
    );
    let headers: &'static str = format!("etag: \"1\"\r\ncontent-length: 12\r\n{stored}").leak();
    let (flipped, whole) = (
        Answer(200, headers, "twelve bytez"),
        Answer(200, headers, "twelve bytes"),
    );
    let (store, _) = scripted(&[flipped.clone(), whole.clone()]).await;
    assert_eq!(store.get("a", 1000).await.unwrap(), Some(object()));
    let (store, _) = scripted(&[flipped.clone(), whole]).await;
    let digest = store.digest("a", 1000).await.unwrap().unwrap();
    assert_eq!(digest.sha256, Some(Hash::of(b"twelve bytes")));
    let (error, requests) = get_fails(flipped).await;
    assert_eq!((error.kind(), requests), (Kind::Corrupt, 2));

    let (store, _) = scripted(&[coded(400, "XAmzContentSHA256Mismatch"), OK]).await;
    assert_eq!(store.create("a", object()).await.unwrap(), Creation::Created);
    let (store, seen) = scripted(&[coded(400, "XAmzContentSHA256Mismatch")]).await;
    assert_eq!(store.create("a", object()).await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn another_range_than_the_end_is_refused() {
    let beginning = Answer(
        206,
        "etag: \"1\"\r\ncontent-length: 4\r\ncontent-range: bytes 0-3/12\r\n",
        "twel",
    );
    let unknown = Answer(416, "content-range: bytes */12\r\n", "");
    for reply in [beginning, unknown] {
        let (store, _) = scripted(&[reply]).await;
        let error = store.tail("a", 4).await.unwrap_err();
        assert!(error.to_string().contains("ignores ranges"), "{error}");
    }
    let (store, _) = scripted(&[Answer(416, "content-range: bytes */0\r\n", "")]).await;
    assert_eq!(store.tail("a", 4).await.unwrap().unwrap().object_bytes, 0);
}

#[tokio::test]
async fn a_code_of_a_busy_server_under_an_odd_status_is_waited_for() {
    for status in [400, 403, 404, 418] {
        let (store, seen) = scripted(&[coded(status, "SlowDown"), OK]).await;
        assert_eq!(
            store.create("a", object()).await.unwrap(),
            Creation::Created,
            "{status}"
        );
        assert_eq!(seen.lock().unwrap().len(), 2);
    }
}
