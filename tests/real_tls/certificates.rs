//! Creates a certificate authority and certificates for one test with openssl.

use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl makes the certificates of this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Creates an authority: `<name>.crt` and `<name>.key`.
pub fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ),
    );
}

/// Creates a certificate and key for this machine, signed by `authority.crt` in the same folder.
pub fn of_this_machine(folder: &Path, certificate: &str, key: &str) {
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout {key} -out request.csr"
        ),
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl(
        folder,
        &format!(
            "x509 -req -in request.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names -out {certificate}"
        ),
    );
}
