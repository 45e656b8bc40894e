//! Findings: each mismatch that a verification reports, with its place. [`crate::verify::verdict`] makes the verdict of them.

use serde::{Deserialize, Serialize};

use crate::log::object_key::Place;
use crate::record::position::TopicPartition;
pub use crate::verify::codes::Code;
pub use crate::verify::severity::Severity;

/// One mismatch, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind of mismatch.
    pub code: Code,
    /// The severity of the code.
    pub severity: Severity,
    /// The topic, if the finding is about one.
    pub topic: Option<String>,
    /// The partition, if the finding is about one.
    pub partition: Option<i32>,
    /// The offsets, `[first, next)`.
    pub offsets: Option<(i64, i64)>,
    /// The key of the object, relative to the prefix.
    pub object: Option<String>,
    /// The number of records concerned, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// When the store says that the object was written, in milliseconds since 1970, where it was asked. It is no evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_ms: Option<i64>,
    /// What was seen, with the values.
    pub detail: String,
    /// What is expected and what was found instead, where both are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
}

/// Something that is not what it was: before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What was compared, such as `value at offset 12`.
    pub what: String,
    /// Who says what is expected, such as `signed`.
    pub expected_by: String,
    /// What is expected.
    pub expected: String,
    /// What was found in the archive instead.
    pub found: String,
}

impl Finding {
    /// A finding about the whole archive; the methods below add its place.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            topic: None,
            partition: None,
            offsets: None,
            object: None,
            records: None,
            modified_ms: None,
            detail: detail.into(),
            difference: None,
        }
    }

    /// Sets the topic and the partition.
    #[must_use]
    pub fn of(mut self, partition: &TopicPartition) -> Finding {
        self.topic = Some(partition.topic.to_string());
        self.partition = Some(partition.partition);
        self
    }

    /// Sets the key of the object.
    #[must_use]
    pub fn object(mut self, key: impl ToString) -> Finding {
        self.object = Some(key.to_string());
        self
    }

    /// Sets the offsets, `[first, next)`.
    #[must_use]
    pub fn offsets(mut self, first: i64, next: i64) -> Finding {
        self.offsets = Some((first, next));
        self
    }

    /// Sets the number of records concerned.
    #[must_use]
    pub fn records(mut self, records: u64) -> Finding {
        self.records = Some(records);
        self
    }

    /// Sets what the signature says of `what`, and what was found instead.
    #[must_use]
    pub fn signed_and_found(mut self, what: &str, signed: impl ToString, found: impl ToString) -> Finding {
        self.difference = Some(Box::new(Difference {
            what: what.to_owned(),
            expected_by: "signed".to_owned(),
            expected: signed.to_string(),
            found: found.to_string(),
        }));
        self
    }

    /// Sets the topic and the partition to those of this place.
    #[must_use]
    pub fn at(self, place: &Place) -> Finding {
        self.of(&place.partition)
    }
}

/// Findings of one code that are kept; the rest are counted. Bounds memory and report when a hostile bucket holds a million
/// stray objects.
pub const KEPT_PER_CODE: usize = 200;

/// The findings of a verification, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: std::collections::BTreeMap<Code, u64>,
}

impl Findings {
    /// Adds a finding. Only the first [`KEPT_PER_CODE`] of a code are kept.
    pub fn push(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.code).or_insert(0);
        *count += 1;
        if *count <= KEPT_PER_CODE as u64 {
            self.kept.push(finding);
        }
    }

    /// Sets when the store says that the object was written that all of these are about.
    pub fn set_modified(&mut self, modified_ms: Option<i64>) {
        self.kept
            .iter_mut()
            .for_each(|finding| finding.modified_ms = modified_ms);
    }

    /// Adds the findings of another part of the verification.
    pub fn append(&mut self, other: Findings) {
        for (code, count) in other.counts {
            *self.counts.entry(code).or_insert(0) += count;
        }
        for finding in other.kept {
            let same = self.kept.iter().filter(|kept| kept.code == finding.code).count();
            if same < KEPT_PER_CODE {
                self.kept.push(finding);
            }
        }
    }

    /// The kept findings, by severity (highest first), then by place.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.kept.sort_by(|a, b| {
            let place = |f: &Finding| (f.code, f.topic.clone(), f.partition, f.offsets, f.object.clone());
            b.severity.cmp(&a.severity).then_with(|| place(a).cmp(&place(b)))
        });
        self.kept
    }

    /// These findings with the topic and the partition set.
    #[must_use]
    pub fn of(mut self, partition: &TopicPartition) -> Findings {
        self.kept = self.kept.into_iter().map(|finding| finding.of(partition)).collect();
        self
    }

    /// The kept findings, in the order in which they were added.
    #[must_use]
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The number of findings of each code, kept or not.
    #[must_use]
    pub fn counts(&self) -> &std::collections::BTreeMap<Code, u64> {
        &self.counts
    }

    /// The highest severity.
    #[must_use]
    pub fn gravest(&self) -> Option<Severity> {
        self.counts.keys().map(|code| code.severity()).max()
    }

    /// Whether there is a finding with this code.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        self.counts.contains_key(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_findings_is_counted_but_not_kept() {
        let mut findings = Findings::default();
        for index in 0..10_000 {
            findings.push(Finding::new(Code::StrayObject, format!("{index}")));
        }
        let mut all = Findings::default();
        all.append(findings.clone());
        all.append(findings);
        assert_eq!(all.counts()[&Code::StrayObject], 20_000);
        assert_eq!(all.kept().len(), KEPT_PER_CODE);
        assert_eq!(all.gravest(), Some(Severity::Tampered));
    }
}
