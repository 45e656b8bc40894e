//! Findings: each mismatch that a verification states, with the exact place. Never decides the verdict: that is
//! [`crate::verify::verdict`].

use serde::{Deserialize, Serialize};

use crate::log::object_key::Place;
use crate::record::position::TopicPartition;
pub use crate::verify::codes::{Code, Severity};

/// One mismatch: what, where, and the exact records concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// How grave.
    pub severity: Severity,
    /// The topic concerned, where one is.
    pub topic: Option<String>,
    /// The partition concerned, where one is.
    pub partition: Option<i32>,
    /// The offsets concerned, `[first, next)`.
    pub offsets: Option<(i64, i64)>,
    /// The object concerned, by its key under the prefix.
    pub object: Option<String>,
    /// What exactly was seen.
    pub detail: String,
}

impl Finding {
    /// A finding of this kind; say where with the methods below.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            topic: None,
            partition: None,
            offsets: None,
            object: None,
            detail: detail.into(),
        }
    }

    /// In this partition.
    #[must_use]
    pub fn of(mut self, partition: &TopicPartition) -> Finding {
        self.topic = Some(partition.topic.to_string());
        self.partition = Some(partition.partition);
        self
    }

    /// About this object.
    #[must_use]
    pub fn object(mut self, key: impl ToString) -> Finding {
        self.object = Some(key.to_string());
        self
    }

    /// About these offsets, `[first, next)`.
    #[must_use]
    pub fn offsets(mut self, first: i64, next: i64) -> Finding {
        self.offsets = Some((first, next));
        self
    }

    /// In the partition of this place.
    #[must_use]
    pub fn at(self, place: &Place) -> Finding {
        self.of(&place.partition)
    }
}

/// Of each code at most so many findings are kept whole; the rest are counted. So a hostile bucket of a million strays
/// costs no memory, and people still can read the report.
pub const KEPT_PER_CODE: usize = 200;

/// The findings of a verification, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: std::collections::BTreeMap<Code, u64>,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.code).or_insert(0);
        *count += 1;
        if *count <= KEPT_PER_CODE as u64 {
            self.kept.push(finding);
        }
    }

    /// Adds those of another part.
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

    /// Those that are kept whole, the gravest first, then by place.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.kept.sort_by(|a, b| {
            let place = |f: &Finding| (f.code, f.topic.clone(), f.partition, f.offsets, f.object.clone());
            b.severity.cmp(&a.severity).then_with(|| place(a).cmp(&place(b)))
        });
        self.kept
    }

    /// Those that are kept whole, as they came.
    #[must_use]
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there were of each code, kept or not.
    #[must_use]
    pub fn counts(&self) -> &std::collections::BTreeMap<Code, u64> {
        &self.counts
    }

    /// The gravest severity of all that were found.
    #[must_use]
    pub fn gravest(&self) -> Option<Severity> {
        self.counts.keys().map(|code| code.severity()).max()
    }

    /// Whether one of this code was found.
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
