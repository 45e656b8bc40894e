//! The report as a page and as JSON: a judge finds verdict, scope and damage first, a thousand partitions stay readable, and nothing
//! from a bucket becomes markup. The pages stay in the folder `report` of `CARGO_TARGET_TMPDIR`, to be looked at.

use kivend::log::link::SealReason;
use kivend::record::position::{Height, TopicPartition};
use kivend::record::record::Timestamp;
use kivend::verify::coverage::MarkKind;
use kivend::verify::html::render;
use kivend::verify::merge::merge;
use kivend::verify::report::Report;
use kivend::verify::shard::Shard;
use kivend::verify::verdict::Verdict;

use kivend::app::verify::Request;

use crate::fixture::{Archive, OwnedRecord};

const HOUR_MS: i64 = 3_600_000;

/// Seals a link over an hour of records. Returns them.
fn seal_hour(archive: &mut Archive, topic: &str, number: i32, hour: i64) -> Vec<OwnedRecord> {
    let partition = TopicPartition::new(topic, number);
    let mut records = archive.produce(&partition, 60);
    for (minute, record) in records.iter_mut().enumerate() {
        // 3 February 2026, from 10:00 UTC.
        let minute = i64::try_from(minute).unwrap();
        record.timestamp = Timestamp::create_ms(1_770_112_800_000 + hour * HOUR_MS + minute * 60_000);
    }
    let mut logs = archive.broker.logs();
    let log = &mut logs.get_mut(&partition).unwrap().records;
    let begin = log.len() - records.len();
    log.splice(begin.., records.iter().cloned());
    drop(logs);
    let next = records.last().unwrap().offset + 1;
    archive.archive(&partition, &records, next);
    records
}

/// Two topics over eight hours, a checkpoint, and commits.
fn hours() -> Archive {
    let mut archive = Archive::new();
    for hour in 0..8 {
        seal_hour(&mut archive, "payments", 0, hour);
        seal_hour(&mut archive, "payments", 1, hour);
        seal_hour(&mut archive, "user-events", 1, hour);
    }
    archive.checkpoint();
    archive.commit();
    archive
}

/// Renders a page, and keeps it to be looked at.
fn page(name: &str, report: &Report) -> String {
    let page = render(report);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name).with_extension("html"), &page).unwrap();
    page
}

#[track_caller]
fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}

fn marks(report: &Report, topic: &str, partition: i32) -> Vec<(MarkKind, i64, Option<i64>, Option<u64>)> {
    let mut of = report.coverage.iter();
    let of = of.find(|covered| covered.topic == topic && covered.partition == partition);
    let marks = of.unwrap().marks.iter();
    marks
        .map(|mark| (mark.kind, mark.first_offset, mark.next_offset, mark.records))
        .collect()
}

#[test]
fn the_page_of_an_intact_archive_says_what_was_examined_and_what_that_proves() {
    let report = hours().verify_all();
    assert_eq!(report.verdict, Verdict::Intact);
    let page = page("intact", &report);
    has(
        &page,
        &[
            "<h1>intact</h1>",
            "Nothing that was checked is missing or altered.",
            "<dt>Period</dt><dd>records with times from 3 Feb 2026 10:00:00 UTC to 3 Feb 2026 17:59:00 UTC</dd>",
            "<dt>Topics</dt><dd>payments, user-events (",
            concat!("<dt>By</dt><dd>kivend ", env!("CARGO_PKG_VERSION"), "</dd>"),
            "given to the verifier from outside the archive",
            "No part of any partition is missing, altered, lost or removed.",
            "1,440 records in 24 segments are, byte for byte and in this order, those that were signed",
            "1,440 records that Kafka still held are there what the signed links say of them.",
            "did not write the whole history anew",
            "aria-label=\"partition 1: archived without a gap\"",
            "The signed links count 1,440 records in 24 segments. Of these, 1,440 in 24 segments were read. Kafka holds 1,440 of them as they \
             were signed.",
            "<dt>Page signed</dt><dd>no</dd>",
            "ask for it, or repeat the verification.",
            "Whoever ran this program and passed this page on. Who that was is not recorded",
            "every link is confirmed. Nothing that is kept elsewhere does: no witness and no saved checkpoint was given.",
            "<td>link 7</td>",
            "<dt>offset</dt><dd>the number of a record in its partition",
            "python3 tools/verify.py FOLDER --key &#39;kivend/",
        ],
    );
    for part in ["<script", "http://", "https://", "src=", "@import"] {
        assert!(!page.contains(part), "{part}");
    }
    // From the bucket alone less is proved, and the page says so.
    let alone = render(&hours().verify_bucket());
    has(&alone, &["it was not compared with Kafka"]);
    assert!(!alone.contains("that Kafka still held"));
}

#[test]
fn the_page_of_a_tampered_archive_shows_the_record_before_and_after() {
    let archive = hours();
    let mut records = archive.records("payments", 0, 3);
    records[12].value = Some(b"{\"amount\":\"<b>1,000,000</b>\"}".to_vec());
    let (segment, _) = archive.fill(archive.link("payments", 0, 3).clone(), &records);
    let (key, bytes) = segment.unwrap();
    archive.store.tamper(&key, bytes);
    let report = archive.verify_all();
    assert_eq!(report.verdict, Verdict::Tampered);
    assert_eq!(
        marks(&report, "payments", 0),
        [(MarkKind::Altered, 180, Some(240), Some(1))]
    );
    assert_eq!(marks(&report, "payments", 1), []);
    has(
        &page("tampered", &report),
        &[
            "1 record of one file of payments, partition 0, with times between 3 Feb 2026 13:00:00 UTC and 3 Feb 2026 13:59:00 UTC, is \
             altered, added or contradicted",
            "Its rows were compared with Kafka one by one: the findings name the records that differ.",
            "findings about this one file:",
            "cannot tell accident from intent, nor say who did it",
            "Before anything is restored, keep what is there as evidence",
            "1 record altered, added or contradicted, in 1 of 2 partitions",
            "aria-label=\"payments: in 1 of 2 partitions with parts that are altered, added or contradicted\"",
            "<a href=\"#KV506\">KV506</a>",
            "<article class=\"tampered\" id=\"KV506\">",
            "value at offset 192",
            "<dt>before (in Kafka, and signed)</dt><dd><del>`{\\&quot;event_id\\&quot;",
            "<dt>now</dt><dd><ins>`{\\&quot;amount\\&quot;:\\&quot;&lt;b&gt;1,000,000&lt;/b&gt;",
            "<h3>It proves, except for what the findings name</h3>",
            "<rect class=\"altered\"",
        ],
    );
}

#[test]
fn the_page_says_why_no_record_can_be_named_and_where_the_originals_are() {
    let archive = hours();
    archive
        .store
        .tamper(&archive.segment_key("payments", 0, 3), "PAR1 of somebody else PAR1");
    archive.store.vanish(&archive.segment_key("user-events", 1, 2));
    let report = archive.verify_all();
    assert_eq!(report.verdict, Verdict::Tampered);
    let page = page("replaced", &report);
    has(
        &page,
        &[
            "Up to 60 records of one file of payments, partition 0, with times between",
            "60 records of one file of user-events, partition 1, with times between",
            "KV303</a>, <a href=\"#KV304\">KV304</a>). The file is not a readable segment, so its rows cannot be compared one by one: it cannot be \
             said which of the records was changed, or whether any was. Kafka still holds all 480 records of the partition, and they are what the \
             signed links say: the originals can be had there",
            "KV301</a>). The file is not in the store. Kafka still holds all 480 records",
            "Of these, 1,320 in 22 segments were read (1 missing, 1 not readable as a segment).",
            "every row of the segments that were read",
            "<td>up to 60</td>",
            "<dt>Distinct events among the records read</dt>",
        ],
    );
    // Without Kafka the page does not promise that the originals are there.
    let alone = render(&archive.verify_bucket());
    has(
        &alone,
        &["It was not compared with Kafka, which may still hold the originals."],
    );
    assert!(!alone.contains("Whoever operates Kafka"), "{alone}");
}

#[test]
fn partitions_without_records_and_chains_of_one_link_are_told_from_whole_ones() {
    let mut archive = Archive::new();
    seal_hour(&mut archive, "payments", 0, 0);
    archive.checkpoint();
    archive.commit();
    let mut report = archive.verify_all();
    let mut idle = report.topics[0].clone();
    idle.topic = "fraud-alerts".to_owned();
    (idle.records, idle.records_read, idle.segments, idle.segments_read) = (0, 0, 0, 0);
    (idle.lag, idle.partitions) = (Some(0), 2);
    report.topics.push(idle);
    report.scope.partitions += 2;
    let page = page("idle", &report);
    has(
        &page,
        &[
            "<b>fraud-alerts</b> <span>0 signed records in 2 partitions</span> <em class=\"badge\">nothing archived, and Kafka has no records either</em>",
            "aria-label=\"fraud-alerts: nothing archived\"",
            "There is 1 link of 1 partition, one of each, and signed: nobody without the signing key could have made them",
            "partitions have no link.",
        ],
    );
    assert!(!page.contains("nothing was taken out of the middle"), "{page}");
}

#[test]
fn the_page_of_an_incomplete_archive_has_holes_losses_removals_and_diverged_parts() {
    let mut archive = hours();
    let payments = TopicPartition::new("payments", 0);
    archive.remove_below("payments", 0, 2);
    for height in 0..2 {
        archive.store.vanish(&archive.segment_key("payments", 0, height));
    }
    archive.store.vanish(&archive.segment_key("payments", 0, 4));
    archive.store.vanish(&archive.link_key("payments", 1, 5));
    archive.store.vanish(&archive.segment_key("payments", 1, 5));
    archive.append_loss(&payments, 600);
    seal_hour(&mut archive, "payments", 1, 8);
    archive.end_epoch(&TopicPartition::new("payments", 1), SealReason::Diverged, 500);
    archive.checkpoint();
    let report = archive.verify_bucket();
    assert_eq!(report.verdict, Verdict::Incomplete, "{:#?}", report.findings);
    assert_eq!(
        marks(&report, "payments", 0),
        [
            (MarkKind::Removed, 0, Some(120), Some(120)),
            (MarkKind::Missing, 240, Some(300), Some(60)),
            (MarkKind::Lost, 480, Some(600), None),
        ]
    );
    let page = page("incomplete", &report);
    has(&page, &["missing", "removed under a signed retention change"]);
}

#[test]
fn the_page_of_an_empty_archive_says_that_nothing_was_archived() {
    let report = Archive::new().verify_bucket();
    let page = page("empty", &report);
    has(
        &page,
        &[
            "<h1>incomplete</h1>",
            "The archive has no links: nothing was archived.",
            "There was no link to verify.",
            "#KV901",
        ],
    );
    assert!(!page.contains("It proves</h3>\n<ul>\n<li>0 links"));
}

#[test]
fn one_absurd_time_does_not_stretch_the_scale_and_the_page_says_how_many_records_are_outside() {
    let mut archive = hours();
    let sane = page("sane", &archive.verify_all());
    assert!(!sane.contains("class=\"outside\""), "{sane}");
    let partition = TopicPartition::new("payments", 0);
    let next = archive.broker.logs()[&partition].high;
    let mut records = archive.produce(&partition, 7);
    records[3].timestamp = Timestamp::create_ms(253_370_764_800_000);
    archive.archive(&partition, &records, next + 7);
    archive.checkpoint();
    let absurd = page("absurd", &archive.verify_bucket());
    assert!(
        absurd.contains("at most 7 records lie outside of this scale"),
        "{absurd}"
    );
    let axis = |page: &str| {
        let after = page.split("class=\"axis\"").nth(1).unwrap();
        after.split("</div>").next().unwrap().to_owned()
    };
    assert!(!axis(&absurd).contains("9999"), "{}", axis(&absurd));
}

/// A report like one on many partitions of a topic.
fn many(report: &Report, partitions: i32) -> Report {
    let mut many = report.clone();
    let (whole, marked) = (report.coverage[1].clone(), report.coverage[0].clone());
    many.coverage.clear();
    many.anchored.clear();
    for partition in 0..partitions {
        let like = if partition % 100 == 7 { &marked } else { &whole };
        many.coverage.push(kivend::verify::coverage::Coverage {
            partition,
            ..like.clone()
        });
        many.anchored.push(kivend::verify::report::Anchored {
            partition,
            height: Height(7),
            ..report.anchored[1].clone()
        });
    }
    many.topics[0].partitions = u64::try_from(partitions).unwrap();
    many
}

#[test]
fn a_thousand_partitions_are_collapsed_except_those_with_a_gap() {
    let archive = hours();
    archive.store.vanish(&archive.segment_key("payments", 0, 4));
    let page = page("thousand", &many(&archive.verify_all(), 1_000));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    has(
        &page,
        &["990 partitions without a gap", "600 records", "Of 1,000 partitions"],
    );
    let open = page.split("990 partitions without a gap").next().unwrap();
    assert_eq!(open.matches("<div class=\"partition\">").count(), 10);
}

#[test]
fn nothing_from_a_bucket_becomes_markup() {
    let hostile = "<script>alert(1)</script><img src=x onerror='alert(1)'>\\\"></title></style>&amp;";
    let mut archive = hours();
    archive.store.vanish(&archive.segment_key("payments", 0, 4));
    archive.remove_below("user-events", 1, 1);
    archive.store.vanish(&archive.segment_key("user-events", 1, 0));
    archive.store.plant("<script>alert(1)</script>", "stray");
    let report = archive.verify_all();
    let text = serde_json::to_string(&report).unwrap();
    let plain = render(&report);
    // Every text of a report, as a hostile shard could write it.
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    spoil(&mut value, hostile);
    let spoiled: Report = serde_json::from_value(value).unwrap();
    has(
        &plain,
        &["<p class=\"statement\">An object under the archive&#39;s prefix does not belong to an archive. 60 records"],
    );
    let spoiled = page("hostile", &spoiled);
    for page in [&plain, &spoiled] {
        for part in ["<script", "<img", "onerror='", "</title></style>"] {
            assert!(!page.contains(part), "{part}");
        }
        assert_eq!(page.matches("</style>").count(), 1);
    }
    has(&spoiled, &["&lt;script&gt;alert(1)&lt;/script&gt;"]);
}

/// Replaces what may be any text.
fn spoil(value: &mut serde_json::Value, hostile: &str) {
    const FREE: [&str; 22] = [
        "topic",
        "detail",
        "object",
        "summary",
        "archive",
        "id",
        "origin",
        "location",
        "reason",
        "software",
        "command",
        "repeat",
        "note",
        "witness",
        "place",
        "what",
        "expected_by",
        "expected",
        "found",
        "newest_root",
        "sha256",
        "since",
    ];
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if FREE.contains(&&**name) && (member.is_string() || member.is_null()) {
                    *member = hostile.into();
                } else {
                    spoil(member, hostile);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, hostile)),
        _ => {}
    }
}

#[test]
fn json_carries_dates_and_versions_and_the_coverage() {
    let archive = hours();
    archive.store.vanish(&archive.segment_key("payments", 0, 4));
    let mut report = archive.verify_bucket();
    let run = &report.run;
    assert!(run.began_at.unwrap() <= run.ended_at.unwrap());
    let at = "2026-02-04T00:00:00Z".parse().ok();
    (report.run.began_at, report.run.ended_at) = (at, at);
    (report.elapsed_s, report.records_per_s) = (0.5, 1_380.0 / 0.5);
    assert_eq!(report.run.software, concat!("kivend ", env!("CARGO_PKG_VERSION")));
    report.run.software = "kivend VERSION".to_owned();
    insta::assert_json_snapshot!(report);
}

#[test]
fn a_merged_report_covers_what_its_shards_cover() {
    let archive = hours();
    archive.store.vanish(&archive.segment_key("payments", 0, 4));
    let whole = archive.verify_all();
    let shard = |index| {
        let request = Request {
            shard: Some(Shard { index, count: 2 }),
            ..archive.request()
        };
        (
            format!("{index}.json"),
            archive.verify(Some(archive.broker.clone()), request),
        )
    };
    let merged = merge(vec![shard(1), shard(2)]).unwrap();
    assert_eq!(merged.coverage, whole.coverage);
    assert_eq!(merged.scope.max_timestamp_ms, whole.scope.max_timestamp_ms);
    assert_eq!(merged.run.software, whole.run.software);
    assert!(merged.run.began_at <= merged.run.ended_at);
}
