//! Checks a proof file without anything else (FORMAT.md section 8): a few hashes and signatures. A valid proof says nothing
//! about the rest of the archive, nor that the archive still has what was proved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::json::canonical;
use crate::log::checkpoint::{Head, SignedCheckpoint};
use crate::log::link::{Link, SignedLink};
use crate::log::note::Invalid;
use crate::log::object_key::Place;
use crate::log::proof::{ConsistencyProof, NotAProof, Proof, RecordProof};
use crate::log::signed_note::{Note, VerifyingKey};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::{included_root, is_consistent};
use crate::record::position::{Epoch, FirstOffset};
use crate::verify::checkpoints::goes_back;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::keys::{ChangeState, Trust};
use crate::verify::proof_report::{CheckpointNamed, ProofReport, Proved, ProvedRecord};
use crate::verify::verdict::Verdict;

/// Checks a proof file. `given` are the public keys that the user has from elsewhere; none means trust on first use.
#[must_use]
pub fn check(file: &[u8], given: &[VerifyingKey]) -> ProofReport {
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
    match prove(file, given, &mut report) {
        Ok(proved) => report.proved = Some(proved),
        Err(finding) => findings.push(*finding),
    }
    report.verdict = Verdict::of(&findings);
    report.findings = findings.into_sorted();
    report
}

/// A step of the check; the error is the first thing that is wrong.
type Checked<T> = Result<T, Box<Finding>>;

fn wrong(code: Code, detail: impl Into<String>) -> Box<Finding> {
    Box::new(Finding::new(code, detail))
}

fn require(holds: bool, code: Code, detail: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(wrong(code, detail)) }
}

/// The finding for a note in the proof that is not valid.
fn invalid(what: &str) -> impl Fn(Invalid) -> Box<Finding> {
    move |invalid| {
        let code = match invalid {
            Invalid::UnknownType(_) => Code::ProofUnknownType,
            _ => Code::ProofNoteInvalid,
        };
        wrong(code, format!("{what}: {invalid}"))
    }
}

fn prove(file: &[u8], given: &[VerifyingKey], report: &mut ProofReport) -> Checked<Proved> {
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
    let trusted = Trusted::new(archive, key_changes, given)?;
    report.archive = Some(trusted.trust.identity().archive().to_owned());
    report.archive_id = Some(trusted.trust.identity().id().to_owned());
    report.trust = Some(trusted.trust.basis());
    report.keys = trusted.trust.keys().map(ToString::to_string).collect();
    match proof {
        Proof::Record(proof) => trusted.record(&proof),
        Proof::Consistency(proof) => trusted.consistency(&proof),
    }
}

/// The keys that count, and the checkpoints that key changes name.
struct Trusted {
    trust: Trust,
    /// Number and hash of the checkpoints that key changes name.
    named: Vec<(u64, Hash)>,
}

impl Trusted {
    fn new(archive: &str, key_changes: &[String], given: &[VerifyingKey]) -> Checked<Trusted> {
        let trust = Trust::new(archive.as_bytes(), given).map_err(Box::new)?;
        let mut trusted = Trusted::after(key_changes, trust.clone())?;
        if !trusted.trust.archive_keys_count() {
            let trust = trust.with_given_keys_only();
            // "No key is left" is a better explanation than the first change without a valid signature.
            trust.clone().finish().map_err(Box::new)?;
            trusted = Trusted::after(key_changes, trust)?;
        }
        trusted.trust.finish().map_err(Box::new)?;
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

    /// Opens a checkpoint. Its number comes from its own text.
    fn checkpoint(&self, what: &str, note: &str) -> Checked<SignedCheckpoint> {
        let number = |line: &str| line.split(' ').next()?.parse().ok();
        let number = note.lines().nth(1).and_then(number).unwrap_or(0);
        let signed = self
            .trust
            .open_checkpoint(note.as_bytes(), number)
            .map_err(invalid(what))?;
        let checkpoint = &signed.checkpoint;
        require(
            checkpoint.archive == self.trust.identity().archive(),
            Code::ProofContradicts,
            "the checkpoint is of another archive",
        )?;
        let named = self.trust.changes().get(&checkpoint.key_change_number);
        require(
            named == Some(&ChangeState::Valid(checkpoint.key_change)),
            Code::ProofContradicts,
            "the key change that the checkpoint names is not in the proof, or has another hash",
        )?;
        let agrees = |(other, hash): &(u64, Hash)| *other != number || *hash == signed.hash;
        require(
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
        // The checkpoint is the oldest that covers the link, so a key counts for both or for neither (FORMAT.md section 8).
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
        require(
            heads.len() == proof.paths.len(),
            Code::ProofMalformed,
            "the number of paths is not the number of partitions in the earlier checkpoint",
        )?;
        for (head, path) in heads.iter().zip(&proof.paths) {
            let later = to.checkpoint.head(&head.partition);
            if !later.is_some_and(|later| is_consistent(log(head), log(later), path)) {
                let detail = "the path does not lead from the earlier log root to the later one";
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

/// The place that the link names. Opening the link checks it against the signature.
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

/// Checks that the record is the one at its offset in the segment of the link.
fn record_in_link(proof: &RecordProof, encoded: &Encoded<'_>, leaf: Hash, link: &Link) -> Checked<()> {
    let offset = encoded.record().offset;
    require(
        link.topic_partition() == encoded.partition,
        Code::ProofContradicts,
        "the record and the link are from different partitions",
    )?;
    require(
        leaf_index(link, offset) == Some(proof.leaf_index) && proof.leaf_count == link.record_count,
        Code::ProofContradicts,
        "the link has no record with this offset at this index",
    )?;
    require(
        included_root(leaf, proof.leaf_index, proof.leaf_count, &proof.path) == Some(link.records_root),
        Code::ProofPathDiffers,
        "the record's path does not lead to the root that the link signs",
    )
}

/// Checks that the link is the one at its height in the log that the checkpoint signs.
fn link_in_log(proof: &RecordProof, link: &SignedLink, checkpoint: &SignedCheckpoint) -> Checked<()> {
    let Some(head) = checkpoint.checkpoint.head(&link.link.topic_partition()) else {
        return Err(wrong(
            Code::ProofContradicts,
            "the checkpoint does not have the partition",
        ));
    };
    let (log_size, log_root) = log(head);
    require(
        proof.link_index == link.link.height.0 && proof.log_size == log_size,
        Code::ProofContradicts,
        "the heights of link and checkpoint are not those that the proof gives",
    )?;
    let is_head = (head.epoch, head.next_offset, head.link) == (link.link.epoch, link.link.next_offset, link.hash);
    require(
        is_head || link.link.height < head.height,
        Code::ProofContradicts,
        "the checkpoint has another link at this height",
    )?;
    let leaf = leaf_hash(proof.link.as_bytes());
    require(
        included_root(leaf, proof.link_index, proof.log_size, &proof.log_path) == Some(log_root),
        Code::ProofPathDiffers,
        "the link's path does not lead to the log root that the checkpoint signs",
    )
}

/// The index of the record at this offset in its segment; `None` if there is no record.
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

/// What must hold between two checkpoints, however many are between them.
fn continues(from: &SignedCheckpoint, to: &SignedCheckpoint) -> Result<(), String> {
    let (before, after) = (&from.checkpoint, &to.checkpoint);
    if before.number > after.number {
        return Err("the later checkpoint has a lower number than the earlier one".to_owned());
    }
    if before.number == after.number && from.hash != to.hash {
        return Err("the two checkpoints have the same number, but differ".to_owned());
    }
    if before.number + 1 == after.number && after.previous != from.hash {
        return Err("the later checkpoint does not name the hash of the one before it".to_owned());
    }
    if after.key_change_number < before.key_change_number {
        return Err("the later checkpoint names an older key change".to_owned());
    }
    goes_back(before, after).map_or(Ok(()), Err)
}
