//! A server that answers by a script, and a store on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{Addressing, ObjectSettings, S3Settings};
use crate::store::s3::bucket::{Connection, S3Store};
use crate::store::s3::credentials::Source;
use crate::store::s3::http;

/// The server's reaction to a complete request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Closes the connection.
    Nothing,
    /// Sends this status, these header lines and this body.
    Answer(u16, &'static str, &'static str),
    /// Sends these bytes and closes the connection.
    Raw(&'static str),
    /// Sends these bytes, and nothing more.
    Stalled(&'static str),
}

/// The head of a request, in lower case, and the number of its body's bytes.
pub(super) type Seen = Arc<Mutex<Vec<(String, usize)>>>;

/// The server's responses: one per request in order, the last one for all further requests; and one for every HEAD.
pub(super) struct Script {
    pub(super) replies: Vec<Reply>,
    pub(super) head: Reply,
}

/// A store on a server that sends `replies` and 404 to HEAD; and the requests that it receives, except for HEADs.
pub(super) async fn scripted(replies: &[Reply]) -> (S3Store, Seen) {
    let head = refusal(404);
    played(Script {
        replies: replies.to_vec(),
        head,
    })
    .await
}

pub(super) async fn played(script: Script) -> (S3Store, Seen) {
    played_with(script, |_| ()).await
}

pub(super) async fn played_with(script: Script, change: impl FnOnce(&mut S3Settings)) -> (S3Store, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    tokio::spawn(serve(listener, script, Arc::clone(&seen)));
    let mut settings = S3Settings {
        endpoint: Some(endpoint),
        ca_file: None,
        bucket: "bucket".to_owned(),
        region: "us-east-1".to_owned(),
        addressing: Addressing::Path,
        profile: None,
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(20),
        attempts: 3,
        lock: crate::config::ObjectLock::default(),
        objects: ObjectSettings::default(),
        expected_owner: None,
    };
    change(&mut settings);
    let http = http::client_by(None, |_| None).unwrap();
    let loads = AtomicUsize::new(0);
    // Each load has a new access key id, so that a request shows with which credentials it was signed.
    let source: Source = Box::new(move || {
        let id = format!("key-{}", loads.fetch_add(1, Ordering::Relaxed));
        let credentials = Credentials::new(id, "secret", None, None, "test");
        Box::pin(async { SharedCredentialsProvider::new(credentials) })
    });
    let opened = S3Store::open_by(&settings, "p", Connection { http, source }).await;
    (opened.unwrap(), seen)
}

async fn serve(listener: TcpListener, script: Script, seen: Seen) {
    let mut stalled = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        // A connection that the client opened and did not use is not counted.
        let Some(request) = read_request(&mut stream).await else {
            continue;
        };
        let reply = if request.0.starts_with("head ") {
            &script.head
        } else {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            &script.replies[(seen.len() - 1).min(script.replies.len() - 1)]
        };
        let reply = reply.clone();
        match reply {
            Reply::Nothing => {}
            Reply::Answer(status, headers, body) => {
                let answer = format!("HTTP/1.1 {status} Scripted\r\n{headers}connection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Reply::Raw(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Reply::Stalled(beginning) => {
                stream.write_all(beginning.as_bytes()).await.unwrap();
                stalled.push(stream);
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let head_bytes = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_bytes].to_vec()).unwrap().to_lowercase();
    let announced = header(&head, "content-length").map_or(0, |length| length.parse::<usize>().unwrap());
    while bytes.len() < head_bytes + announced {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, bytes.len() - head_bytes))
}

pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub(super) const OK: Reply = Reply::Answer(200, "etag: \"1\"\r\ncontent-length: 0\r\n", "");

pub(super) fn refusal(status: u16) -> Reply {
    Reply::Answer(status, "content-length: 0\r\n", "")
}

pub(super) fn object() -> Bytes {
    Bytes::from_static(b"twelve bytes")
}

/// An answer with an error code in its body, as S3 gives it.
pub(super) fn coded(status: u16, code: &str) -> Reply {
    let body = format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>");
    let headers: &'static str = format!("content-length: {}\r\n", body.len()).leak();
    Reply::Answer(status, headers, body.leak())
}
