//! Attacks on an archive, by name: who can carry it out, what it changes, and what each kind of evidence then shows.
//! `memory` runs the list in memory, `real_attacks` on real servers; docs/THREATS.md contains it as a table. An attack
//! only changes the objects of a scene, so that both can run it.

mod cases;
mod cases_saved;
mod checkpoints;
mod entries;
mod epochs;
mod forgery;
pub mod given;
mod keys;
mod links;
mod memory;
mod objects;
mod outside;
mod replays;
mod retention;
mod rows;
mod scene;
mod second_opinion;
mod segments;
mod table;
mod versions;

pub use given::With;
pub use memory::{evidence, joined};
pub use scene::Scene;
pub use second_opinion::SecondOpinion;

use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

/// The rights of an attacker. Each of the first three includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Creates objects, but neither overwrites nor deletes: the archiver's rights without its key.
    Creator,
    /// Overwrites and deletes objects: the administrator of the bucket.
    BucketAdmin,
    /// Also holds the signing key.
    KeyHolder,
    /// Changes the group's offsets and deletes and creates topics, but cannot write to the bucket.
    KafkaAdmin,
}

/// What a verifier has besides the bucket and the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing else.
    Bucket,
    /// The group's commit in Kafka.
    Commit,
    /// The commit, and the records that are still in Kafka.
    Records,
    /// The newest checkpoint, saved elsewhere before the attack.
    Saved,
}

/// An attack and the expected findings.
#[derive(Clone, Copy)]
pub struct Attack {
    pub name: &'static str,
    pub who: Who,
    pub deed: fn(&mut Scene),
    /// By evidence: the code that must be among the gravest findings; `None` where this evidence cannot show the attack
    /// and the archive verifies as intact.
    pub expected_codes: [Option<Code>; 4],
}

/// An attack that no evidence shows, until the methods below add what does.
const fn attack(name: &'static str, who: Who, deed: fn(&mut Scene)) -> Attack {
    Attack {
        name,
        who,
        deed,
        expected_codes: [None; 4],
    }
}

impl Attack {
    /// Any evidence shows it.
    const fn always(mut self, code: Code) -> Attack {
        self.expected_codes = [Some(code); 4];
        self
    }

    /// The commit shows it, and so do commit and records.
    const fn commit(mut self, code: Code) -> Attack {
        (self.expected_codes[1], self.expected_codes[2]) = (Some(code), Some(code));
        self
    }

    /// Kafka's records show it.
    const fn records(mut self, code: Code) -> Attack {
        self.expected_codes[2] = Some(code);
        self
    }

    /// A saved checkpoint shows it.
    const fn saved(mut self, code: Code) -> Attack {
        self.expected_codes[3] = Some(code);
        self
    }

    /// Compares a report with what this evidence must show. The error says where they differ.
    pub fn judge(&self, evidence: Evidence, report: &Report) -> Result<(), String> {
        let code = self.expected_codes[evidence as usize];
        judge(&format!("{} ({evidence:?})", self.name), code, report)
    }
}

/// Compares a report with the only grave finding that it must have. The error says where they differ.
fn judge(name: &str, code: Option<Code>, report: &Report) -> Result<(), String> {
    let expected = code.map_or(Verdict::Intact, verdict_of);
    let found = |code| report.findings.iter().any(|finding| finding.code == code);
    if report.verdict == expected && code.is_none_or(found) {
        return Ok(());
    }
    let codes: Vec<_> = report
        .findings
        .iter()
        .map(|finding| format!("{} {:?} {}", finding.code.id(), finding.object, finding.detail))
        .collect();
    let code = code.map_or("nothing", Code::id);
    Err(format!(
        "{name}: expected {expected} by {code}, found {} by {codes:#?}",
        report.verdict
    ))
}

/// The verdict where this is the gravest finding.
pub fn verdict_of(code: Code) -> Verdict {
    let mut findings = kivend::verify::findings::Findings::default();
    findings.push(kivend::verify::findings::Finding::new(code, ""));
    Verdict::of(&findings)
}

/// Every attack, in the order of the document.
pub fn attacks() -> Vec<Attack> {
    [
        rows::ATTACKS,
        segments::ATTACKS,
        links::ATTACKS,
        forgery::ATTACKS,
        epochs::ATTACKS,
        entries::ATTACKS,
        checkpoints::ATTACKS,
        replays::ATTACKS,
        keys::ATTACKS,
        retention::ATTACKS,
        objects::ATTACKS,
        versions::ATTACKS,
        outside::ATTACKS,
    ]
    .concat()
}

/// The attacks whose names contain `KIVEND_TEST_ATTACK`, or all.
pub fn asked() -> Vec<Attack> {
    let part = std::env::var("KIVEND_TEST_ATTACK").unwrap_or_default();
    let mut asked = attacks();
    asked.retain(|attack| attack.name.contains(&part));
    asked
}
