//! Runs every attack against an archive in memory; `real_attacks` runs the same list on real servers.

use std::sync::Arc;

use kivend::app::verify::facts::{KafkaFacts, NoAnswer};
use kivend::app::verify::{Depth, Request};
use kivend::config::TopicSelection;
use kivend::log::signed_note::SigningKey;
use kivend::record::position::TopicPartition;
use kivend::record::record::Record;
use kivend::verify::given::Given;
use kivend::verify::kafka::{Commit, Watermarks};
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use super::{Attack, Evidence, Scene, asked};

/// Answers with the group's commits and the topics, but without records.
pub struct CommitsOnly(pub Arc<dyn KafkaFacts>);

impl KafkaFacts for CommitsOnly {
    fn partition_count(&self, topic: &str) -> Result<Option<i32>, NoAnswer> {
        self.0.partition_count(topic)
    }

    fn commits(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Commit>>, NoAnswer> {
        self.0.commits(partitions)
    }

    fn watermarks(&self, _partition: &TopicPartition) -> Result<Option<Watermarks>, NoAnswer> {
        Ok(None)
    }

    fn read(&self, _: &TopicPartition, _: i64, _: i64, _: &mut dyn FnMut(&Record<'_>)) -> Result<(), NoAnswer> {
        Ok(())
    }
}

/// The request for a verification with this evidence, and the Kafka that it asks. Without records to compare with, rows
/// are read once for all kinds of evidence, and [`joined`] adds the result.
pub fn evidence(scene: &Scene, with: Evidence, kafka: &Arc<dyn KafkaFacts>) -> (Request, Option<Arc<dyn KafkaFacts>>) {
    let mut request = Request {
        topics: TopicSelection::of_names(&[&scene.victim.topic, &scene.beside.topic]),
        ..Request::default()
    };
    if with == Evidence::Saved {
        request.saved_checkpoints = vec![scene.saved.clone()];
    }
    if matches!(with, Evidence::Commit | Evidence::Saved) {
        request.depth = Depth::Links;
    }
    let facts: Option<Arc<dyn KafkaFacts>> = match with {
        Evidence::Bucket | Evidence::Saved => None,
        Evidence::Commit => Some(Arc::new(CommitsOnly(Arc::clone(kafka)))),
        Evidence::Records => Some(Arc::clone(kafka)),
    };
    (request, facts)
}

/// Adds the findings that the bucket and the public key alone give.
pub fn joined(mut report: Report, bucket: &Report) -> Report {
    report.findings.extend(bucket.findings.iter().cloned());
    report.verdict = report.verdict.max(bucket.verdict);
    report
}

fn wrongs(attack: &Attack, honest: &Scene) -> Vec<String> {
    let mut scene = honest.copy();
    (attack.deed)(&mut scene);
    let reports = reports(&scene, &honest.archive.key);
    let judge = |(with, report): &(Evidence, Report)| attack.judge(*with, report).err();
    reports.iter().filter_map(judge).collect()
}

fn reports(scene: &Scene, key: &SigningKey) -> Vec<(Evidence, Report)> {
    let kafka: Arc<dyn KafkaFacts> = scene.archive.broker.clone();
    let verify = |with| {
        let (request, facts) = evidence(scene, with, &kafka);
        let given = Given::keys(&[key.verifying_key().clone()]);
        scene.archive.verify(facts, Request { given, ..request })
    };
    let bucket = verify(Evidence::Bucket);
    let with = |with| (with, joined(verify(with), &bucket));
    let mut reports = [Evidence::Commit, Evidence::Records, Evidence::Saved]
        .map(with)
        .to_vec();
    reports.insert(0, (Evidence::Bucket, bucket));
    reports
}

#[test]
fn every_attack_is_shown_by_the_evidence_in_the_table_and_by_no_other() {
    let honest = Scene::in_memory();
    let wrong: Vec<String> = asked().iter().flat_map(|attack| wrongs(attack, &honest)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_scene_before_an_attack_is_intact_with_every_evidence() {
    let scene = Scene::in_memory();
    for (with, report) in reports(&scene, &scene.archive.key) {
        assert_eq!(report.verdict, Verdict::Intact, "{with:?} {report:#?}");
    }
}
