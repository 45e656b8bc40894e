//! `verify`: connects bucket and Kafka with the pure functions in [`crate::verify`]. Lists the archive once, then walks the
//! chains, reads segments on several threads and compares partitions with Kafka, all at the same time and in bounded memory.
//! Writes nothing to the bucket or to Kafka.

pub mod absent;
mod assemble;
mod begin;
pub mod cluster;
mod compare;
mod cut_back;
mod differences;
mod error;
mod evidence;
pub mod facts;
mod ids;
mod orphans;
mod recreated;
mod removed;
mod request;
mod rows;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::{Semaphore, mpsc};

use crate::app::verify::assemble::{Part, Parts};
use crate::app::verify::begin::{Opened, OpenedLog, begin};
use crate::app::verify::compare::{Archiver, Comparing, Comparison};
use crate::app::verify::evidence::Evidence;
use crate::app::verify::facts::{KafkaFacts, NoAnswer, archived_topics, blocking};
use crate::app::verify::ids::EventIds;
use crate::app::verify::removed::{lets_go, removed_below};
use crate::app::verify::rows::Segments;
use crate::app::verify::shown::{Shown, With};
use crate::clock::Clock;
use crate::reading::bucket::Bucket;
use crate::reading::log_listing::walk_newer;
use crate::reading::notes::{add_newer_links, walk_links};
use crate::record::position::{Height, TopicPartition};
use crate::store::{Store, StoreError};
use crate::task::progress::{Progress, Unit};
use crate::verify::chain::{Accepted, Chain};
use crate::verify::claims::Claim;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::{Inventory, PartitionObjects};
use crate::verify::kafka::claim_of_commit;
use crate::verify::report::{Report, SinceCheckpoint};
use crate::verify::trust::Trust;

pub use error::VerifyError;
pub use request::{Base, Depth, Losses, Request, SavedFiles, Since};

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
    let listing = progress.begin("listing the archive", Unit::Uncounted);
    let Opened {
        bucket,
        mut inventory,
        mut findings,
        log,
    } = begin(store, &request).await?;
    drop(listing);
    // Where nothing of an archive is, objects of others are not in it: what they prove is that this is the wrong place, or that
    // all of the archive was removed.
    let strays = std::mem::take(&mut inventory.strays);
    if log.is_some() || !inventory.is_foreign() {
        findings.append(strays);
    }
    let mut run = Run {
        bucket,
        facts,
        archiver: Archiver::Unknown,
        request,
        progress,
        ids: Arc::default(),
    };
    let mut parts = match log {
        None => {
            let hidden = std::mem::take(&mut inventory.hidden);
            hidden.into_values().for_each(|finding| findings.push(finding));
            Parts::unknown(&run.request, run.bucket.location())
        }
        Some(log) => run.with_log(log, inventory).await.map_err(VerifyError::Store)?,
    };
    parts.findings.append(findings);
    parts.events = Arc::into_inner(run.ids).map(EventIds::finish).unwrap_or_default();
    Ok(parts.into_report(&clock))
}

struct Run {
    bucket: Arc<Bucket>,
    facts: Option<Arc<dyn KafkaFacts>>,
    archiver: Archiver,
    request: Request,
    progress: Arc<dyn Progress>,
    ids: Arc<EventIds>,
}

impl Run {
    async fn with_log(&mut self, log: OpenedLog, mut inventory: Inventory) -> Result<Parts, StoreError> {
        let OpenedLog {
            of,
            mut walk,
            listed,
            base,
            saved,
        } = log;
        let mut parts = Parts::new(&self.request, self.bucket.location(), &of);
        parts.since_checkpoint = base.map(|base| SinceCheckpoint {
            number: base.number,
            root: walk.root(base.number).map_or(String::new(), |root| root.to_string()),
            at: base.at.to_string(),
        });
        let mut evidence = Evidence::new(saved, &self.request);
        evidence
            .read_mirrors(&self.request.mirrors, &of, &walk, &mut parts)
            .await;
        evidence
            .read_cosignatures(&self.bucket, &inventory.cosignatures, &walk, &mut parts)
            .await;
        let mut claims = evidence.claims(&walk);
        let mut partitions = std::mem::take(&mut inventory.partitions);
        for partition in claims.keys() {
            partitions.entry(partition.clone()).or_default();
        }
        let absent = match self.add_kafka_partitions(&mut partitions).await {
            Ok(absent) => absent,
            Err(NoAnswer(why)) => {
                // Asking for every partition would only repeat the timeout.
                parts.findings.push(Finding::new(Code::KafkaUnreadable, why));
                self.facts = None;
                BTreeSet::new()
            }
        };
        partitions.retain(|partition, _| self.is_asked(partition));
        parts.against_kafka = self.facts.is_some();
        self.archiver = self.ask_archiver().await;
        parts.archiver = self.archiver;
        let uncommitted = self.add_commits(&partitions, &mut claims, &mut parts.findings).await;
        // Links that were created since the listing, and then the entries that add the keys which signed them.
        let partitions = self.with_newer_links(partitions).await?;
        walk_newer(&self.bucket, &mut walk, &listed).await?;
        let trust = Arc::new(Trust::new(of.clone(), &walk, &evidence.brought(&walk)));
        let removed = removed_below(&walk.removals());
        let known = (claims, removed.clone());
        parts.by_partition = self.chains(&trust, partitions, known, &mut parts.findings).await;
        let chains = || parts.by_partition.values().map(|part| part.chain.as_ref());
        for (key, finding) in std::mem::take(&mut inventory.hidden) {
            if !chains().any(|chain| lets_go(chain, &removed, &key)) {
                parts.findings.push(finding);
            }
        }
        for (partition, finding) in uncommitted {
            // Invalid objects under links/ are not a chain, so no commit is expected. With a topic that was created again, Kafka
            // deleted the commit.
            let expects = |part: &Part| {
                part.chain.head.is_some()
                    && !part
                        .comparison
                        .as_ref()
                        .is_some_and(|comparison| comparison.is_recreated)
            };
            if parts.by_partition.get(&partition).is_some_and(expects) {
                // With its topic, Kafka deletes the group's commit.
                parts.findings.push(match absent.contains(&*partition.topic) {
                    true => Finding::new(Code::TopicNotInKafka, "the topic is not in Kafka").of(&partition),
                    false => finding,
                });
            }
        }
        walk_newer(&self.bucket, &mut walk, &listed).await?;
        let mut named = BTreeMap::new();
        let mut links_count = false;
        for part in parts.by_partition.values() {
            named.extend(part.chain.checkpoints_named.clone());
            links_count |= part.chain.has_counting_signer;
        }
        evidence.compare(&mut walk, &mut parts.findings);
        let at_end = Trust::new(of, &walk, &evidence.brought(&walk));
        for finding in at_end.findings(&walk, links_count) {
            parts.findings.push(finding);
        }
        parts.take_log(&mut walk, &named, &trust);
        Ok(parts)
    }

    async fn with_newer_links(
        &self,
        partitions: BTreeMap<TopicPartition, PartitionObjects>,
    ) -> Result<BTreeMap<TopicPartition, PartitionObjects>, StoreError> {
        let listing = futures::stream::iter(partitions).map(|(partition, mut shelf)| async move {
            add_newer_links(&self.bucket, &partition, &mut shelf).await?;
            Ok((partition, shelf))
        });
        listing.buffer_unordered(CHAINS).try_collect().await
    }

    /// Adds the partitions that exist in Kafka: one without a link is in scope too. Returns the topics that Kafka does not have, if
    /// it has others; a cluster that has none of them is another cluster.
    async fn add_kafka_partitions(
        &self,
        partitions: &mut BTreeMap<TopicPartition, PartitionObjects>,
    ) -> Result<BTreeSet<String>, NoAnswer> {
        let Some(facts) = &self.facts else {
            return Ok(BTreeSet::new());
        };
        let mut topics = archived_topics(facts, &self.request.topics).await?;
        topics.extend(partitions.keys().map(|partition| partition.topic.to_string()));
        topics.retain(|topic| self.is_asked_topic(topic));
        let mut absent = BTreeSet::new();
        for topic in topics {
            let asked = topic.clone();
            match blocking(facts, move |facts| facts.partition_count(&asked)).await? {
                None => {
                    absent.insert(topic);
                }
                Some(count) => {
                    for number in 0..count {
                        partitions.entry(TopicPartition::new(&topic, number)).or_default();
                    }
                }
            }
        }
        let present = blocking(facts, |facts| facts.topics()).await?;
        let is_archived = |topic: &String| partitions.keys().any(|partition| *partition.topic == **topic);
        if !present.iter().any(is_archived) {
            absent.clear();
        }
        Ok(absent)
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
                Err(finding) if commit.is_some() => findings.push(*finding),
                Err(finding) => uncommitted.push((partition, *finding)),
            }
        }
        uncommitted
    }

    /// Walks all chains, reads segments and compares with Kafka, all at the same time.
    async fn chains(
        &self,
        trust: &Arc<Trust>,
        partitions: BTreeMap<TopicPartition, PartitionObjects>,
        (mut claims, removed): (BTreeMap<TopicPartition, Vec<Claim>>, BTreeMap<TopicPartition, Height>),
        findings: &mut Findings,
    ) -> BTreeMap<TopicPartition, Part> {
        let with = self.facts.as_ref().map_or(With::Archive, |_| With::Kafka);
        let whole = (self.request.depth, with);
        let shown = Arc::new(Shown::begin(self.progress.as_ref(), whole, (&partitions, &claims)));
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
            archiver: self.archiver,
            readers: Arc::new(Semaphore::new(self.request.threads.max(1))),
            shown: Arc::clone(&shown),
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
        let (walked, mut rows) = futures::join!(walks, segments.check(queue, &shown));
        let mut parts = BTreeMap::new();
        for (chain, mut comparison) in walked {
            let rows = rows.remove(&chain.partition).unwrap_or_default();
            let below = removed.get(&chain.partition).copied().unwrap_or(Height(0));
            findings.append(orphans::judge(&self.bucket, &chain, below).await);
            let compared = comparison.as_mut().filter(|comparison| !comparison.is_recreated);
            if let (Some(comparing), Some(comparison)) = (&comparing, compared) {
                let named = comparing.name(&self.bucket, &chain, comparison, &rows.suspects).await;
                findings.append(named);
                let compared = &mut comparison.compared;
                findings.append(comparing.compare_cut(&self.bucket, &chain, compared).await);
                findings.append(comparing.check_divergences(&self.bucket, &chain).await);
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

    /// Whether an archiver runs. Where that cannot be found out, nothing is excused by it.
    async fn ask_archiver(&self) -> Archiver {
        let Some(facts) = &self.facts else {
            return Archiver::Unknown;
        };
        match blocking(facts, |facts| facts.group_members()).await {
            Ok(Some(1..)) => Archiver::Running,
            _ => Archiver::Unknown,
        }
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
            Some(comparing) => {
                let comparison = comparing.chain(&chain).await;
                Some(comparing.judge_topic((&self.bucket, trust), &chain, comparison).await)
            }
        };
        (chain, comparison)
    }
}
