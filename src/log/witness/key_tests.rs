use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer as _;

use super::*;
use crate::record::hash::Hash;

/// A witness's key, a tree head, and what torchwood's litewitness 0.6.1 answered to it.
const KEY: &str = "example.com/witness+10a1c019+BGSEitir7W6FmBs7OHWyUrh2frtLAvcDrKOx5xu9ao5Q";
const ORIGIN: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
const LINE: &str = "\u{2014} example.com/witness EKHAGQAAAABrCuIQD6DsnsB8rGY9CK5TU/j4VhotwvZ3o+77P6oA4fgONoATNqL511xN4GrW/1xcRoNt1t8HdWNGsYfNOKU5P3kHAQ==";

/// A key of ML-DSA-44 and its cosignature of the same tree head, made by OpenSSL.
const ML_DSA: &str = include_str!("testdata/ml_dsa_44.txt");

fn head() -> Checkpoint {
    format!("{ORIGIN}\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n")
        .parse::<Checkpoint>()
        .unwrap()
}

fn golden() -> [(WitnessKey, Cosignature); 2] {
    let (pq_key, pq_line) = ML_DSA.trim_end().split_once('\n').unwrap();
    [(KEY, LINE), (pq_key, pq_line)].map(|(key, line)| (key.parse().unwrap(), Cosignature::parse(line).unwrap()))
}

#[test]
fn cosignatures_of_other_programs_verify() {
    for (key, line) in golden() {
        assert!(key.verify(&head(), &line), "{key}");
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}

#[test]
fn a_cosignature_is_of_one_tree_head_by_one_key_at_one_time() {
    let [(ed25519, ed25519_line), (ml_dsa, ml_dsa_line)] = golden();
    assert!(!ed25519.verify(&head(), &ml_dsa_line));
    assert!(!ml_dsa.verify(&head(), &ed25519_line));
    for (key, line) in golden() {
        let signature = line.signature().to_vec();
        let with = |timestamp, signature: Vec<u8>| Cosignature::new(key.name(), key.id(), timestamp, signature);
        for other in [
            Checkpoint { size: 4, ..head() },
            Checkpoint {
                root: Hash::ZERO,
                ..head()
            },
            Checkpoint {
                origin: "other".to_owned(),
                ..head()
            },
        ] {
            assert!(!key.verify(&other, &line));
        }
        assert!(!key.verify(&head(), &with(line.timestamp() + 1, signature.clone())));
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut damaged = signature.clone();
            damaged[at] ^= 1;
            assert!(!key.verify(&head(), &with(line.timestamp(), damaged)), "{at}");
        }
        for length in [0, signature.len() - 1] {
            assert!(!key.verify(&head(), &with(line.timestamp(), signature[..length].to_vec())));
        }
        let longer = [signature.as_slice(), &[0]].concat();
        assert!(!key.verify(&head(), &with(line.timestamp(), longer)));
        let renamed = Cosignature::new("other", key.id(), line.timestamp(), signature);
        assert!(!key.verify(&head(), &renamed));
    }
}

#[test]
fn a_cosignature_without_a_time_that_fits_proves_nothing() {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let key = key_text(ED25519, secret.verifying_key().as_bytes())
        .parse::<WitnessKey>()
        .unwrap();
    let at = |timestamp| {
        let signature = secret
            .sign(ed25519_message(&head(), timestamp).as_bytes())
            .to_bytes()
            .to_vec();
        key.verify(&head(), &Cosignature::new(key.name(), key.id(), timestamp, signature))
    };
    assert!(at(1) && at(i64::MAX.unsigned_abs()));
    assert!(!at(0) && !at(i64::MAX.unsigned_abs() + 1) && !at(u64::MAX));
}

#[test]
fn only_cosigning_keys_that_one_holder_can_use_are_keys_of_witnesses() {
    let parse = |text: &str| text.parse::<WitnessKey>().unwrap_err();
    for wrong in [
        "",
        "x",
        "w+00000000+BA==",
        &KEY.replace("10a1c019", "10A1C019"),
        &KEY.replace("example", "example "),
    ] {
        assert_eq!(parse(wrong), WitnessKeyError::Form, "{wrong}");
    }
    assert_eq!(parse(&key_text(0x01, &[9; 32])), WitnessKeyError::Kind(0x01));
    let identity = [1].into_iter().chain([0; 31]).collect::<Vec<u8>>();
    // y = p + 3, which another encoding of the point with y = 3 has.
    let not_canonical = [0xf0].into_iter().chain([0xff; 30]).chain([0x7f]).collect::<Vec<u8>>();
    for key in [&identity, &not_canonical, &vec![9; 31], &vec![9; 33], &vec![]] {
        assert_eq!(parse(&key_text(ED25519, key)), WitnessKeyError::Invalid(ED25519));
    }
    assert_eq!(
        parse(&key_text(ML_DSA_44, &[9; 1311])),
        WitnessKeyError::Invalid(ML_DSA_44)
    );
}

/// A key's text with the id that belongs to it.
fn key_text(kind: u8, key: &[u8]) -> String {
    let typed = [&[kind], key].concat();
    let id = Hash::of_parts(&[b"w.example\n", &typed]).to_string();
    format!("w.example+{}+{}", &id[..8], BASE64.encode(typed))
}
