//! Attacks on an archive, by name: who can do it, what is done, and what each kind of evidence then shows. One list, run
//! in memory on every machine (`memory`) and on the real servers (`real_attacks`); docs/THREATS.md holds it as a table.
//! An attack changes the objects of a scene and nothing else: where they stand is the business of whoever runs it.

mod checkpoints;
mod forgery;
mod keys;
mod links;
mod memory;
mod objects;
mod outside;
mod rows;
mod scene;
mod segments;
mod table;
mod versions;

pub use memory::{evidence, joined};
pub use scene::Scene;

use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

/// What an attacker can do. Each of the first three can do what those before it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Creates objects, and neither overwrites nor deletes: the archiver's own rights, without its key.
    Creator,
    /// Overwrites and deletes: whoever administers the bucket.
    BucketAdmin,
    /// Holds the signing key too.
    KeyHolder,
    /// Moves the group's offsets, and may delete and create topics; cannot write to the bucket.
    KafkaAdmin,
}

/// What a verifier has in hand besides the bucket and the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing.
    Bucket,
    /// The group's commit in Kafka.
    Commit,
    /// The commit, and the records that Kafka still holds.
    Records,
    /// The newest checkpoint, saved elsewhere before the attack.
    Saved,
}

/// One attack, and what must come of it.
#[derive(Clone, Copy)]
pub struct Attack {
    pub name: &'static str,
    pub who: Who,
    pub deed: fn(&mut Scene),
    /// By evidence: the finding that must be there and be among the gravest; without one, the archive must pass as
    /// intact, for nothing in hand can show more.
    pub told: [Option<Code>; 4],
}

/// An attack that nothing shows, until the methods below say what does.
const fn attack(name: &'static str, who: Who, deed: fn(&mut Scene)) -> Attack {
    Attack {
        name,
        who,
        deed,
        told: [None; 4],
    }
}

impl Attack {
    /// With any evidence.
    const fn always(mut self, code: Code) -> Attack {
        self.told = [Some(code); 4];
        self
    }

    /// With what Kafka knows: its commit, and so its records too.
    const fn commit(mut self, code: Code) -> Attack {
        (self.told[1], self.told[2]) = (Some(code), Some(code));
        self
    }

    /// With Kafka's records.
    const fn records(mut self, code: Code) -> Attack {
        self.told[2] = Some(code);
        self
    }

    /// With a saved checkpoint.
    const fn saved(mut self, code: Code) -> Attack {
        self.told[3] = Some(code);
        self
    }

    /// Holds a report to what this evidence must show; says what is wrong with it.
    pub fn judge(&self, evidence: Evidence, report: &Report) -> Result<(), String> {
        let told = self.told[evidence as usize];
        let expected = told.map_or(Verdict::Intact, verdict_of);
        let found = told.is_none_or(|code| report.findings.iter().any(|finding| finding.code == code));
        if report.verdict == expected && found {
            return Ok(());
        }
        let codes: Vec<_> = report
            .findings
            .iter()
            .map(|finding| format!("{} {:?} {}", finding.code.id(), finding.object, finding.detail))
            .collect();
        let told = told.map_or("nothing", Code::id);
        Err(format!(
            "{} ({evidence:?}): expected {expected} by {told}, found {} by {codes:#?}",
            self.name, report.verdict
        ))
    }
}

/// The verdict of an archive of which this is the gravest finding.
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
        checkpoints::ATTACKS,
        keys::ATTACKS,
        objects::ATTACKS,
        versions::ATTACKS,
        outside::ATTACKS,
    ]
    .concat()
}

/// Those whose names hold `KIVEND_TEST_ATTACK`, or every one.
pub fn asked() -> Vec<Attack> {
    let part = std::env::var("KIVEND_TEST_ATTACK").unwrap_or_default();
    let mut asked = attacks();
    asked.retain(|attack| attack.name.contains(&part));
    asked
}
