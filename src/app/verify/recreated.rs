//! Tells a topic that was deleted and created again from one whose records were changed, by Kafka's id of the topic.

use crate::app::verify::compare::{Comparing, Comparison, no_answer};
use crate::app::verify::facts::{NoAnswer, blocking};
use crate::log::object_key::{Key, links_of};
use crate::reading::attempts::Objects as _;
use crate::reading::bucket::Bucket;
use crate::verify::chain::Chain;
use crate::verify::findings::{Code, Finding};
use crate::verify::kafka::Watermarks;
use crate::verify::trust::Trust;

impl Comparing {
    /// The comparison; where Kafka's topic has another id than the archived one, the finding that says so instead. The id is asked
    /// for after the records were read: what was read before it is of the topic with that id, or of one before.
    pub(super) async fn judge_topic(
        &self,
        archive: (&Bucket, &Trust),
        chain: &Chain,
        comparison: Comparison,
    ) -> Comparison {
        let Some(archived) = archived_id(archive, chain, &comparison).await else {
            return comparison;
        };
        // An id does not come back: if an ended epoch has it, the end of that epoch is false, and excuses nothing.
        let mut known = chain.topic_ids.ended.clone();
        known.push(archived.clone());
        let partition = chain.partition.clone();
        let asking = blocking(&self.facts, move |facts| {
            match facts.topic_id(&partition.topic)?.filter(|id| !known.contains(id)) {
                None => Ok(None),
                Some(present) => Ok(Some((present, facts.watermarks(&partition)?))),
            }
        });
        match asking.await {
            Ok(Some((present, marks))) => recreated(chain, (&archived, &present), marks),
            Ok(None) => comparison,
            Err(NoAnswer(why)) => no_answer(&chain.partition, why),
        }
    }
}

fn recreated(chain: &Chain, (archived, present): (&str, &str), marks: Option<Watermarks>) -> Comparison {
    let topic = &chain.partition.topic;
    let holds = match marks {
        None => "which does not have this partition".to_owned(),
        Some(marks) if marks.high == marks.low => "which holds nothing here".to_owned(),
        Some(marks) => format!("of which offsets {} to {} are not archived", marks.low, marks.high - 1),
    };
    let detail = format!(
        "the archived topic has the id {archived}, Kafka's topic the id {present}, {holds}; if it was deleted and created again on \
         purpose, `kivend archive --new-epoch {topic}` declares it"
    );
    let mut comparison = Comparison {
        is_recreated: true,
        lag: marks.map_or(0, |marks| u64::try_from(marks.high - marks.low).unwrap_or(0)),
        ..Comparison::default()
    };
    let finding = Finding::new(Code::TopicRecreated, detail).of(&chain.partition);
    comparison.findings.push(finding);
    comparison
}

/// The topic id of the chain. Where a verification from a checkpoint on walked no link of it, and the comparison found a log
/// that ends before the archive, the link at the chain's head is read for it.
async fn archived_id(archive: (&Bucket, &Trust), chain: &Chain, comparison: &Comparison) -> Option<String> {
    match &chain.topic_ids.current {
        Some(id) => Some(id.clone()),
        None if chain.links == 0 && comparison.ends_before.is_some() => id_at_head(archive, chain).await,
        None => None,
    }
}

async fn id_at_head((bucket, trust): (&Bucket, &Trust), chain: &Chain) -> Option<String> {
    let head = chain.head?;
    let listed = bucket.listed(&links_of(&chain.partition)).await.ok()?;
    let places = listed.iter().rev().filter_map(|entry| match entry.key.parse() {
        Ok(Key::Link(place, _)) if place.epoch == head.epoch => Some((&entry.key, place)),
        _ => None,
    });
    for (key, place) in places {
        let object = bucket.get(key).await.ok()??;
        let Ok(opened) = trust.open_link(&object, &place) else {
            continue;
        };
        let signed = opened.signed;
        if signed.hash == head.link {
            return signed.link.continuing_topic_id();
        }
    }
    None
}
