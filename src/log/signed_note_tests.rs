//! Signed notes and keys: the vectors of the specification, round trips, and malformed texts.

use super::*;
use crate::log::signer::Signer as _;
use proptest::prelude::*;

fn key() -> SigningKey {
    SigningKey::from_seed("kivend", &[7; 32]).unwrap()
}

#[test]
fn the_example_key_of_the_signed_note_specification_reads_and_verifies() {
    // From golang.org/x/mod/sumdb/note, the origin of the C2SP form.
    let public: VerifyingKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        .parse()
        .unwrap();
    let object = "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n\
         \n\
         \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = Note::parse(object.as_bytes()).unwrap();
    assert!(public.signed(note.text(), &note.signatures()[0]));
    assert_eq!(note.to_bytes(), object.as_bytes());
}

#[test]
fn a_signed_note_reads_back_and_verifies() {
    let note = key().sign("one\n\ntwo\n".into()).unwrap();
    let read = Note::parse(&note.to_bytes()).unwrap();
    assert_eq!(read, note);
    assert!(key().verifying_key().signed(read.text(), &read.signatures()[0]));
    let other = SigningKey::from_seed("kivend", &[8; 32]).unwrap();
    assert!(!other.verifying_key().signed(read.text(), &read.signatures()[0]));
    assert!(!key().verifying_key().signed("one\n", &read.signatures()[0]));
}

#[test]
fn keys_read_back_from_their_exact_text_only() {
    let public = key().verifying_key().to_string();
    assert_eq!(public.parse::<VerifyingKey>().unwrap(), *key().verifying_key());
    assert_eq!(
        key().to_secret_text().parse::<SigningKey>().unwrap().to_secret_text(),
        key().to_secret_text()
    );
    assert!(!format!("{:?}", key()).contains(&key().to_secret_text()[30..]));
    for wrong in [
        public.replacen("kivend", "kivenx", 1),
        public.replacen('+', " ", 1),
        format!("{public}\n"),
    ] {
        assert!(wrong.parse::<VerifyingKey>().is_err(), "{wrong}");
    }
    assert!(SigningKey::from_seed("a b", &[7; 32]).is_err());
}

#[test]
fn anything_after_the_signatures_is_refused() {
    let good = String::from_utf8(key().sign("text\n".into()).unwrap().to_bytes()).unwrap();
    for wrong in [
        format!("{good}\n"),
        format!("{good} "),
        good.trim_end().to_owned(),
        good.replacen("\n\n", "\n", 1),
        good.replacen("text", "te\rxt", 1),
        good.replacen("kivend ", "kivend  ", 1),
        "text\n\n".to_owned(),
        "\n\n".to_owned(),
        String::new(),
    ] {
        assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn a_parsed_note_prints_as_the_same_bytes(object in "(a|\n|\u{2014} k AAAA|\u{2014}| ){0,12}") {
        if let Ok(note) = Note::parse(object.as_bytes()) {
            prop_assert_eq!(note.to_bytes(), object.as_bytes());
        }
    }
}
