//! Stored bytes are untrusted until they are verified: whatever they are, no reader panics or allocates more than
//! [`FACTOR`] times its input. The inputs are golden vectors and objects of an honest archive, mutated with a fixed
//! seed; `fuzz/run` continues from the same inputs.

mod allocation;
mod forged;
mod planted;
mod processes;
mod readers;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::fixture::Archive;
use allocation::peak_of;
use readers::{Reader, SEGMENT, TEXTS};

/// Bytes that a reader of text may allocate for each byte of its input, beyond a constant.
const FACTOR: usize = 64;
const FREE_BYTES: usize = 64 << 10;
/// Bytes that the reader of Parquet may allocate for the small inputs of these tests: the decoded rows of their pages, and
/// what the Parquet library keeps for each column.
const SEGMENT_BYTES: usize = 32 << 20;
/// Mutations of each input.
const ROUNDS: u64 = 30;

/// A small random number generator with the same output on every machine (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }
}

/// Flips bits, inserts, removes or doubles bytes, or truncates.
fn changed(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        match chance.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 0xff, b'"', b'\n', b'9', b'['][chance.below(6)],
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.insert(at, b"0-{,\x80 "[chance.below(6)]),
            4 => bytes.truncate(at),
            _ => {
                let part = bytes[at..bytes.len().min(at + 1 + chance.below(40))].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// Every object in the golden vectors.
fn vectors() -> BTreeSet<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for name in ["archive", "entries", "cosignatures", "links", "notes", "proofs"] {
        let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        collect(
            &serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap(),
            &mut seeds,
        );
    }
    seeds
}

fn collect(value: &Value, seeds: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::String(text) => {
            if let Some(object) = BASE64.decode(text).ok().filter(|_| text.len() > 80) {
                seeds.insert(object);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, seeds)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, seeds)),
        _ => {}
    }
}

fn objects(ending: &str) -> Vec<Vec<u8>> {
    let archive = Archive::usual();
    let keys = archive.store.keys();
    let objects = keys.iter().filter(|key| key.ends_with(ending));
    objects.map(|key| archive.store.bytes(key).unwrap().to_vec()).collect()
}

#[track_caller]
fn hold((name, read): Reader, bytes: &[u8], most: usize) {
    let peak = peak_of(|| read(bytes));
    assert!(
        peak <= most,
        "{name} held {peak} bytes for {} {:?}",
        bytes.len(),
        String::from_utf8_lossy(bytes)
    );
}

#[test]
fn every_reader_of_text_survives_any_change_within_its_memory() {
    let mut chance = Chance(1);
    let mut seeds = vectors();
    seeds.extend(objects(".note"));
    for seed in &seeds {
        for round in 0..3 {
            let bytes = if round == 0 {
                seed.clone()
            } else {
                changed(seed, &mut chance)
            };
            for reader in TEXTS {
                hold(reader, &bytes, FREE_BYTES + FACTOR * bytes.len());
            }
        }
    }
}

/// The inputs that the fuzzer kept, one a line, in base64.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/fuzz/corpus/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    lines.lines().map(|line| BASE64.decode(line).unwrap()).collect()
}

#[test]
fn every_reader_survives_the_fuzzers_corpus_within_its_memory() {
    for bytes in kept("texts") {
        // The first byte selects the fuzzer's reader; here every reader gets the rest.
        for reader in TEXTS {
            hold(reader, &bytes[1..], FREE_BYTES + FACTOR * bytes.len());
        }
    }
    for bytes in kept("segment") {
        hold(SEGMENT, &bytes, SEGMENT_BYTES);
    }
}

#[test]
fn lists_as_long_as_the_input_stay_within_the_factor() {
    let link = objects(".note").pop().unwrap();
    let text = String::from_utf8(link).unwrap();
    for (from, unit) in [
        ("\"absent\":[", "[0,1],"),
        ("\"rejected\":[", "{},"),
        ("{", "["),
        ("{", "\"\":0,"),
    ] {
        let bytes = text
            .replacen(from, &format!("{from}{}", unit.repeat(20_000)), 1)
            .into_bytes();
        for reader in TEXTS {
            hold(reader, &bytes, FREE_BYTES + FACTOR * bytes.len());
        }
    }
}

#[test]
fn the_reader_of_segments_survives_any_change_within_its_memory() {
    let mut chance = Chance(2);
    let seed = objects(".parquet").pop().unwrap();
    for _ in 0..ROUNDS {
        hold(SEGMENT, &changed(&seed, &mut chance), SEGMENT_BYTES);
    }
}
