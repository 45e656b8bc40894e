//! Attacks whose finding depends on the keys, saved checkpoints and witnesses that the verifier was given, and attacks
//! on archives with change keys or several signing keys. Each begins from an archive of its own.

use kivend::app::verify::{Request, SavedFiles};
use kivend::log::change::{Change, KeysChange, KeysOf};
use kivend::log::entry::Entry;
use kivend::log::object_key::Attempt;
use kivend::log::signed_note::{SigningKey, VerifyingKey};
use kivend::log::witness::{Cosignature, Policy, WitnessKey};
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::report::Report;

use super::scene::entry;
use super::{cases, cases_saved, judge};
use crate::fixture::{Archive, key};

/// What a verifier was given.
#[derive(Default)]
pub struct With {
    pub keys: Vec<VerifyingKey>,
    pub saved: Vec<SavedFiles>,
    pub witnesses: Vec<WitnessKey>,
    pub origin: Option<String>,
}

impl With {
    pub fn keys(seeds: &[u8]) -> With {
        With {
            keys: seeds.iter().map(|seed| key(*seed).verifying_key().clone()).collect(),
            ..With::default()
        }
    }

    pub fn saved(files: SavedFiles) -> With {
        With {
            saved: vec![files],
            ..With::default()
        }
    }

    /// All of these witnesses must have cosigned.
    pub fn witness(witness: WitnessKey, origin: &str) -> With {
        With {
            witnesses: vec![witness],
            origin: Some(origin.to_owned()),
            ..With::default()
        }
    }

    pub fn request(&self, archive: &Archive) -> Request {
        let policy = || Policy::of_keys(self.witnesses.clone(), self.witnesses.len()).unwrap();
        Request {
            given: Given {
                keys: self.keys.clone(),
                origin: self.origin.clone(),
                policy: (!self.witnesses.is_empty()).then(policy),
            },
            saved_checkpoints: self.saved.clone(),
            ..archive.request()
        }
    }
}

/// An archive after an attack, what the verifier is given, and the code that must be among the gravest findings; `None`
/// where the archive is intact.
pub struct Case {
    pub name: &'static str,
    pub make: fn() -> (Archive, With),
    pub code: Option<Code>,
}

impl Case {
    pub fn judge(&self, report: &Report) -> Result<(), String> {
        judge(self.name, self.code, report)
    }

    /// The archive, what is given, and the report from the bucket alone.
    pub fn run(&self) -> (Archive, With, Report) {
        let (archive, with) = (self.make)();
        let report = archive.verify(None, with.request(&archive));
        (archive, with, report)
    }
}

/// An archive whose changes key 5 signs.
pub fn with_change_key() -> Archive {
    Archive::with_change_keys(&[key(5)]).filled()
}

/// Puts an entry at the next number that carries this change, whether it is valid or not.
pub fn force(archive: &Archive, change: KeysChange, signers: &[u8]) {
    let signers: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    let signers: Vec<&SigningKey> = signers.iter().collect();
    let note = archive.signed_change(&Change::Keys(change), &signers);
    let next = Entry {
        change: Some(note),
        ..archive.next_entry()
    };
    archive.forge_entry(&next, &archive.key, &entry(next.number));
}

/// The next entry carries this change, as an honest writer enters it.
pub fn enter(archive: &mut Archive, change: KeysChange, signers: &[u8]) {
    let signers: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    let signers: Vec<&SigningKey> = signers.iter().collect();
    let note = archive.signed_change(&Change::Keys(change), &signers);
    archive.enter(note);
}

pub fn adding(archive: &Archive, of: KeysOf, seed: u8) -> KeysChange {
    KeysChange {
        add: vec![key(seed).verifying_key().to_string()],
        ..archive.next_change(of)
    }
}

pub fn retiring(archive: &Archive, of: KeysOf, seeds: &[u8]) -> KeysChange {
    KeysChange {
        retire: seeds
            .iter()
            .map(|seed| key(*seed).verifying_key().to_string())
            .collect(),
        ..archive.next_change(of)
    }
}

/// Puts one more link by this key at the end of payments/0, with its segment.
pub fn link_by(archive: &mut Archive, signer: &SigningKey) {
    let own = std::mem::replace(&mut archive.key, signer.clone());
    archive.seal("payments", 0, 3);
    archive.key = own;
}

/// An archive with the keys and the beginning of [`Archive::usual`], whose records and log are others.
pub fn rewritten() -> Archive {
    let mut archive = Archive::new();
    for _ in 0..4 {
        archive.seal("payments", 0, 24);
        archive.seal("user-events", 1, 40);
    }
    archive.checkpoint();
    archive
}

/// A checkpoint with the line of a witness below it.
pub fn with_line(saved: &SavedFiles, line: &Cosignature) -> SavedFiles {
    SavedFiles {
        checkpoint: [saved.checkpoint.as_slice(), &line.to_object()].concat(),
        ..saved.clone()
    }
}

/// The key of a note at the attempt 1.
pub fn first_retry(key: impl Fn(Attempt) -> kivend::log::object_key::Key) -> String {
    key(Attempt(1)).to_string()
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Case> {
    cases::CASES.iter().chain(cases_saved::CASES)
}

#[test]
fn what_is_given_decides_what_an_attack_shows() {
    let wrong: Vec<String> = all().filter_map(|case| case.judge(&case.run().2).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
