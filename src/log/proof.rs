//! The form of proof files (FORMAT.md section 8.1): for one record, for many, or for two checkpoints.
//! [`crate::verify::proof`] verifies them.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::log::head::Head;
use crate::record::hash::Hash;

/// The first line of a record proof.
pub const RECORD_TYPE: &str = "kivend.proof/v1";
/// The first line of a proof of many records.
pub const RECORDS_TYPE: &str = "kivend.records/v1";
/// The first line of a consistency proof.
pub const CONSISTENCY_TYPE: &str = "kivend.consistency/v1";

/// What shows that a change key of `archive.json` knew it: leaf 0, and a checkpoint over it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// The text of leaf 0.
    pub leaf: String,
    /// The note of checkpoint 0.
    pub checkpoint: String,
}

/// The proof that a record is in the archive; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordProof {
    /// The record's encoding, in base64.
    pub record: String,
    /// The record's index in the segment, from 0.
    pub record_index: u64,
    /// The inclusion path from the record to `records_root` of the link.
    pub record_path: Vec<Hash>,
    /// The link's note.
    pub link: String,
    /// The inclusion path from the link to the log root of the head.
    pub link_path: Vec<Hash>,
    /// The partition's head in the entry.
    pub head: Head,
    /// The index of the head among those of the entry.
    pub head_index: u64,
    /// The inclusion path from the head to the root of the heads in the leaf.
    pub head_path: Vec<Hash>,
    /// The text of the leaf of the entry.
    pub leaf: String,
    /// The inclusion path from the leaf to the root of the checkpoint.
    pub leaf_path: Vec<Hash>,
    /// A checkpoint over the leaf, with cosignature lines or none.
    pub checkpoint: String,
    /// `archive.json`.
    pub archive: String,
    /// The notes of the changes, from sequence 1.
    pub changes: Vec<String>,
    /// Where `archive.json` names change keys: what shows that one of them knew it.
    pub first: Option<First>,
}

/// The proof that records are in the archive; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsProof {
    /// The partitions that have records, in the order of the entry's heads.
    pub partitions: Vec<PartitionRecords>,
    /// The path from their heads to the root of the heads in the leaf.
    pub heads_path: Vec<Hash>,
    /// The text of the leaf of the entry.
    pub leaf: String,
    /// The inclusion path from the leaf to the root of the checkpoint.
    pub leaf_path: Vec<Hash>,
    /// A checkpoint over the leaf, with cosignature lines or none.
    pub checkpoint: String,
    /// `archive.json`.
    pub archive: String,
    /// The notes of the changes, from sequence 1.
    pub changes: Vec<String>,
    /// As in a record proof.
    pub first: Option<First>,
}

/// The records of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecords {
    /// The partition's head in the entry.
    pub head: Head,
    /// The index of the head among those of the entry.
    pub head_index: u64,
    /// The links whose segments have the records, by height.
    pub links: Vec<LinkRecords>,
    /// The path from the links to the log root of the head.
    pub links_path: Vec<Hash>,
}

/// The records of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecords {
    /// The link's note.
    pub link: String,
    /// The encodings of the records, in base64, by offset.
    pub records: Vec<String>,
    /// The path from the records to `records_root` of the link.
    pub records_path: Vec<Hash>,
}

/// The proof that the log only grew between two checkpoints; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// The earlier checkpoint.
    pub from: String,
    /// The later checkpoint.
    pub to: String,
    /// The consistency path between their roots.
    pub path: Vec<Hash>,
    /// `archive.json`.
    pub archive: String,
    /// The notes of the changes, from sequence 1.
    pub changes: Vec<String>,
    /// As in a record proof.
    pub first: Option<First>,
}

/// The content of a proof file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A record is in the archive.
    Record(Box<RecordProof>),
    /// Records are in the archive.
    Records(Box<RecordsProof>),
    /// The log only grew between two checkpoints.
    Consistency(ConsistencyProof),
}

/// Why a file is not a proof file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAProof {
    /// This version does not know the type of proof.
    #[error("the proof has an unknown type, perhaps of a newer version of kivend: {0}")]
    UnknownType(String),
    /// Not a line with a type and a line of canonical JSON.
    #[error("not a proof file: {0}")]
    Malformed(String),
}

impl Proof {
    /// The file's text.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let (kind, content) = match self {
            Proof::Record(proof) => (RECORD_TYPE, canonical::to_text(proof)?),
            Proof::Records(proof) => (RECORDS_TYPE, canonical::to_text(proof)?),
            Proof::Consistency(proof) => (CONSISTENCY_TYPE, canonical::to_text(proof)?),
        };
        Ok(format!("{kind}\n{content}"))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`NotAProof`] if they are not exactly what [`Proof::to_text`] writes.
    pub fn from_bytes(file: &[u8]) -> Result<Proof, NotAProof> {
        let malformed = |why: &dyn std::fmt::Display| NotAProof::Malformed(why.to_string());
        let text = std::str::from_utf8(file).map_err(|error| malformed(&error))?;
        let (kind, content) = text.split_once('\n').ok_or_else(|| malformed(&"it has one line"))?;
        match kind {
            RECORD_TYPE => canonical::from_text(content).map(|proof| Proof::Record(Box::new(proof))),
            RECORDS_TYPE => canonical::from_text(content).map(|proof| Proof::Records(Box::new(proof))),
            CONSISTENCY_TYPE => canonical::from_text(content).map(Proof::Consistency),
            _ if is_versioned(kind) => return Err(NotAProof::UnknownType(kind.to_owned())),
            _ => return Err(malformed(&"its first line is not a type of proof")),
        }
        .map_err(|error| malformed(&error))
    }
}

/// Whether `kind` is another version of a known type.
fn is_versioned(kind: &str) -> bool {
    let version = kind
        .strip_prefix("kivend.proof/v")
        .or_else(|| kind.strip_prefix("kivend.records/v"))
        .or_else(|| kind.strip_prefix("kivend.consistency/v"));
    version.is_some_and(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Proof {
        Proof::Consistency(ConsistencyProof {
            from: "a\n".into(),
            to: "b\n".into(),
            path: vec![Hash::ZERO],
            archive: "{}".into(),
            changes: vec!["c".into()],
            first: None,
        })
    }

    #[test]
    fn a_proof_is_two_lines_and_reads_back() {
        let text = example().to_text().unwrap();
        let zeros = Hash::ZERO;
        assert_eq!(
            text,
            format!(
                "kivend.consistency/v1\n{{\"from\":\"a\\n\",\"to\":\"b\\n\",\"path\":[\"{zeros}\"],\"archive\":\"{{}}\",\"changes\":[\"c\"],\"first\":null}}\n"
            )
        );
        assert_eq!(Proof::from_bytes(text.as_bytes()), Ok(example()));
    }

    #[test]
    fn another_type_form_or_version_is_refused() {
        let text = example().to_text().unwrap();
        let newer = text.replace("/v1", "/v2");
        assert_eq!(
            Proof::from_bytes(newer.as_bytes()),
            Err(NotAProof::UnknownType("kivend.consistency/v2".into()))
        );
        for wrong in [
            String::new(),
            "kivend.proof/v1".into(),
            text.replace("/v1", "/v"),
            text.replace("kivend.consistency", "kivend.proof"),
            text.replace("kivend.consistency", "kivend.checkpoint"),
            format!("{text}\n"),
            text.replace("path", "way"),
            text.replacen(":", ": ", 1),
        ] {
            assert!(
                matches!(Proof::from_bytes(wrong.as_bytes()), Err(NotAProof::Malformed(_))),
                "{wrong}"
            );
        }
    }
}
