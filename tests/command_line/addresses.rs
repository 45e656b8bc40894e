//! Addresses at which something else answers, or nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::{kivend, text};

#[test]
fn a_broker_that_refuses_connections_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = kivend(&folder);
    let output = command.args(["topics", "list", "--brokers", &closed.to_string()]);
    let output = output.output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("{closed} (connection refused)")), "{stderr}");
}

#[test]
fn a_store_that_answers_without_tls_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Ends with the process of the tests.
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _greeted = connection.read(&mut [0; 16_384]).unwrap();
            let answered = connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            // Closed with bytes unread, the connection would lose the answer.
            drop(answered.and_then(|()| std::io::copy(&mut connection, &mut std::io::sink())));
        }
    });
    let mut command = kivend(&folder);
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let endpoint = format!("https://127.0.0.1:{port}");
    let output = command.args(["files", "--store-endpoint", &endpoint]).output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("does not answer by TLS"), "{stderr}");
    assert!(stderr.contains("write http:// instead of https://"), "{stderr}");
    assert!(!stderr.contains("key ``"), "{stderr}");
}
