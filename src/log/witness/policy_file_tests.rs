use ed25519_dalek::SigningKey;

use super::*;

fn vkey(name: &str, kind: u8, seed: u8) -> String {
    let key = SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes().to_vec();
    let typed = [&[kind], key.as_slice()].concat();
    let hash = crate::record::hash::Hash::of_parts(&[name.as_bytes(), b"\n", &typed]).to_string();
    use base64::Engine as _;
    format!(
        "{name}+{}+{}",
        &hash[..8],
        base64::engine::general_purpose::STANDARD.encode(typed)
    )
}

/// `W1` to `W9`, `L1` to `L9` and `B1` stand for keys of witnesses, of logs, and of a log that shares its key with `L1`.
fn parse(policy: &str) -> Result<Policy, PolicyError> {
    let mut text = policy.to_owned();
    for seed in 1..=9 {
        text = text.replace(
            &format!("W{seed}"),
            &vkey(&format!("witness{seed}.example"), 0x04, seed),
        );
        text = text.replace(&format!("L{seed}"), &vkey(&format!("log{seed}.example/x"), 0x01, seed));
        text = text.replace(&format!("B{seed}"), &vkey("b.example", 0x01, seed));
    }
    Policy::parse(text.as_bytes())
}

fn is_met(policy: &Policy, names: &[&str]) -> bool {
    policy.is_met(|witness| names.contains(&witness.name.as_str()))
}

#[test]
fn groups_of_groups_follow_the_example_of_the_specification() {
    let policy = parse(
        "# two organisations\nlog L1 https://log.example\n\n\
         witness x1 W1 https://x1.example\nwitness x2 W2\n  witness\t x3 W3 \ngroup x 2 x1 x2 x3\n\
         witness y1 W4\nwitness y2 W5\nwitness y3 W6\ngroup y any y1 y2 y3\n\
         group both all x y\nquorum both\n",
    )
    .unwrap();
    assert_eq!(policy.logs()[0].origin, "log1.example/x");
    assert_eq!(
        policy.logs()[0].key.as_ref().unwrap().to_string(),
        policy.logs()[0].vkey
    );
    assert_eq!(policy.witnesses()[0].url.as_deref(), Some("https://x1.example"));
    assert_eq!(policy.witnesses()[0].key.name(), "witness1.example");
    assert!(is_met(&policy, &["x1", "x3", "y2"]));
    assert!(is_met(&policy, &["x1", "x2", "x3", "y1", "y2", "y3"]));
    for too_few in [
        &[][..],
        &["x1", "y1"],
        &["x1", "x2"],
        &["y1", "y2", "y3"],
        &["x1", "y1", "y2", "y3"],
    ] {
        assert!(!is_met(&policy, too_few), "{too_few:?}");
    }
}

#[test]
fn a_quorum_is_a_witness_or_none() {
    let one = parse("witness a W1\nwitness b W2\nquorum b").unwrap();
    assert!(is_met(&one, &["b"]) && !is_met(&one, &["a"]));
    assert!(is_met(&parse("quorum none\n").unwrap(), &[]));
}

#[test]
fn names_are_opaque_bytes() {
    let text = [
        b"witness \xff ",
        vkey("w", 4, 1).as_bytes(),
        b"\ngroup K 1 \xff\nquorum K\n",
    ]
    .concat();
    assert!(Policy::parse(&text).unwrap().is_met(|_| true));
    let text = [b"witness \xff ", vkey("w", 4, 1).as_bytes(), b"\nquorum \xfe\n"].concat();
    assert!(matches!(Policy::parse(&text), Err(PolicyError::Line { line: 2, .. })));
}

#[test]
fn a_line_that_breaks_a_rule_is_named() {
    for (policy, wrong_line) in [
        ("quorum a\nwitness a W1\n", 1),
        ("witness a W1\nquorum a\nquorum a\n", 3),
        ("witness a W1\nwitness a W2\nquorum a\n", 2),
        ("witness a W1\nwitness b W1\nquorum a\n", 2),
        ("witness a L1\nquorum a\n", 1),
        ("witness a nonsense\nquorum a\n", 1),
        ("witness none W1\nquorum none\n", 1),
        ("log L1\nlog B1\nquorum none\n", 2),
        ("log nonsense\nquorum none\n", 1),
        ("witness a W1\ngroup g 0 a\nquorum g\n", 2),
        ("witness a W1\ngroup g 2 a\nquorum g\n", 2),
        ("witness a W1\ngroup g +1 a\nquorum g\n", 2),
        ("witness a W1\ngroup g some a\nquorum g\n", 2),
        ("witness a W1\ngroup g any\nquorum g\n", 2),
        ("witness a W1\ngroup g any a a\nquorum g\n", 2),
        ("witness a W1\ngroup g any a\ngroup h any a\nquorum g\n", 3),
        ("witness a W1\ngroup g any b\nquorum g\n", 2),
        ("group g any g\nquorum g\n", 1),
        ("witness a W1\ngroup g any none\nquorum g\n", 2),
        ("witness a W1\ngroup a any a\nquorum a\n", 2),
        ("witness a\nquorum none\n", 1),
        ("witness a W1 u v\nquorum none\n", 1),
        ("log\nquorum none\n", 1),
        ("quorum\n", 1),
        ("witnesses a W1\nquorum none\n", 1),
        ("quorum none\r\n", 1),
        ("quorum none\n# \u{7f}\n", 2),
    ] {
        match parse(policy) {
            Err(PolicyError::Line { line, .. }) => assert_eq!(line, wrong_line, "{policy}"),
            other => panic!("{policy}: {other:?}"),
        }
    }
    assert_eq!(parse("witness a W1\n"), Err(PolicyError::NoQuorum));
}

#[test]
fn the_size_and_depth_of_a_policy_are_bounded() {
    let large = vec![b'#'; POLICY_MAX_BYTES + 1];
    assert_eq!(Policy::parse(&large), Err(PolicyError::TooLarge(POLICY_MAX_BYTES)));
    let deep = |depth: usize| {
        let groups: String = (1..=depth).map(|at| format!("group g{at} any g{}\n", at - 1)).collect();
        parse(&format!("witness g0 W1\n{groups}quorum g{depth}\n"))
    };
    assert!(is_met(&deep(DEFINITIONS_MAX).unwrap(), &["g0"]));
    assert!(matches!(deep(DEFINITIONS_MAX + 1), Err(PolicyError::Line { .. })));
}
