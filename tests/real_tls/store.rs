//! TLS to a real MinIO: only the authority in `store.ca_file` is trusted.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::certificates::{authority, of_this_machine};
use crate::fixture::patience::until;
use crate::fixture::servers::variable;
use crate::real_pipeline::shop::Shop;

const BUCKET: &str = "kivend-tls";

/// MinIO over TLS with an empty bucket.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path) -> Server {
        authority(folder, "authority");
        std::fs::create_dir(folder.join("certs")).unwrap();
        of_this_machine(folder, "certs/public.crt", "certs/private.key");
        std::fs::create_dir_all(folder.join("data").join(BUCKET)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(variable("KIVEND_TEST_MINIO"))
            .args(["server", "--quiet", "--certs-dir"])
            .arg(folder.join("certs"))
            .args(["--address", &format!("127.0.0.1:{port}")])
            .arg(folder.join("data"))
            .env("MINIO_ROOT_USER", variable("AWS_ACCESS_KEY_ID"))
            .env("MINIO_ROOT_PASSWORD", variable("AWS_SECRET_ACCESS_KEY"))
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { process, port };
        until("MinIO listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn run(shop: &Shop, server: &Server, authority: &Path, arguments: &[&str]) -> Output {
    let mut command = shop.kivend(arguments);
    command
        .env("KIVEND_STORE__ENDPOINT", format!("https://127.0.0.1:{}", server.port))
        .env("KIVEND_STORE__BUCKET", BUCKET)
        .env("KIVEND_STORE__CA_FILE", authority)
        .env_remove("AWS_ENDPOINT_URL");
    command.output().unwrap()
}

#[test]
fn only_the_configured_authority_is_trusted() {
    let Some(shop) = Shop::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    shop.ingest_generated(500, 1);
    let own = folder.path().join("authority.crt");
    for arguments in [&["archive"][..], &["verify", "--at-rest"]] {
        let output = run(&shop, &server, &own, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    }

    // Neither another authority of the same name nor the system's are trusted.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    authority(&other, "authority");
    for file in [other.join("authority.crt"), "".into()] {
        let output = run(&shop, &server, &file, &["verify"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("store.ca_file"), "{stderr}");
    }
}
