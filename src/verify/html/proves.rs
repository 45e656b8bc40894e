//! What this verification proves and what it does not, in plain words. It depends on what was checked.

use std::fmt::{self, Write};

use crate::record::position::Height;
use crate::verify::coverage::MarkKind;
use crate::verify::html::markup::Escaped;
use crate::verify::html::sum::Sum;
use crate::verify::report::{Report, counted, grouped};
use crate::verify::trust::Basis;
use crate::verify::verdict::Verdict;

/// The section of the judge's page.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    let (mut does, mut does_not) = (Vec::new(), Vec::new());
    if report.scope.links > 0 {
        rows(report, &mut does, &mut does_not);
        kafka(report, &mut does, &mut does_not);
    }
    keys(report, &mut does, &mut does_not);
    witnesses(report, &mut does, &mut does_not);
    scope(report, &mut does_not);
    if matches!(report.verdict, Verdict::Tampered | Verdict::Incomplete) {
        does_not.push(
            "How it came about: kivend cannot tell accident from intent, nor say who did it. Logs of access to the store may."
                .to_owned(),
        );
    }
    does_not.push(
        "That what was sent to Kafka is true, or that everything was sent that should have been. The archive keeps what Kafka \
         acknowledged."
            .to_owned(),
    );
    does_not.push(
        "That the times of records are right: the programs that sent the records, or Kafka, set them.".to_owned(),
    );
    writeln!(
        page,
        "<section class=\"proves\">\n<h2>What this proves, and what not</h2>"
    )?;
    let title = match report.verdict {
        Verdict::Intact => "It proves",
        _ => "It proves, except for what the findings name",
    };
    list(page, title, &does)?;
    list(page, "It does not prove", &does_not)?;
    list(page, "Whom one has to trust for this", &trusted(report))?;
    writeln!(page, "</section>")
}

fn list(page: &mut String, title: &str, sentences: &[String]) -> fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h3>{title}</h3>\n<ul>")?;
    for sentence in sentences {
        writeln!(page, "<li>{}</li>", Escaped(sentence))?;
    }
    writeln!(page, "</ul>")
}

/// What the signatures of the links prove.
fn links(report: &Report) -> String {
    let scope = &report.scope;
    let chains = match report.anchored.len() as u64 {
        0 => scope.partitions,
        chains => chains,
    };
    let without = match scope.partitions.saturating_sub(chains) {
        0 => String::new(),
        1 => " 1 partition has no link.".to_owned(),
        more => format!(" {} partitions have no link.", grouped(more)),
    };
    let (links, partitions) = (counted(scope.links, "link"), counted(chains, "partition"));
    let are_single = report.anchored.iter().all(|anchored| anchored.height == Height(0));
    let proved = if are_single && scope.since_checkpoint.is_none() {
        ", one of each, and signed: nobody without the signing key could have made them, or changed what they say of their records."
    } else {
        ", signed, and each names the hash of the one before: nothing was taken out of the middle, exchanged or put in between \
         without a trace."
    };
    format!("There are {links} of {partitions}{proved}{without}").replacen("are 1 link of", "is 1 link of", 1)
}

/// Who could have made this report say something else.
fn trusted(report: &Report) -> Vec<String> {
    let mut whom = vec![match report.trust.basis {
        Some(Basis::KeysGiven) => {
            "The holders of the signing key, and whoever gave the public key to the verifier.".to_owned()
        }
        Some(Basis::CheckpointsGiven) => {
            "The holders of the signing key, and whoever gave the checkpoints or the keys of the witnesses to the \
             verifier."
                .to_owned()
        }
        Some(Basis::FirstUse) | None => "Whoever could write to the store: the keys came from there.".to_owned(),
    }];
    if report.anchored.iter().any(|anchored| anchored.by.witnesses.is_some()) {
        whom.push(
            "The witnesses: that what they cosigned was not rewritten rests on them, and not on the signing key."
                .to_owned(),
        );
    }
    if report.scope.against.iter().any(|against| against == "kafka") {
        whom.push("Whoever operates Kafka, for what was compared with it.".to_owned());
    }
    whom.push(
        "Whoever ran this program and passed this page on. Who that was is not recorded; a signed form names a key. Anybody with \
         access can repeat it."
            .to_owned(),
    );
    whom
}

fn rows(report: &Report, does: &mut Vec<String>, does_not: &mut Vec<String>) {
    let scope = &report.scope;
    does.push(links(report));
    if scope.records_read > 0 {
        let read = format!(
            "{} in {}",
            counted(scope.records_read, "record"),
            counted(scope.segments_read, "segment")
        );
        does.push(if report.verdict == Verdict::Tampered {
            format!(
                "{read} were read. A segment that no finding names holds, byte for byte and in this order, the records that were signed when \
                 they were archived."
            )
        } else {
            format!("{read} are, byte for byte and in this order, those that were signed when they were archived.")
        });
    }
    let unread = scope.segments.saturating_sub(scope.segments_read);
    let removed: u64 = report.removals.iter().map(|removal| removal.segments).sum();
    if unread > removed {
        does_not.push(format!(
            "What is in {} that {} not read.",
            counted(unread - removed, "segment"),
            if unread - removed == 1 { "was" } else { "were" }
        ));
    }
    if removed > 0 {
        does_not.push(format!(
            "What was in {} that were removed under signed retention changes. Their links remain.",
            counted(removed, "segment")
        ));
    }
}

fn kafka(report: &Report, does: &mut Vec<String>, does_not: &mut Vec<String>) {
    let scope = &report.scope;
    if !scope.against.iter().any(|against| against == "kafka") {
        does_not.push(
            "That the archive has everything that Kafka acknowledged, or that its newest part was not cut off after the newest \
             checkpoint: it was not compared with Kafka."
                .to_owned(),
        );
    } else if scope.records_compared > 0 {
        does.push(format!(
            "{} that Kafka still held are there what the signed links say of them{}.",
            counted(scope.records_compared, "record"),
            match report.verdict {
                Verdict::Tampered | Verdict::Incomplete => ", also where the archive's file is not",
                Verdict::Intact | Verdict::Unverifiable => "",
            }
        ));
        let gone = scope.records.saturating_sub(scope.records_compared);
        if gone > 0 {
            does_not.push(format!(
                "Anything by Kafka about the other {}: Kafka held them no longer, or they were not read there.",
                counted(gone, "record")
            ));
        }
    }
    let lost = Sum::of(MarkKind::Lost, report.coverage.iter());
    if !lost.is_empty() {
        does_not.push(format!(
            "What was in {} with times {}: Kafka deleted them before they were archived, as signed links declare.",
            lost.amount(),
            lost.times()
        ));
    }
}

fn keys(report: &Report, does: &mut Vec<String>, does_not: &mut Vec<String>) {
    match report.trust.basis {
        Some(Basis::KeysGiven) => does.push(
            "The holder of the given key, or of one that descends from it, signed this: it is the archive that the key belongs to."
                .to_owned(),
        ),
        Some(Basis::CheckpointsGiven) => does.push(
            "This is the archive that the saved checkpoints or the witnesses saw, up to what they saw of it.".to_owned(),
        ),
        Some(Basis::FirstUse) => does_not.push(
            "Whose archive this is: the keys were taken from the archive itself. Whoever could replace the whole bucket could have \
             signed everything anew. Verify with --key and a public key from elsewhere."
                .to_owned(),
        ),
        None => does_not.push("Anything about records: the identity of the archive could not be read.".to_owned()),
    }
}

fn witnesses(report: &Report, does: &mut Vec<String>, does_not: &mut Vec<String>) {
    let heights = |is: fn(&crate::verify::claims::Anchors) -> bool| {
        report.anchored.iter().filter(|anchored| is(&anchored.by)).count() as u64
    };
    let witnessed = heights(|by| by.witnesses.is_some());
    let saved = heights(|by| by.saved_checkpoint.is_some());
    if witnessed > 0 {
        does.push(format!(
            "Up to the newest checkpoint that the witnesses cosigned, the history of {} was not rewritten after they saw it, not even by \
             the holder of the signing key.",
            counted(witnessed, "partition")
        ));
    }
    if saved > 0 {
        does.push(format!(
            "Up to the saved checkpoints, the history of {} was not rewritten after they were saved.",
            counted(saved, "partition")
        ));
    }
    if witnessed == 0 && saved == 0 && report.scope.links > 0 {
        does_not.push(
            "That the holder of the signing key did not write the whole history anew: no witness and no checkpoint that was saved elsewhere \
             confirms it."
                .to_owned(),
        );
    }
    let unanchored: u64 = report.anchored.iter().map(|anchored| anchored.unanchored).sum();
    if unanchored > 0 {
        does_not.push(format!(
            "That nothing follows the newest {}, or that they were always these: no checkpoint and nothing in Kafka confirms them yet.",
            counted(unanchored, "link")
        ));
    }
}

fn scope(report: &Report, does_not: &mut Vec<String>) {
    let scope = &report.scope;
    if let Some(base) = &scope.since_checkpoint {
        does_not.push(format!(
            "Anything about what is older than checkpoint {} of {}: the verification began there, and the checkpoint stands for it.",
            base.number, base.at
        ));
    }
    if let Some(since) = &scope.since {
        does_not.push(format!(
            "That rows older than {since} are unchanged: only their links were checked."
        ));
    }
    if let Some(shard) = scope.shard {
        does_not.push(format!(
            "Anything about the partitions of other shards: this is shard {shard}, and only the joined reports of all shards are the verdict \
             on the archive."
        ));
    }
    match (&scope.topic, scope.partition) {
        (None, None) => {}
        (Some(topic), None) => does_not.push(format!("Anything about other topics than {topic}.")),
        (Some(topic), Some(partition)) => does_not.push(format!(
            "Anything about other partitions than partition {partition} of {topic}."
        )),
        (None, Some(partition)) => {
            does_not.push(format!(
                "Anything about other partitions than partition {partition} of each topic."
            ));
        }
    }
    let lag: u64 = report.topics.iter().filter_map(|topic| topic.lag).sum();
    if lag > 0 && !scope.at_rest {
        does_not.push(format!(
            "Anything about {} offsets that Kafka has and the archive does not have yet.",
            grouped(lag)
        ));
    }
}
