//! Checks a proof file with nothing else at hand (FORMAT.md section 8). Pure and quick: a few hashes and signatures. Never
//! says that the rest of the archive is intact, nor that the archive still has what was proved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use crate::json::canonical;
use crate::log::checkpoint::{Head, SignedCheckpoint};
use crate::log::link::{Link, SignedLink};
use crate::log::note::Invalid;
use crate::log::object_key::{Attempt, Key, Place};
use crate::log::proof::{ConsistencyProof, NotAProof, Proof, RecordProof};
use crate::log::signed_note::{Note, VerifyingKey};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::{included_root, is_consistent};
use crate::record::position::{Epoch, FirstOffset};
use crate::record::record::Record;
use crate::verify::checkpoints::goes_back;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{Basis, Standing, Trust};
use crate::verify::verdict::Verdict;

/// What checking a proof came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofReport {
    /// Whether it proves what it says.
    pub verdict: Verdict,
    /// What it is about, as far as it was proved.
    pub proved: Option<Proved>,
    /// The archive, where its identity reads.
    pub archive: Option<String>,
    /// Its id.
    pub archive_id: Option<String>,
    /// Why the keys are believed.
    pub trust: Option<Basis>,
    /// The keys that count.
    pub keys: Vec<String>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Proved {
    /// A record stands in the archive.
    Record(Box<ProvedRecord>),
    /// The later checkpoint continues the earlier one.
    Consistency {
        /// The earlier one.
        from: CheckpointNamed,
        /// The later one.
        to: CheckpointNamed,
        /// How many partitions were followed.
        partitions: usize,
    },
}

/// A record that was proved. Bytes that are not UTF-8 are shown with replacement characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvedRecord {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its offset.
    pub offset: i64,
    /// In ms since the epoch, where it has one.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Its headers.
    pub headers: Vec<(String, Option<String>)>,
    /// The hash of its encoding with 0x00 before it: its leaf in the segment's tree.
    pub leaf: Hash,
    /// The height of its link.
    pub link_height: u64,
    /// The hash of its link's object.
    pub link: Hash,
    /// When the link says that it was sealed.
    pub sealed_at: String,
    /// The checkpoint that covers it.
    pub checkpoint: CheckpointNamed,
}

/// A checkpoint, for people to compare with one that they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointNamed {
    /// Its number.
    pub number: u64,
    /// The hash of its object.
    pub sha256: Hash,
    /// When it was signed, by its writer's clock.
    pub at: String,
}

impl CheckpointNamed {
    fn of(signed: &SignedCheckpoint) -> CheckpointNamed {
        CheckpointNamed {
            number: signed.checkpoint.number,
            sha256: signed.hash,
            at: signed.checkpoint.at.to_string(),
        }
    }
}

/// Checks a proof file. `brought` are the keys that whoever checks has from elsewhere; none means trust on first use.
#[must_use]
pub fn check(file: &[u8], brought: &[VerifyingKey]) -> ProofReport {
    let mut report = ProofReport {
        verdict: Verdict::Intact,
        proved: None,
        archive: None,
        archive_id: None,
        trust: None,
        keys: Vec::new(),
        findings: Vec::new(),
    };
    let mut findings = Findings::default();
    match prove(file, brought, &mut report) {
        Ok(proved) => report.proved = Some(proved),
        Err(finding) => findings.push(*finding),
    }
    report.verdict = Verdict::of(&findings);
    report.findings = findings.into_sorted();
    report
}

/// The first thing that is wrong.
type Checked<T> = Result<T, Box<Finding>>;

fn wrong(code: Code, detail: impl Into<String>) -> Box<Finding> {
    Box::new(Finding::new(code, detail))
}

fn demand(holds: bool, code: Code, detail: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(wrong(code, detail)) }
}

/// A note in the proof that is not valid there.
fn invalid(what: &str) -> impl Fn(Invalid) -> Box<Finding> {
    move |invalid| {
        let code = match invalid {
            Invalid::UnknownType(_) => Code::ProofUnknownType,
            _ => Code::ProofNoteInvalid,
        };
        wrong(code, format!("{what}: {invalid}"))
    }
}

fn prove(file: &[u8], brought: &[VerifyingKey], report: &mut ProofReport) -> Checked<Proved> {
    let proof = Proof::from_bytes(file).map_err(|error| {
        let code = match error {
            NotAProof::UnknownType(_) => Code::ProofUnknownType,
            NotAProof::Malformed(_) => Code::ProofMalformed,
        };
        wrong(code, error.to_string())
    })?;
    let (archive, key_changes) = match &proof {
        Proof::Record(proof) => (&proof.archive, &proof.key_changes),
        Proof::Consistency(proof) => (&proof.archive, &proof.key_changes),
    };
    let trusted = Trusted::new(archive, key_changes, brought)?;
    report.archive = Some(trusted.trust.identity().archive().to_owned());
    report.archive_id = Some(trusted.trust.identity().id().to_owned());
    report.trust = Some(trusted.trust.basis());
    report.keys = trusted.trust.keys().map(ToString::to_string).collect();
    match proof {
        Proof::Record(proof) => trusted.record(&proof),
        Proof::Consistency(proof) => trusted.consistency(&proof),
    }
}

/// The keys that count, and what the key changes say of checkpoints.
struct Trusted {
    trust: Trust,
    /// The checkpoints that key changes name: number and hash.
    named: Vec<(u64, Hash)>,
}

impl Trusted {
    fn new(archive: &str, key_changes: &[String], brought: &[VerifyingKey]) -> Checked<Trusted> {
        let trust = Trust::new(archive.as_bytes(), brought).map_err(Box::new)?;
        let mut trusted = Trusted::after(key_changes, trust.clone())?;
        if !trusted.trust.vouches_for_the_archive() {
            let trust = trust.of_brought_alone();
            // Where no key is left, that says more than the first change that nobody signed.
            trust.clone().settle().map_err(Box::new)?;
            trusted = Trusted::after(key_changes, trust)?;
        }
        trusted.trust.settle().map_err(Box::new)?;
        Ok(trusted)
    }

    fn after(key_changes: &[String], mut trust: Trust) -> Checked<Trusted> {
        let mut named = Vec::new();
        for (number, note) in (1..).zip(key_changes) {
            let what = format!("key change {number}");
            let signed = trust.open_change(note.as_bytes(), number).map_err(invalid(&what))?;
            if let Some(broken) = trust.refuses(&signed) {
                return Err(wrong(Code::KeyChangeInvalid, format!("key change {number}: {broken}")));
            }
            trust.apply(&signed, None);
            named.push((signed.change.checkpoint.number, signed.change.checkpoint.sha256));
        }
        Ok(Trusted { trust, named })
    }

    /// Opens a checkpoint, which says itself which number it has.
    fn checkpoint(&self, what: &str, note: &str) -> Checked<SignedCheckpoint> {
        let number = |line: &str| line.split(' ').next()?.parse().ok();
        let number = note.lines().nth(1).and_then(number).unwrap_or(0);
        let signed = self
            .trust
            .open_checkpoint(note.as_bytes(), number)
            .map_err(invalid(what))?;
        let checkpoint = &signed.checkpoint;
        demand(
            checkpoint.archive == self.trust.identity().archive(),
            Code::ProofContradicts,
            "the checkpoint names another archive",
        )?;
        let named = self.trust.changes().get(&checkpoint.key_change_number);
        demand(
            named == Some(&Standing::Valid(checkpoint.key_change)),
            Code::ProofContradicts,
            "the key change that the checkpoint names is not in the proof",
        )?;
        let agrees = |(other, hash): &(u64, Hash)| *other != number || *hash == signed.hash;
        demand(
            self.named.iter().all(agrees),
            Code::ProofContradicts,
            "a key change names the checkpoint with another hash",
        )?;
        Ok(signed)
    }

    fn record(&self, proof: &RecordProof) -> Checked<Proved> {
        let encoding = BASE64
            .decode(&proof.record)
            .map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))?;
        let encoded =
            Encoded::read(&encoding).map_err(|error| wrong(Code::ProofMalformed, format!("the record: {error}")))?;
        let checkpoint = self.checkpoint("the checkpoint", &proof.checkpoint)?;
        // The checkpoint is the oldest that covers the link, so a key counts for both or for neither.
        let link = self
            .trust
            .open_covered_link(
                proof.link.as_bytes(),
                &claimed_place(proof, &encoded),
                checkpoint.checkpoint.number,
            )
            .map_err(invalid("the link"))?;
        record_in_link(proof, &encoded, leaf_hash(&encoding), &link.link)?;
        link_in_log(proof, &link, &checkpoint)?;
        Ok(Proved::Record(Box::new(ProvedRecord::new(
            &encoded,
            &link,
            &checkpoint,
        ))))
    }

    fn consistency(&self, proof: &ConsistencyProof) -> Checked<Proved> {
        let from = self.checkpoint("the earlier checkpoint", &proof.from)?;
        let to = self.checkpoint("the later checkpoint", &proof.to)?;
        continues(&from, &to).map_err(|detail| wrong(Code::ProofContradicts, detail))?;
        let heads = &from.checkpoint.heads;
        demand(
            heads.len() == proof.paths.len(),
            Code::ProofMalformed,
            "there is not one path for each head of the earlier checkpoint",
        )?;
        for (head, path) in heads.iter().zip(&proof.paths) {
            let later = to.checkpoint.head(&head.partition);
            if !later.is_some_and(|later| is_consistent(log(head), log(later), path)) {
                let detail = "the later log root does not continue the earlier one";
                return Err(Box::new(
                    Finding::new(Code::ProofPathDiffers, detail).of(&head.partition),
                ));
            }
        }
        Ok(Proved::Consistency {
            from: CheckpointNamed::of(&from),
            to: CheckpointNamed::of(&to),
            partitions: heads.len(),
        })
    }
}

fn log(head: &Head) -> (u64, Hash) {
    (head.height.0.saturating_add(1), head.log_root)
}

/// Where the link says that it stands; it is held to it when it is opened.
fn claimed_place(proof: &RecordProof, encoded: &Encoded<'_>) -> Place {
    let claimed = Note::parse(proof.link.as_bytes())
        .ok()
        .and_then(|note| canonical::from_text::<Link>(note.text()).ok());
    claimed.map_or_else(
        || Place {
            partition: encoded.partition.clone(),
            epoch: Epoch(0),
            first_offset: FirstOffset(0),
        },
        |link| link.place(),
    )
}

/// The record is the one that its link says stands at its offset.
fn record_in_link(proof: &RecordProof, encoded: &Encoded<'_>, leaf: Hash, link: &Link) -> Checked<()> {
    let offset = encoded.record().offset;
    demand(
        link.topic_partition() == encoded.partition,
        Code::ProofContradicts,
        "the record and the link are of different partitions",
    )?;
    demand(
        leaf_index(link, offset) == Some(proof.leaf_index) && proof.leaf_count == link.record_count,
        Code::ProofContradicts,
        "the link has no record of this offset at this place",
    )?;
    demand(
        included_root(leaf, proof.leaf_index, proof.leaf_count, &proof.path) == Some(link.records_root),
        Code::ProofPathDiffers,
        "the record does not lead to the root that the link signed",
    )
}

/// The link is the one that the checkpoint's log has at its height.
fn link_in_log(proof: &RecordProof, link: &SignedLink, checkpoint: &SignedCheckpoint) -> Checked<()> {
    let Some(head) = checkpoint.checkpoint.head(&link.link.topic_partition()) else {
        return Err(wrong(
            Code::ProofContradicts,
            "the checkpoint does not name the partition",
        ));
    };
    let (log_size, log_root) = log(head);
    demand(
        proof.link_index == link.link.height.0 && proof.log_size == log_size,
        Code::ProofContradicts,
        "link and checkpoint are of other heights than the proof says",
    )?;
    let is_head = (head.epoch, head.next_offset, head.link) == (link.link.epoch, link.link.next_offset, link.hash);
    demand(
        is_head || link.link.height < head.height,
        Code::ProofContradicts,
        "the checkpoint's head at this height is another link",
    )?;
    let leaf = leaf_hash(proof.link.as_bytes());
    demand(
        included_root(leaf, proof.link_index, proof.log_size, &proof.log_path) == Some(log_root),
        Code::ProofPathDiffers,
        "the link does not lead to the log root that the checkpoint signed",
    )
}

/// Which record of its segment stands at this offset; nothing where none does.
#[must_use]
pub fn leaf_index(link: &Link, offset: i64) -> Option<u64> {
    let within = (link.first_offset.0..link.next_offset.0).contains(&offset) && link.lost.is_none();
    let absent = link.absent.iter().any(|&(from, to)| (from..to).contains(&offset));
    if !within || absent {
        return None;
    }
    let before = link.absent.iter().filter(|&&(_, to)| to <= offset);
    let absent_before: i64 = before.map(|&(from, to)| to - from).sum();
    u64::try_from(offset - link.first_offset.0 - absent_before).ok()
}

/// What the texts of two checkpoints must keep, whatever lies between them.
fn continues(from: &SignedCheckpoint, to: &SignedCheckpoint) -> Result<(), String> {
    let (before, after) = (&from.checkpoint, &to.checkpoint);
    if before.number > after.number {
        return Err("the later checkpoint has the smaller number".to_owned());
    }
    if before.number == after.number && from.hash != to.hash {
        return Err("two checkpoints have the same number".to_owned());
    }
    if before.number + 1 == after.number && after.previous != from.hash {
        return Err("the later checkpoint does not name the hash of the one before".to_owned());
    }
    if after.key_change_number < before.key_change_number {
        return Err("the key change went back".to_owned());
    }
    goes_back(before, after).map_or(Ok(()), Err)
}

impl ProvedRecord {
    fn new(encoded: &Encoded<'_>, link: &SignedLink, checkpoint: &SignedCheckpoint) -> ProvedRecord {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let record: Record<'_> = encoded.record();
        let mut hasher = crate::record::record::LeafHasher::new(&encoded.partition);
        let header = |header: &crate::record::record::Header<'_>| (shown(header.name), header.value.map(shown));
        ProvedRecord {
            topic: encoded.partition.topic.to_string(),
            partition: encoded.partition.partition,
            epoch: link.link.epoch,
            offset: record.offset,
            timestamp_ms: record.timestamp.ms(),
            key: record.key.map(shown),
            value: record.value.map(shown),
            headers: record.headers.iter().map(header).collect(),
            leaf: hasher.leaf(&record),
            link_height: link.link.height.0,
            link: link.hash,
            sealed_at: link.link.sealed_at.to_string(),
            checkpoint: CheckpointNamed::of(checkpoint),
        }
    }
}

impl Proved {
    /// Where it stands, in a few words.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Proved::Record(record) => format!("{}/{} offset {}", record.topic, record.partition, record.offset),
            Proved::Consistency { from, to, .. } => {
                let name = |number| Key::Checkpoint(number, Attempt::PLAIN);
                format!("{} to {}", name(from.number), name(to.number))
            }
        }
    }
}
