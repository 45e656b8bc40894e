//! Runs tools/verify.py, which was written from the format's text alone, on tampered archives. One process verifies all
//! of them, because starting Python costs more than verifying.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use kivend::verify::verdict::Verdict;

use super::given::With;
use super::versions;
use super::{Scene, asked, given};
use crate::fixture::Archive;

#[derive(Debug)]
pub struct SecondOpinion {
    folder: tempfile::TempDir,
    cases: Vec<(&'static str, Verdict)>,
}

impl SecondOpinion {
    pub fn new() -> SecondOpinion {
        SecondOpinion {
            folder: tempfile::tempdir().unwrap(),
            cases: Vec::new(),
        }
    }

    /// Writes these objects to a folder, and keeps the verdict of `kivend verify`.
    pub fn hand_over(&mut self, name: &'static str, objects: &BTreeMap<String, Bytes>, with: &With, verdict: Verdict) {
        let root = self.folder.path().join(format!("{:03}", self.cases.len()));
        let archive = root.join("archive");
        std::fs::create_dir_all(&archive).unwrap();
        for (key, bytes) in objects {
            put(&archive.join(key), key.ends_with('/'), bytes);
        }
        for (number, saved) in with.saved.iter().enumerate() {
            put(&root.join("saved").join(number.to_string()), false, &saved.checkpoint);
        }
        let keys: Vec<String> = with.keys.iter().map(ToString::to_string).collect();
        let witnesses: Vec<String> = with.witnesses.iter().map(ToString::to_string).collect();
        let given = serde_json::json!({"keys": keys, "witnesses": witnesses, "origin": with.origin});
        put(&root.join("given.json"), false, given.to_string().as_bytes());
        self.cases.push((name, verdict));
    }

    /// The archives on which the two verifiers disagree.
    pub fn disagreements(&self) -> Vec<String> {
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/judge");
        let output = Command::new(judge).arg(self.folder.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let verdicts = String::from_utf8(output.stdout).unwrap();
        assert_eq!(verdicts.lines().count(), self.cases.len(), "{verdicts} {stderr}");
        let differing = self
            .cases
            .iter()
            .zip(verdicts.lines())
            .filter_map(|((name, ours), line)| {
                let (theirs, findings) = line.split_once('\t')?;
                (theirs != ours.to_string())
                    .then(|| format!("{name}: verify.py says {theirs}, kivend {ours}: {findings}"))
            });
        differing.collect()
    }
}

fn put(file: &PathBuf, is_folder: bool, bytes: &[u8]) {
    if is_folder {
        std::fs::create_dir_all(file).unwrap();
        return;
    }
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// The objects of an archive in memory.
fn objects(archive: &Archive) -> BTreeMap<String, Bytes> {
    let keys = archive.store.keys().into_iter();
    keys.filter_map(|key| archive.store.bytes(&key).map(|bytes| (key, bytes)))
        .collect()
}

#[test]
fn the_second_verifier_judges_every_attack_alike() {
    let honest = Scene::in_memory();
    let key = honest.archive.key.verifying_key().clone();
    let mut second = SecondOpinion::new();
    let keeps_versions = |name| versions::ATTACKS.iter().any(|attack| attack.name == name);
    for attack in asked().iter().filter(|attack| !keeps_versions(attack.name)) {
        let mut scene = honest.copy();
        (attack.deed)(&mut scene);
        let with = With {
            keys: vec![key.clone()],
            ..With::default()
        };
        let report = scene.archive.verify(None, with.request(&scene.archive));
        second.hand_over(attack.name, &objects(&scene.archive), &with, report.verdict);
    }
    for case in given::all() {
        let (archive, with, report) = case.run();
        second.hand_over(case.name, &objects(&archive), &with, report.verdict);
    }
    let differing = second.disagreements();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
