//! The signed report of a verification (FORMAT.md section 8.3): the verdict, and the hashes of the files with the whole report. It is
//! a signed note outside the bucket. This file has the content and the rules that the content alone can break.

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity::{is_archive_id, is_origin};
use crate::record::hash::Hash;
use crate::record::utc::UtcSeconds;

/// The type of a report, which is also how its file begins.
pub const TYPE: &str = "kivend.report/v1";
/// The verdicts that a report may have.
const VERDICTS: [&str; 4] = ["intact", "unverifiable", "incomplete", "tampered"];
const NAME_MAX_BYTES: usize = 255;

/// What a verification found; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.3 defines each field")]
pub struct SignedReport {
    pub r#type: String,
    pub archive_id: Option<String>,
    pub archive_sha256: Option<Hash>,
    pub origin: Option<String>,
    pub checkpoint: Option<CheckpointRef>,
    pub software: String,
    pub began_at: UtcSeconds,
    pub ended_at: UtcSeconds,
    pub verdict: String,
    pub summary: String,
    pub files: Vec<SignedFile>,
}

/// A file with the whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.3 defines each field")]
pub struct SignedFile {
    pub kind: FileKind,
    pub name: String,
    pub bytes: u64,
    pub sha256: Hash,
}

/// The form of a file, in the order in which a report names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// The JSON report.
    Json,
    /// The page.
    Html,
    /// The printed page.
    Pdf,
}

impl SignedFile {
    /// Names a file by its content.
    #[must_use]
    pub fn of(kind: FileKind, name: String, content: &[u8]) -> SignedFile {
        SignedFile {
            kind,
            name,
            bytes: content.len() as u64,
            sha256: Hash::of(content),
        }
    }

    /// Whether this is the content that was signed.
    #[must_use]
    pub fn has(&self, content: &[u8]) -> bool {
        self.bytes == content.len() as u64 && self.sha256 == Hash::of(content)
    }
}

/// Whether this can be the name of a file in the folder of its report, and of no other.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    (1..=NAME_MAX_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && !name
            .chars()
            .any(|character| character.is_control() || matches!(character, '/' | '\\'))
}

impl SignedReport {
    /// The canonical text.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        canonical::to_text(self)
    }

    /// Reads the text. [`SignedReport::broken_rule`] judges what it says.
    ///
    /// # Errors
    /// It is not the canonical JSON of a report.
    pub fn from_text(text: &str) -> Result<SignedReport, NotCanonical> {
        canonical::from_text(text)
    }

    /// The rule that the content breaks, if there is one.
    #[must_use]
    pub fn broken_rule(&self) -> Option<&'static str> {
        let members = [
            self.archive_id.is_some(),
            self.archive_sha256.is_some(),
            self.origin.is_some(),
        ];
        let is_known = members == [true; 3];
        [
            (
                self.archive_id.as_deref().is_none_or(is_archive_id) && self.origin.as_deref().is_none_or(is_origin),
                "the id or the origin of the archive is none",
            ),
            (
                is_known || (members == [false; 3] && self.checkpoint.is_none()),
                "it has a part of the archive's identity only",
            ),
            (self.began_at <= self.ended_at, "it ended before it began"),
            (VERDICTS.contains(&&*self.verdict), "its verdict is none"),
            (
                self.summary
                    .split_once(": ")
                    .is_some_and(|(verdict, _)| verdict == self.verdict),
                "its summary does not begin with the verdict",
            ),
            (
                !self.files.is_empty() && self.files.is_sorted_by(|one, next| one.kind < next.kind),
                "the files are not in order, each kind once",
            ),
            (
                self.files.iter().all(|file| is_file_name(&file.name)),
                "the name of a file is not that of a file beside it",
            ),
        ]
        .into_iter()
        .find_map(|(holds, rule)| (!holds).then_some(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SignedReport {
        SignedReport {
            r#type: TYPE.to_owned(),
            archive_id: Some("0".repeat(32)),
            archive_sha256: Some(Hash::of(b"archive.json")),
            origin: Some("kivend/0".to_owned()),
            checkpoint: None,
            software: "kivend 0.1.0".to_owned(),
            began_at: UtcSeconds::from_unix(0),
            ended_at: UtcSeconds::from_unix(1),
            verdict: "intact".to_owned(),
            summary: "intact: 1 records".to_owned(),
            files: vec![SignedFile::of(FileKind::Json, "r.json".to_owned(), b"{}")],
        }
    }

    #[test]
    fn a_report_that_contradicts_itself_breaks_a_rule() {
        assert_eq!(report().broken_rule(), None);
        let text = report().to_text().unwrap();
        assert!(text.starts_with("{\"type\":\"kivend.report/v1\","), "{text}");
        assert_eq!(SignedReport::from_text(&text).unwrap(), report());
        let breaks: [fn(&mut SignedReport); 7] = [
            |report| report.archive_id = Some("none".to_owned()),
            |report| report.origin = None,
            |report| report.began_at = UtcSeconds::from_unix(2),
            |report| report.verdict = "well".to_owned(),
            |report| report.summary = "tampered: 1 records".to_owned(),
            |report| report.files.clear(),
            |report| report.files.push(report.files[0].clone()),
        ];
        for (index, change) in breaks.iter().enumerate() {
            let mut broken = report();
            change(&mut broken);
            assert!(broken.broken_rule().is_some(), "{index}");
        }
    }

    #[test]
    fn a_report_names_no_file_outside_its_folder() {
        for name in ["", ".", "..", "../r.json", "/etc/passwd", "a/b", "a\\b", "a\nb"] {
            let mut report = report();
            report.files[0].name = name.to_owned();
            assert!(report.broken_rule().is_some(), "{name:?}");
        }
        assert!(is_file_name("report of 3 February.json"));
    }
}
