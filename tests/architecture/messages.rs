//! Messages are sentences: a value stands in words (`at payments/3 offset 17`), never as `offset=17`, which is for the fields
//! of log events and for JSON.

use crate::architecture::imports::Sources;

#[test]
fn no_message_has_values_in_the_style_of_logfmt() {
    let mut found = Vec::new();
    for (module, code) in &Sources::read().shipped {
        let lines = code.lines().filter(|line| has_logfmt(line));
        found.extend(lines.map(|line| format!("{module}: {}", line.trim())));
    }
    assert!(found.is_empty(), "say it in words: {found:#?}");
}

#[test]
fn values_in_the_style_of_logfmt_are_told_from_other_text() {
    for logfmt in [
        r#"#[error("no such topic topic=`{topic}`")]"#,
        r#"format!("offset={offset}")"#,
        r#"write!(f, " {name}=`{value}`")"#,
        r#"format!("it is gone topic=\"{topic}\"")"#,
        r#"             retention.ms={limit}"#,
    ] {
        assert!(has_logfmt(logfmt), "{logfmt}");
    }
    for other in [
        r#"tracing::info!(event = "sealed", offset = {offset});"#,
        r#"format!("bytes=-{bytes}")"#,
        r#"format!("pkcs11:slot-id={id};object={label}")"#,
        r#""{topic}/partition={partition}/*""#,
        r#"format!("{}={}", flag.key, flag.value)"#,
        r#"format!("<h1 class=\"{verdict}\">")"#,
        "expected KEY=VALUE, such as archive.seal_max_age=90s",
    ] {
        assert!(!has_logfmt(other), "{other}");
    }
}

/// Whether a line of code has a placeholder with its name before it, as in `name={value}`, with or without quotes.
fn has_logfmt(line: &str) -> bool {
    let is_markup = line.contains('<');
    line.match_indices('=').any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + 1..]);
        let start = before.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter));
        let is_named = start.len() < before.len() && start.ends_with([' ', '"', '(']);
        let is_quoted = after.starts_with("\\\"{") && !is_markup;
        after.starts_with("`{") || (is_named && (is_quoted || after.starts_with('{')))
    })
}
