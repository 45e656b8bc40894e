//! The files of a folder of records in the hands of somebody else. Both verifiers must say the same of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::selection::{folder, odd};

/// What the second verifier says of each folder: its name, the exit code that is expected, the exit code, and words.
type Told = BTreeMap<String, (String, i32, i32, String)>;

fn second_verifier(place: &Path, out: &Path) -> Told {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = ". tests/independent/environment.sh && exec python tests/independent/odd_folders.py \"$@\"";
    let output = Command::new("bash")
        .args(["-euc", script, "odd_folders"])
        .args([place, out])
        .arg(super::key(7).verifying_key().to_string())
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The exit code of `kivend verify-proof`, 2 for what it refuses, and words.
fn first_verifier(place: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kivend"))
        .args(["verify-proof", "--key"])
        .arg(super::key(7).verifying_key().to_string())
        .arg(place)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap_or(-1);
    (
        if code == 1 { 2 } else { code },
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn both_verifiers_say_the_same_of_every_folder_that_somebody_changed() {
    let parent = tempfile::tempdir().unwrap();
    let (place, out) = (parent.path().join("found"), parent.path().join("changed"));
    folder(&odd(), &place);
    std::fs::create_dir(&out).unwrap();
    let told = second_verifier(&place, &out);
    assert!(told.len() > 60, "{}", told.len());
    let mut wrong = Vec::new();
    for (name, (copy, expected, second, said)) in &told {
        let (first, why) = first_verifier(&out.join(copy));
        if [first, *second] != [*expected; 2] {
            wrong.push(format!(
                "{name}: expected {expected}, kivend {first} {why}, verify_proof.py {second} {said}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
