//! Every attack of `attacks` on an archive that the product wrote from real brokers to a real bucket. Each is carried
//! out on the bucket, verified with every kind of evidence and by the second verifier, and undone.

mod bucket;
mod honest;
mod read_once;

use std::sync::Arc;

use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Request, verify};
use kivend::task::progress::Silent;
use kivend::verify::given::Given;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use crate::attacks::{Evidence, SecondOpinion, With, asked, evidence, joined};
use bucket::Bucket;
use honest::{Honest, objects};
use read_once::ReadOnce;

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_on_the_real_bucket_is_found_as_the_table_says_and_the_second_verifier_agrees() {
    let Some(honest) = Honest::build().await else { return };
    let plain = Bucket::plain(&honest).await;
    let versioned = Bucket::versioned(&honest).await;
    let mut second = SecondOpinion::new();
    let mut wrong = Vec::new();
    for (number, attack) in asked().iter().enumerate() {
        let mut scene = honest.scene.copy();
        (attack.deed)(&mut scene);
        let deeds = bucket::deeds(&honest.scene, &scene).await;
        let target = if bucket::needs_versions(&deeds) {
            &versioned
        } else {
            &plain
        };
        target.carry_out(&deeds).await;
        let kafka = honest.kafka_after(&scene, number);
        let archive = target.as_it_is();
        let reports = reports(&honest, &archive, &kafka).await;
        wrong.extend(
            reports
                .iter()
                .filter_map(|(with, report)| attack.judge(*with, report).err()),
        );
        if !bucket::needs_versions(&deeds) {
            let with = With {
                keys: vec![honest.scene.archive.key.verifying_key().clone()],
                ..With::default()
            };
            let objects = objects(archive.as_ref()).await;
            second.hand_over(attack.name, &objects, &with, reports[0].1.verdict);
        }
        target.undo(&deeds, &honest.scene).await;
    }
    wrong.extend(second.disagreements());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for (with, report) in reports(&honest, &plain.as_it_is(), &honest.kafka).await {
        assert_eq!(report.verdict, Verdict::Intact, "{with:?} {report:#?}");
    }
}

/// One report for each kind of evidence.
async fn reports(honest: &Honest, archive: &Arc<ReadOnce>, kafka: &Arc<dyn KafkaFacts>) -> Vec<(Evidence, Report)> {
    let mut reports: Vec<(Evidence, Report)> = Vec::new();
    for with in [Evidence::Bucket, Evidence::Commit, Evidence::Records, Evidence::Saved] {
        let (request, facts) = evidence(&honest.scene, with, kafka);
        let given = Given::keys(&[honest.scene.archive.key.verifying_key().clone()]);
        let request = Request { given, ..request };
        let report = verify(archive.clone(), facts, request, Arc::new(Silent)).await.unwrap();
        let report = match reports.first() {
            Some((_, of_bucket)) => joined(report, of_bucket),
            None => report,
        };
        reports.push((with, report));
    }
    reports
}
