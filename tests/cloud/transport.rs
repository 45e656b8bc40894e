//! A private server's own certificate, and a proxy on the way.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server::{Server, proxy};
use super::shop::{Shop, ended};

/// Creates `<name>.crt` and `<name>.key`, as `openssl req -x509` does for a private server: signed by itself, and with
/// `CA:TRUE`, so that it is an authority as well.
fn self_signed(folder: &Path, name: &str) -> Arc<ServerConfig> {
    let arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=minio \
         -addext subjectAltName=IP:127.0.0.1 -keyout {name}.key -out {name}.crt"
    );
    let made = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output();
    let made = made.expect("openssl makes the certificates of this test");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.crt"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        config
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap(),
    )
}

struct Scene {
    certificates: tempfile::TempDir,
    shop: Shop,
    server: Server,
}

impl Scene {
    fn new() -> Scene {
        let certificates = tempfile::tempdir().unwrap();
        let server = Server::with(Some(self_signed(certificates.path(), "own")), |_| None);
        let shop = Shop::with_endpoint(format!("https://{}", server.address));
        Scene {
            certificates,
            shop,
            server,
        }
    }

    fn kivend(&self, arguments: &[&str], ca_file: &str) -> Command {
        let mut command = self.shop.kivend(arguments);
        command.env("KIVEND_STORE__CA_FILE", self.certificates.path().join(ca_file));
        command
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_by_its_own_bytes_and_no_other_of_that_name_is() {
    let scene = Scene::new();
    let (code, stderr) = ended(scene.kivend(&["archive"], "own.crt"));
    assert_eq!(code, 0, "{stderr}");
    self_signed(scene.certificates.path(), "other");
    let (code, stderr) = ended(scene.kivend(&["files"], "other.crt"));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("store.ca_file"), "{stderr}");
}

#[test]
fn https_goes_through_the_proxy_of_the_environment_and_no_proxy_goes_around_it() {
    let scene = Scene::new();
    let (address, asked) = proxy();
    let mut direct = scene.kivend(&["archive"], "own.crt");
    direct
        .env("HTTPS_PROXY", format!("http://{address}"))
        .env("NO_PROXY", "127.0.0.0/8");
    let (code, stderr) = ended(direct);
    assert_eq!(code, 0, "{stderr}");
    assert!(asked.lock().unwrap().is_empty());

    let mut proxied = scene.kivend(&["files"], "own.crt");
    proxied.env("HTTPS_PROXY", format!("http://me:secret@{address}"));
    let (code, stderr) = ended(proxied);
    assert_eq!(code, 0, "{stderr}");
    let asked = asked.lock().unwrap();
    assert!(!asked.is_empty());
    let wanted = format!("CONNECT {} proxy-authorization: basic ", scene.server.address);
    assert!(asked.iter().all(|line| line.starts_with(&wanted)), "{asked:?}");
}

#[test]
fn a_proxy_that_does_not_answer_is_named_without_its_password() {
    let scene = Scene::new();
    let mut proxied = scene.kivend(&["files"], "own.crt");
    proxied
        .env("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1")
        .env("KIVEND_STORE__ATTEMPTS", "1");
    let (code, stderr) = ended(proxied);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("127.0.0.1:1`") && stderr.contains("HTTPS_PROXY"),
        "{stderr}"
    );
    assert!(!stderr.contains("hunter2"), "{stderr}");
}
