//! A witness over https. Which authorities count is decided by a variable of the process, so this binary runs one of its
//! tests in a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kivend::log::witness::Answer;
use kivend::writing::witness_client::{HttpClient, NoAnswer, WitnessClient};
use tempfile::tempdir;

use crate::fixture::servers;
use crate::real_tls::certificates;

/// The URL that the child's test asks, and what comes of it: `trusted` or `refused`.
const URL: &str = "KIVEND_TEST_TLS_WITNESS";
const EXPECTED: &str = "KIVEND_TEST_TLS_EXPECTED";

/// Answers 404 to everything over TLS, and prints its port.
const SERVER: &str = "
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_error(404)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('public.crt', 'private.key')
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
";

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn start(folder: &Path) -> (Server, u16) {
    let mut command = Command::new("python3");
    let command = command
        .args(["-c", SERVER])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    (Server(child), port.trim().parse().unwrap())
}

#[test]
fn a_witness_over_https_is_asked_only_if_an_authority_vouches_for_it() {
    let Some(()) = servers::running() else { return };
    let folder = tempdir().unwrap();
    certificates::authority(folder.path(), "authority");
    certificates::authority(folder.path(), "stranger");
    certificates::of_this_machine(folder.path(), "public.crt", "private.key");
    let (_server, port) = start(folder.path());
    for (authority, expected) in [("authority.crt", "trusted"), ("stranger.crt", "refused")] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "real_tls::witness::the_witness_in_the_environment_is_asked"])
            .env("SSL_CERT_FILE", folder.path().join(authority))
            .env_remove("SSL_CERT_DIR")
            .env(URL, format!("https://localhost:{port}"))
            .env(EXPECTED, expected)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && printed.contains("1 passed"),
            "{authority}: {printed}"
        );
    }
}

/// The child's half of the test above; elsewhere nothing is asked.
#[tokio::test]
async fn the_witness_in_the_environment_is_asked() {
    let Ok(url) = std::env::var(URL) else { return };
    let client = HttpClient::for_urls([url.as_str()].into_iter()).unwrap();
    let answer = client.add_checkpoint(&url, b"old 0\n\n".to_vec()).await;
    match std::env::var(EXPECTED).unwrap().as_str() {
        "trusted" => assert_eq!(answer, Ok(Answer::UnknownLog)),
        _ => assert!(
            matches!(&answer, Err(NoAnswer { cause, .. }) if cause.contains("certificate")),
            "{answer:?}"
        ),
    }
}
