//! `kivend consume` says what is not there: a topic that was mistyped, or a place beyond the end of the log.

use kivend::kafka::sender::Sender;
use kivend::record::record::{Record, Timestamp};

use super::{kivend, text};
use crate::fixture::embedded_with;

#[test]
fn a_mistyped_topic_and_a_place_beyond_the_log_are_told_as_such() {
    let cluster = embedded_with(&[("ux1.payments", 1)]);
    let brokers = cluster.brokers().join(",");
    let sender = Sender::connect(&cluster.settings("kivend-test")).unwrap();
    for _ in 0..3 {
        let record = Record {
            offset: 0,
            timestamp: Timestamp::create_ms(1_763_559_062_594),
            key: None,
            value: Some(b"{}"),
            headers: &[],
        };
        sender.send("ux1.payments", Some(0), &record).unwrap();
    }
    assert_eq!(sender.finish().unwrap(), 3);

    let folder = tempfile::tempdir().unwrap();
    let consume = |line: &str| {
        let mut command = kivend(&folder);
        command
            .env("KIVEND_TOPIC_PREFIX", "ux1.")
            .args(["consume", "--brokers", &brokers]);
        let output = command.args(line.split(' ')).output().unwrap();
        (
            output.status.code(),
            text(&output.stderr).to_owned(),
            text(&output.stdout).to_owned(),
        )
    };
    for mistyped in ["paymets", "ux1.paymets"] {
        let (code, stderr, _) = consume(mistyped);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("did you mean `ux1.payments`?"), "{stderr}");
    }
    let (code, stderr, _) = consume("paymets --format json");
    let object: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(
        (code, &object["fix"]),
        (Some(2), &"did you mean `ux1.payments`?".into())
    );

    for beyond in ["payments --from 999999999", "payments --from 2096-01-01"] {
        let (code, stderr, stdout) = consume(beyond);
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
        assert!(
            stderr.contains("the log ends at ux1.payments/0 before offset 3"),
            "{beyond}: {stderr}"
        );
    }
    let (_, stderr, stdout) = consume("payments 10");
    assert_eq!(stdout.lines().count(), 3);
    assert!(
        stderr.contains("fewer than 10: the log ends at ux1.payments/0 before offset 3"),
        "{stderr}"
    );
    let (_, stderr, _) = consume("payments 2");
    assert!(!stderr.contains("the log ends"), "{stderr}");
}
