//! Runs tools/verify.py, which was written from the format's text alone, on the same tampered archives. One process
//! verifies all of them, because starting Python costs more than verifying.

use std::path::{Path, PathBuf};
use std::process::Command;

use kivend::store::Store;
use kivend::verify::verdict::Verdict;

use super::honest::{Honest, objects};
use crate::attacks::Attack;

pub struct SecondOpinion {
    folder: tempfile::TempDir,
    key: String,
    cases: Vec<(Attack, Verdict)>,
}

impl SecondOpinion {
    pub fn new(honest: &Honest) -> SecondOpinion {
        SecondOpinion {
            folder: tempfile::tempdir().unwrap(),
            key: honest.scene.archive.key.verifying_key().to_string(),
            cases: Vec::new(),
        }
    }

    /// Copies the bucket as it is, and keeps the verdict of `kivend verify`.
    pub async fn hand_over(&mut self, attack: &Attack, bucket: &dyn Store, verdict: Verdict) {
        let root = self.archive(self.cases.len());
        std::fs::create_dir(&root).unwrap();
        for (key, bytes) in objects(bucket).await {
            let file = root.join(key);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        self.cases.push((*attack, verdict));
    }

    fn archive(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number:03}"))
    }

    /// The archives on which the two verifiers disagree.
    pub fn disagreements(&self) -> Vec<String> {
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/judge");
        let output = Command::new(judge)
            .arg(self.folder.path())
            .arg(&self.key)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let verdicts = String::from_utf8(output.stdout).unwrap();
        assert_eq!(verdicts.lines().count(), self.cases.len(), "{verdicts} {stderr}");
        let differing = self
            .cases
            .iter()
            .zip(verdicts.lines())
            .filter_map(|((attack, ours), line)| {
                let (theirs, findings) = line.split_once('\t')?;
                let name = attack.name;
                (theirs != ours.to_string())
                    .then(|| format!("{name}: verify.py says {theirs}, kivend {ours}: {findings}"))
            });
        differing.collect()
    }
}
