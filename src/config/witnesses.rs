//! Validates `archive.witnesses`. Keys are parsed where they are used, in `writing`: settings know no signatures.

use crate::config::invalid::{Invalid, require};
use crate::config::raw::RawWitness;
use crate::config::settings::WitnessSettings;
use crate::config::transport::is_plaintext_endpoint;

const KEY: &str = "archive.witnesses";

pub(super) fn witnesses(written: Vec<RawWitness>) -> Result<Vec<WitnessSettings>, Invalid> {
    let mut witnesses: Vec<WitnessSettings> = Vec::with_capacity(written.len());
    for RawWitness {
        url,
        key,
        monitoring_url,
        allow_plaintext,
    } in written
    {
        let plaintext = allow_plaintext == Some(true);
        for url in [Some(&url), monitoring_url.as_ref()].into_iter().flatten() {
            require_url(url)?;
            require(
                plaintext || !is_plaintext_endpoint(url),
                KEY,
                "a witness on another machine must have a URL https://…; set `allow_plaintext = true` only on a trusted network",
            )?;
        }
        require(
            !key.is_empty(),
            KEY,
            format!("the witness `{url}` needs its public key in `key`"),
        )?;
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        let witness = WitnessSettings {
            monitoring_url: trimmed(monitoring_url.as_deref().unwrap_or(&url)),
            url: trimmed(&url),
            key,
        };
        let is_twice = witnesses.iter().any(|other| other.key == witness.key);
        require(
            !is_twice,
            KEY,
            format!("the witness with the key {} is listed twice", witness.key),
        )?;
        witnesses.push(witness);
    }
    Ok(witnesses)
}

fn require_url(url: &str) -> Result<(), Invalid> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |rest: &str| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']);
    require(
        rest.is_some_and(is_plain),
        KEY,
        format!("a URL must be http://… or https://…, without credentials and query, not `{url}`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(url: &str) -> RawWitness {
        RawWitness {
            url: url.to_owned(),
            key: format!("w+00000000+{}", url.len()),
            monitoring_url: None,
            allow_plaintext: None,
        }
    }

    #[test]
    fn the_monitoring_prefix_is_the_submission_prefix_unless_set() {
        let other = RawWitness {
            monitoring_url: Some("https://m.example/".to_owned()),
            ..written("https://w.example/a")
        };
        let read = witnesses(vec![written("https://w.example/"), other]).unwrap();
        assert_eq!(
            (read[0].url.as_str(), read[0].monitoring_url.as_str()),
            ("https://w.example", "https://w.example")
        );
        assert_eq!(read[1].monitoring_url, "https://m.example");
    }

    #[test]
    fn a_url_that_is_not_one_or_not_encrypted_is_refused() {
        for wrong in [
            "",
            "w.example",
            "https://",
            "https://user@w.example",
            "https://w.example/?x",
            "ftp://w.example",
            "http://w.example",
        ] {
            assert!(witnesses(vec![written(wrong)]).is_err(), "{wrong}");
        }
        let allowed = RawWitness {
            allow_plaintext: Some(true),
            ..written("http://w.example")
        };
        assert!(witnesses(vec![allowed]).is_ok());
        assert!(witnesses(vec![written("http://127.0.0.1:7380")]).is_ok());
        assert!(witnesses(vec![written("https://w.example"), written("https://w.example")]).is_err());
    }
}
