//! What the verifier was given from elsewhere: saved checkpoints, mirrors, and the cosignatures of witnesses that it knows.

use std::collections::BTreeMap;

use crate::app::verify::assemble::Parts;
use crate::app::verify::request::{Base, Request};
use crate::log::head::Head;
use crate::reading::bucket::Bucket;
use crate::reading::cosignatures;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::verify::claims::{self, Claim, ClaimSource};
use crate::verify::cosigned::Cosigned;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::given::Given;
use crate::verify::log_walk::LogWalk;
use crate::verify::report::MirrorReport;
use crate::verify::saved::SavedCheckpoint;
use crate::verify::trust::{ArchiveIdentity, Brought};
use crate::writing::checkpoint_mirror::CheckpointMirror;

/// The evidence from elsewhere.
pub(super) struct Evidence {
    given: Given,
    /// Whether checkpoints were given, apart from mirrors.
    has_saved: bool,
    saved: Vec<SavedCheckpoint>,
    /// The newest checkpoint that is cosigned as the policy asks.
    cosigned: Option<u64>,
}

impl Evidence {
    pub(super) fn new(saved: Vec<SavedCheckpoint>, request: &Request) -> Evidence {
        Evidence {
            given: request.given.clone(),
            has_saved: !saved.is_empty() || matches!(request.base, Some(Base::Saved(_))),
            saved,
            cosigned: None,
        }
    }

    /// Adds the newest valid checkpoint of each mirror as a saved one: its root covers everything before it.
    pub(super) async fn read_mirrors(
        &mut self,
        mirrors: &[CheckpointMirror],
        of: &ArchiveIdentity,
        walk: &LogWalk,
        parts: &mut Parts,
    ) {
        parts.checkpoints.saved = self.saved.len() as u64;
        for mirror in mirrors {
            let copies = match mirror.newest(of.identity.id()).await {
                Ok(copies) => copies,
                Err(error) => {
                    let detail = format!("checkpoint mirror {mirror}: {error}");
                    parts.findings.push(Finding::new(Code::MirrorUnreadable, detail));
                    continue;
                }
            };
            let is_own = |saved: &SavedCheckpoint| {
                let keyring = walk.history().keyring();
                saved.checkpoint.origin == keyring.origin() && saved.is_signed_by(keyring)
            };
            let parsed = copies
                .iter()
                .filter_map(|copy| SavedCheckpoint::parse(&copy.checkpoint, copy.entry.as_deref()).ok());
            let newest = parsed.into_iter().find(is_own);
            if newest.is_none() {
                let detail = format!("checkpoint mirror {mirror}");
                parts.findings.push(Finding::new(Code::MirrorEmpty, detail));
            }
            parts.checkpoints.mirrors.push(MirrorReport {
                place: mirror.to_string(),
                newest: newest.as_ref().map(|newest| newest.checkpoint.number()),
            });
            self.saved.extend(newest);
        }
    }

    /// Reads the listed cosignatures, if the verifier knows witnesses.
    pub(super) async fn read_cosignatures(
        &mut self,
        bucket: &Bucket,
        listed: &[(u64, Hash)],
        walk: &LogWalk,
        parts: &mut Parts,
    ) {
        let Some(policy) = self.given.policy.clone() else {
            parts.checkpoints.unchecked_cosignatures = listed.len() as u64;
            return;
        };
        let mut cosigned = Cosigned::new(&policy);
        for saved in self.saved.iter().filter(|saved| saved.is_in(walk)) {
            cosigned.saved(&saved.checkpoint, &saved.cosignatures);
        }
        cosignatures::read(bucket, listed, walk, &mut cosigned).await;
        let (proved, witnesses, findings) = cosigned.finish();
        // Anybody can have a log of his own cosigned.
        self.cosigned = proved.filter(|_| self.is_meant(walk));
        parts.checkpoints.witnesses = witnesses;
        parts.findings.append(findings);
        if proved.is_some() && self.cosigned.is_none() {
            let detail =
                "nothing tells that this log is the one that is meant: give its origin, a key or a saved checkpoint";
            parts.findings.push(Finding::new(Code::PolicyNotMet, detail));
        }
    }

    fn is_meant(&self, walk: &LogWalk) -> bool {
        let keyring = walk.history().keyring();
        let is_saved = |saved: &SavedCheckpoint| saved.checkpoint.origin == keyring.origin();
        self.given.means(keyring) || (self.has_saved && self.saved.iter().any(is_saved))
    }

    /// What all of it claims about the chains. Entries that are read later make no claims: they may name links that are not
    /// listed.
    pub(super) fn claims(&self, walk: &LogWalk) -> BTreeMap<TopicPartition, Vec<Claim>> {
        let mut claims = claims::of_log(walk);
        let mut claim = |source: ClaimSource, head: &Head| {
            let of_partition = claims.entry(head.partition.clone()).or_default();
            of_partition.push(Claim::of_head(source, head));
        };
        if let Some(number) = self.cosigned {
            walk.heads_at(number)
                .for_each(|head| claim(ClaimSource::Cosigned(number), head));
        }
        for saved in &self.saved {
            let number = saved.checkpoint.number();
            saved
                .heads(walk)
                .iter()
                .for_each(|head| claim(ClaimSource::Saved(number), head));
        }
        claims
    }

    /// What was brought, as far as the log bears it out.
    pub(super) fn brought(&self, walk: &LogWalk) -> Brought {
        let saved = self.saved.iter().filter(|saved| saved.is_in(walk));
        let newest = saved.map(|saved| saved.checkpoint.number()).max();
        Brought {
            keys: self.given.keys.clone(),
            has_checkpoints: self.has_saved || self.given.policy.is_some() || self.given.origin.is_some(),
            proved: newest.max(self.cosigned),
        }
    }

    /// Compares the saved checkpoints with the log, once that was read to its end.
    pub(super) fn compare(&self, walk: &mut LogWalk, findings: &mut Findings) {
        for saved in &self.saved {
            saved.compare(walk, findings);
        }
    }
}
