//! Secrets appear in no result, error or log, whatever the log level.

use std::process::Output;

use kivend::log::signed_note::SigningKey;

const AWS_SECRET: &str = "MarkedAwsSecret0123456789abcdefghijklmno";
const AWS_TOKEN: &str = "MarkedAwsSessionToken0123456789";
const SASL_PASSWORD: &str = "MarkedSaslPassword0123456789";
const KEYSTORE_PASSWORD: &str = "MarkedKeystorePassword0123456789";

/// What must not appear in any output: each secret, and the secret part of the signing key.
fn secrets(key: &SigningKey) -> Vec<String> {
    let text = key.to_secret_text();
    let private = text.rsplit('+').next().unwrap().to_owned();
    // Base64 may contain a `+` itself, so only the part after the last one is searched for.
    let private = private[private.len().saturating_sub(12)..].to_owned();
    let mut secrets: Vec<String> = [AWS_SECRET, AWS_TOKEN, SASL_PASSWORD, KEYSTORE_PASSWORD]
        .map(str::to_owned)
        .into();
    secrets.push(private);
    secrets
}

fn run(folder: &tempfile::TempDir, key: &SigningKey, arguments: &[&str]) -> Output {
    let mut command = super::kivend(folder);
    // Where the servers run, they are asked, and refuse these credentials.
    for name in [
        "KIVEND_KAFKA__BROKERS",
        "KIVEND_STORE__ENDPOINT",
        "KIVEND_STORE__BUCKET",
    ] {
        if let Ok(value) = std::env::var(name) {
            command.env(name, value);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "MarkedAccessKeyId")
        .env("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        .env("AWS_SESSION_TOKEN", AWS_TOKEN)
        .env("KIVEND_KAFKA__PROPERTIES__SECURITY__PROTOCOL", "SASL_SSL")
        .env("KIVEND_KAFKA__PROPERTIES__SASL__MECHANISM", "PLAIN")
        .env("KIVEND_KAFKA__PROPERTIES__SASL__USERNAME", "marked-user")
        .env("KIVEND_KAFKA__PROPERTIES__SASL__PASSWORD", SASL_PASSWORD)
        .env("KIVEND_KAFKA__PROPERTIES__SSL__KEY__PASSWORD", KEYSTORE_PASSWORD)
        .env("KIVEND_KAFKA__PROPERTIES__DEBUG", "all")
        .env("KIVEND_KAFKA__PROPERTIES__SOCKET__TIMEOUT__MS", "1000")
        .env("KIVEND_STORE__ATTEMPTS", "1")
        .env("KIVEND_STORE__OPERATION_TIMEOUT", "2s")
        .env("KIVEND_ARCHIVE__KEY", key.to_secret_text())
        .env("KIVEND_LOG", "trace")
        .args(arguments);
    command.output().unwrap()
}

#[test]
fn no_secret_is_in_any_output_at_trace_level() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed("kivend", &[0x5a; 32]).unwrap();
    let secrets = secrets(&key);
    let here = ["--store-directory", "archive"];
    for (arguments, folder_alone) in [
        (&["config", "show"][..], false),
        (&["config", "show", "--format", "json"], false),
        (&["init"], true),
        (&["keys", "show"], true),
        (&["keys", "show"], false),
        (&["verify", "--against", "rows,links"], true),
        (&["verify", "--against", "links"], false),
        (&["doctor", "--format", "json"], false),
        (&["config", "show", "--set", "kafka.properties=nonsense"], false),
        (&["config", "show", "--set", "archive.frobnicate=1"], false),
    ] {
        let arguments = if folder_alone {
            [arguments, &here].concat()
        } else {
            arguments.to_vec()
        };
        let output = run(&folder, &key, &arguments);
        for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let stream = String::from_utf8_lossy(stream);
            for secret in &secrets {
                let line = stream.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(line, None, "{arguments:?} prints a secret on {name}");
            }
        }
    }
}

#[test]
fn an_invalid_key_is_refused_and_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = super::kivend(&folder)
        .env("KIVEND_ARCHIVE__KEY", "PRIVATE+KEY+kivend+MarkedPrivateKey")
        .args(["init", "--store-directory", "archive"])
        .output()
        .unwrap();
    let stderr = super::text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("archive.key") && !stderr.contains("MarkedPrivateKey"),
        "{stderr}"
    );
}

#[test]
fn plaintext_to_another_machine_needs_a_setting_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let show = |arguments: &[&str]| {
        let output = super::kivend(&folder)
            .args(["config", "show"])
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), super::text(&output.stderr).to_owned())
    };
    let far = [
        (["--brokers", "kafka-1:9092"], "kafka.allow_plaintext"),
        (["--store-endpoint", "http://minio:9000"], "store.allow_plaintext"),
    ];
    for (flag, setting) in far {
        let (code, stderr) = show(&flag);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(&format!("{setting} = true")), "{stderr}");
        let allow = format!("{setting}=true");
        assert_eq!(show(&[flag[0], flag[1], "--set", &allow]).0, Some(0));
    }
    assert_eq!(show(&["--store-endpoint", "https://minio:9000"]).0, Some(0));
}
