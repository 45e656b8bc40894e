//! `verify`: connects bucket and Kafka with the pure functions in [`crate::verify`]. Lists the archive once, then walks the
//! chains, reads segments on several threads and compares partitions with Kafka, all at the same time and in bounded memory.
//! Writes nothing to the bucket or to Kafka.

mod assemble;
mod begin;
pub mod cluster;
mod compare;
mod error;
pub mod facts;
mod ids;
mod orphans;
mod request;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::app::verify::assemble::{Part, Parts};
use crate::app::verify::begin::{Opened, begin};
use crate::app::verify::compare::{Comparing, Comparison};
use crate::app::verify::facts::{KafkaFacts, NoAnswer, blocking};
use crate::app::verify::ids::EventIds;
use crate::app::verify::rows::Segments;
use crate::clock::Clock;
use crate::log::checkpoint::SignedCheckpoint;
use crate::log::object_key::{CHECKPOINTS, Key};
use crate::reading::bucket::Bucket;
use crate::reading::notes::{walk_checkpoints, walk_links};
use crate::reading::saved_checkpoint::open_saved;
use crate::record::position::TopicPartition;
use crate::store::{Store, StoreError};
use crate::task::progress::Progress;
use crate::verify::chain::{Accepted, Chain};
use crate::verify::checkpoints::CheckpointWalk;
use crate::verify::claims::Claim;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::{Inventory, PartitionObjects};
use crate::verify::kafka::claim_of_commit;
use crate::verify::keys::Trust;
use crate::verify::report::{MirrorReport, Report, SinceCheckpoint};

pub use error::VerifyError;
pub use request::{Base, Depth, Losses, Request, Since};

/// Chains walked at the same time.
const CHAINS: usize = 16;
/// Links in the queue between the walks and the readers of segments.
const QUEUE: usize = 256;

/// Verifies the archive in `store`, and compares it with Kafka if `facts` are given.
///
/// # Errors
/// [`VerifyError`] if there can be no verdict. What cannot be read later is a finding.
pub async fn verify(
    store: Arc<dyn Store>,
    facts: Option<Arc<dyn KafkaFacts>>,
    request: Request,
    progress: Arc<dyn Progress>,
) -> Result<Report, VerifyError> {
    let clock = Clock::start();
    progress.note("listing");
    let Opened {
        bucket,
        mut inventory,
        mut findings,
        trust,
        base,
    } = begin(store, &request).await?;
    findings.append(std::mem::take(&mut inventory.strays));
    let mut run = Run {
        bucket,
        facts,
        request,
        progress,
        ids: Arc::default(),
    };
    let mut parts = match trust {
        None => Parts::unknown(&run.request, run.bucket.location()),
        Some(trust) => run.with_trust(Arc::new(trust), inventory, base).await?,
    };
    parts.findings.append(findings);
    parts.events = Arc::into_inner(run.ids).map(EventIds::finish).unwrap_or_default();
    Ok(parts.into_report(clock.elapsed_s()))
}

struct Run {
    bucket: Arc<Bucket>,
    facts: Option<Arc<dyn KafkaFacts>>,
    request: Request,
    progress: Arc<dyn Progress>,
    ids: Arc<EventIds>,
}

impl Run {
    async fn with_trust(
        &mut self,
        trust: Arc<Trust>,
        mut inventory: Inventory,
        base: Option<SignedCheckpoint>,
    ) -> Result<Parts, VerifyError> {
        let mut parts = Parts::new(&self.request, self.bucket.location(), &trust);
        let mut walk = CheckpointWalk::new(&trust);
        if let Some(base) = &base {
            walk.begin_at(base.checkpoint.number);
            if matches!(self.request.base, Some(Base::Saved(_))) {
                walk.saved(base);
                parts.checkpoints.saved += 1;
            }
            parts.since_checkpoint = Some(SinceCheckpoint {
                number: base.checkpoint.number,
                sha256: base.hash.to_string(),
                at: base.checkpoint.at.to_string(),
            });
        }
        for object in &self.request.saved_checkpoints {
            parts.checkpoints.saved += 1;
            match open_saved(&trust, object)? {
                Ok(signed) => walk.saved(&signed),
                // Not an error: replacing the archive's identity must not suppress the saved checkpoint.
                Err(why) => parts.findings.push(Finding::new(Code::SavedCheckpointDiffers, why)),
            }
        }
        self.read_mirrors(&trust, &mut walk, &mut parts).await;
        let listed = std::mem::take(&mut inventory.checkpoints);
        walk_checkpoints(&self.bucket, &trust, listed, &mut walk).await;
        let mut claims = walk.take_claims();
        let mut partitions = inventory.partitions;
        for partition in claims.keys() {
            partitions.entry(partition.clone()).or_default();
        }
        if let Err(NoAnswer(why)) = self.add_kafka_partitions(&mut partitions).await {
            // Asking for every partition would only repeat the timeout.
            parts.findings.push(Finding::new(Code::KafkaUnreadable, why));
            self.facts = None;
        }
        partitions.retain(|partition, _| self.is_asked(partition));
        parts.against_kafka = self.facts.is_some();
        let uncommitted = self.add_commits(&partitions, &mut claims, &mut parts.findings).await;

        parts.by_partition = self.chains(&trust, partitions, claims, &mut parts.findings).await;
        for (partition, finding) in uncommitted {
            // Invalid objects under links/ are not a chain, so no commit is expected.
            if parts
                .by_partition
                .get(&partition)
                .is_some_and(|part| part.chain.head.is_some())
            {
                parts.findings.push(finding);
            }
        }
        let mut named = BTreeMap::new();
        for part in parts.by_partition.values() {
            named.extend(part.chain.checkpoints_named.clone());
        }
        self.newer_checkpoints(&trust, &mut walk)
            .await
            .map_err(VerifyError::Store)?;
        parts.take_checkpoints(walk.finish(&named));
        Ok(parts)
    }

    /// Adds the newest valid checkpoint of each mirror as a saved checkpoint. Its log roots and `previous` cover everything
    /// before it.
    async fn read_mirrors(&self, trust: &Trust, walk: &mut CheckpointWalk, parts: &mut Parts) {
        for place in &self.request.mirrors {
            let notes = match place.newest(trust.identity().id()).await {
                Ok(notes) => notes,
                Err(error) => {
                    let detail = format!("checkpoint mirror {place}: {error}");
                    parts.findings.push(Finding::new(Code::MirrorUnreadable, detail));
                    continue;
                }
            };
            let newest = notes.iter().find_map(|note| open_saved(trust, note).ok()?.ok());
            match &newest {
                Some(newest) => walk.saved(newest),
                None => {
                    let detail = format!("checkpoint mirror {place}");
                    parts.findings.push(Finding::new(Code::MirrorEmpty, detail));
                }
            }
            parts.checkpoints.mirrors.push(MirrorReport {
                place: place.to_string(),
                newest: newest.map(|newest| newest.checkpoint.number),
            });
        }
    }

    /// Adds the partitions that exist in Kafka: one without a link is in scope too.
    async fn add_kafka_partitions(
        &self,
        partitions: &mut BTreeMap<TopicPartition, PartitionObjects>,
    ) -> Result<(), NoAnswer> {
        let Some(facts) = &self.facts else { return Ok(()) };
        let mut topics: BTreeSet<String> = self.request.topics.iter().cloned().collect();
        topics.extend(partitions.keys().map(|partition| partition.topic.to_string()));
        topics.retain(|topic| self.is_asked_topic(topic));
        for topic in topics {
            let asked = topic.clone();
            let count = blocking(facts, move |facts| facts.partition_count(&asked)).await?;
            for number in 0..count.unwrap_or(0) {
                partitions.entry(TopicPartition::new(&topic, number)).or_default();
            }
        }
        Ok(())
    }

    fn is_asked_topic(&self, topic: &str) -> bool {
        self.request.topic.as_deref().is_none_or(|asked| asked == topic)
    }

    fn is_asked(&self, partition: &TopicPartition) -> bool {
        self.request.shard.is_none_or(|shard| shard.owns(partition))
            && self.is_asked_topic(&partition.topic)
            && self.request.partition.is_none_or(|asked| asked == partition.partition)
    }

    /// Turns Kafka's commits into claims. A missing commit is a finding only if the partition turns out to have a chain.
    async fn add_commits(
        &self,
        partitions: &BTreeMap<TopicPartition, PartitionObjects>,
        claims: &mut BTreeMap<TopicPartition, Vec<Claim>>,
        findings: &mut Findings,
    ) -> Vec<(TopicPartition, Finding)> {
        let mut uncommitted = Vec::new();
        let Some(facts) = &self.facts else { return uncommitted };
        let asked: Vec<TopicPartition> = partitions.keys().cloned().collect();
        let commits = {
            let asked = asked.clone();
            blocking(facts, move |facts| facts.commits(&asked)).await
        };
        let commits = match commits {
            Ok(commits) => commits,
            Err(NoAnswer(why)) => {
                findings.push(Finding::new(Code::KafkaUnreadable, why));
                return uncommitted;
            }
        };
        for (partition, commit) in asked.into_iter().zip(commits) {
            match claim_of_commit(&partition, commit.as_ref()) {
                Ok(claim) => claims.entry(partition).or_default().push(claim),
                Err(finding) if commit.is_some() => findings.push(finding),
                Err(finding) => uncommitted.push((partition, finding)),
            }
        }
        uncommitted
    }

    /// Walks all chains, reads segments and compares with Kafka, all at the same time.
    async fn chains(
        &self,
        trust: &Arc<Trust>,
        partitions: BTreeMap<TopicPartition, PartitionObjects>,
        mut claims: BTreeMap<TopicPartition, Vec<Claim>>,
        findings: &mut Findings,
    ) -> BTreeMap<TopicPartition, Part> {
        self.progress.note("verifying");
        self.progress.begin(None);
        let (accepted, queue) = mpsc::channel(QUEUE);
        let segments = Segments {
            bucket: Arc::clone(&self.bucket),
            depth: self.request.depth,
            since: self.request.since,
            threads: self.request.threads,
            ids: Arc::clone(&self.ids),
        };
        let comparing = self.facts.as_ref().map(|facts| Comparing {
            facts: Arc::clone(facts),
            lag: self.request.lag,
            readers: Arc::new(Semaphore::new(self.request.threads.max(1))),
            progress: Arc::clone(&self.progress),
        });
        let shelves: Vec<_> = partitions
            .into_iter()
            .map(|(partition, shelf)| {
                let claims = claims.remove(&partition).unwrap_or_default();
                (partition, (shelf, claims), accepted.clone())
            })
            .collect();
        // The queue ends when the last walk drops its sender.
        drop(accepted);
        let walks = futures::stream::iter(shelves)
            .map(|(partition, known, accepted)| self.one_chain(trust, partition, known, accepted, comparing.as_ref()))
            .buffer_unordered(CHAINS)
            .collect::<Vec<_>>();
        let (walked, mut rows) = futures::join!(walks, segments.check(queue, self.progress.as_ref()));
        let mut parts = BTreeMap::new();
        for (chain, comparison) in walked {
            let rows = rows.remove(&chain.partition).unwrap_or_default();
            findings.append(orphans::judge(&self.bucket, &chain).await);
            if let (Some(comparing), Some(comparison)) = (&comparing, &comparison) {
                let named = comparing
                    .name(&self.bucket, &chain, &comparison.compared, &rows.suspects)
                    .await;
                findings.append(named);
            }
            parts.insert(
                chain.partition.clone(),
                Part {
                    chain,
                    rows,
                    comparison,
                },
            );
        }
        parts
    }

    async fn one_chain(
        &self,
        trust: &Arc<Trust>,
        partition: TopicPartition,
        (shelf, claims): (PartitionObjects, Vec<Claim>),
        accepted: mpsc::Sender<Accepted>,
        comparing: Option<&Comparing>,
    ) -> (Arc<Chain>, Option<Comparison>) {
        let chain = walk_links(&self.bucket, trust, &partition, (shelf, claims), accepted).await;
        let chain = Arc::new(chain);
        let comparison = match comparing {
            None => None,
            Some(comparing) => Some(comparing.chain(&chain).await),
        };
        (chain, comparison)
    }

    /// Adds checkpoints written since the listing, because links may name them.
    async fn newer_checkpoints(&self, trust: &Arc<Trust>, walk: &mut CheckpointWalk) -> Result<(), StoreError> {
        walk.links_are_listed();
        let Some(newest) = walk.newest_number() else {
            return Ok(());
        };
        let after = Key::Checkpoint(newest, crate::log::object_key::Attempt::PLAIN).to_string();
        let mut newer: Vec<_> = self
            .bucket
            .newer(CHECKPOINTS, &after)
            .await?
            .iter()
            .filter_map(|key| match key.parse() {
                Ok(Key::Checkpoint(number, attempt)) if number > newest => Some((number, attempt)),
                _ => None,
            })
            .collect();
        newer.sort_unstable();
        newer.retain(|(number, _)| !walk.has_seen(*number));
        walk_checkpoints(&self.bucket, trust, newer, walk).await;
        Ok(())
    }
}
