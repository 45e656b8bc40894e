//! What kivend writes, read by libraries of other transparency logs: the Go tests beside this file check proofs and a
//! cosigned checkpoint.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kivend::app::prove::{Wanted, WantedCheckpoint};
use kivend::log::signed_note::Note;
use kivend::log::witness::CosignedNote;
use kivend::record::hash::Hash;
use kivend::record::merkle::range::{LeafRange, consistency_ranges, inclusion_ranges};
use serde_json::{Value, json};

use crate::fixture::{GrowingLog, TestWitness, key, servers};
use crate::proofs::continued::grown;
use crate::proofs::{made, record};

/// Not a power of two, so that some subtrees are not full.
const SIZE: u64 = 45;

#[test]
fn libraries_of_other_logs_accept_notes_and_proofs() {
    // Go, and the modules that it fetches, are where the servers are.
    let Some(()) = servers::running() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = GrowingLog::new("kivend/0123456789abcdef", "");
    std::fs::write(folder.path().join("proofs.json"), proofs(&log).to_string()).unwrap();
    write_cosigned(folder.path(), &log);
    write_proof_files(folder.path());
    go_test(folder.path());
}

/// `leaves`, `roots` (index n: over the first n leaves), and a proof of each kind at every place.
fn proofs(log: &GrowingLog) -> Value {
    let root = |ranges: &[LeafRange]| -> Vec<String> {
        let root = |range: &LeafRange| encode(&range.root(&log.point(range.last())).unwrap());
        ranges.iter().map(root).collect()
    };
    let inclusion = (0..SIZE).map(|index| {
        let path = root(&inclusion_ranges(index, SIZE));
        json!({"index": index, "size": SIZE, "path": path})
    });
    let consistency = (1..=SIZE).map(|first| {
        let path = root(&consistency_ranges(first, SIZE));
        json!({"first": first, "second": SIZE, "path": path})
    });
    json!({
        "leaves": (0..SIZE).map(|number| BASE64.encode(log.leaf(number))).collect::<Vec<_>>(),
        "roots": (0..=SIZE).map(|size| encode(&log.root(size))).collect::<Vec<_>>(),
        "inclusion": inclusion.collect::<Vec<_>>(),
        "consistency": consistency.collect::<Vec<_>>(),
    })
}

fn encode(hash: &Hash) -> String {
    BASE64.encode(hash.0)
}

/// `cosigned.note` and `keys.txt`, the log's key first.
fn write_cosigned(folder: &Path, log: &GrowingLog) {
    let checkpoint = log.checkpoint(SIZE);
    let witnesses = [TestWitness::new("w1.example", 1), TestWitness::new("w2.example", 2)];
    let cosigned = CosignedNote {
        checkpoint: Note::parse(&checkpoint.note).unwrap(),
        cosignatures: witnesses
            .iter()
            .map(|witness| witness.cosign(&checkpoint.head, 1_700_000_000))
            .collect(),
    };
    std::fs::write(folder.join("cosigned.note"), cosigned.to_bytes()).unwrap();
    let keys = witnesses.iter().map(|witness| witness.key().to_string());
    let keys = std::iter::once(log.key.verifying_key().to_string()).chain(keys);
    std::fs::write(folder.join("keys.txt"), keys.collect::<Vec<_>>().join("\n")).unwrap();
}

/// `record.proof` and `consistency.proof` as the command `prove` makes them, and `archive_key.txt`.
fn write_proof_files(folder: &Path) {
    let archive = grown();
    let between = Wanted::Consistency {
        from: WantedCheckpoint::Number(1),
        to: WantedCheckpoint::Number(5),
    };
    for (name, wanted) in [
        ("record.proof", record("payments", 0, 57)),
        ("consistency.proof", between),
    ] {
        std::fs::write(folder.join(name), made(&archive, &wanted).unwrap().text).unwrap();
    }
    std::fs::write(folder.join("archive_key.txt"), key(7).verifying_key().to_string()).unwrap();
}

fn go_test(data: &Path) {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let output = Command::new("go")
        .args(["test", "-count=1", "./..."])
        .current_dir(module)
        .env("KIVEND_TEST_INTEROP", data)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&printed));
}
