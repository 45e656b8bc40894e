//! Rotation of the signing key while archivers run on real servers: one with the new key goes on, one without it stops.

use serde_json::Value;

use super::shop::Shop;

fn text<'a>(report: &'a Value, field: &str) -> &'a str {
    report[field].as_str().unwrap()
}

#[test]
fn a_key_rotates_under_running_archivers_and_one_with_the_old_key_stops() {
    let Some(shop) = Shop::open() else { return };
    let old = shop.json(&["init"]);
    shop.ingest_generated(20_000, 1);
    shop.json(&["archive"]);
    let rotated = shop.json(&["keys", "rotate"]);
    let refused = shop.run(&["keys", "retire"]);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );

    shop.ingest_generated(20_000, 2);
    shop.json(&["archive"]);
    // It joins the group with the old key, finds nothing to do, and waits.
    let mut behind = shop.archiver(&["--set", "archive.seal_max_idle=5s"]);
    behind.env("KIVEND_ARCHIVE__KEY_FILE", text(&rotated, "old_key_file"));
    let behind = behind.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let retired = shop.json(&["keys", "retire"]);
    assert_eq!(retired["retired"][0], old["public_key"]);
    assert_eq!(retired["late"].as_array().unwrap().len(), 0);

    shop.ingest_generated(20_000, 3);
    // It writes nothing and ends, whether it joined before the key was retired or after.
    let ended = behind.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("the signing key was retired"), "{stderr}");

    shop.verify_intact(60_000);
    for key in [text(&old, "public_key"), text(&rotated, "key")] {
        let report = shop.json(&["verify", "--at-rest", "--key", key]);
        assert_eq!(
            (&report["verdict"], &report["trust"]["basis"]),
            (&"intact".into(), &"keys_brought".into())
        );
    }
}
