//! Tests of the accounting of lines, without Kafka.

use std::collections::VecDeque;
use std::io::{self, Read, Write as _};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::config::{Sources, load};
use crate::error::Exit;
use crate::error::{Explain as _, Kind};
use crate::synthetic::{Naming, Shop};
use crate::task::progress::Silent;
use crate::task::stop;

const LINE_MAX_BYTES: usize = 2_000;

fn surroundings() -> Surroundings {
    let sources = Sources {
        config_home: Some("/nowhere".into()),
        ..Sources::default()
    };
    let settings = load(&sources).unwrap().settings;
    let ledger = LedgerSettings::of(&settings);
    let mut ingest = settings.ingest;
    ingest.max_event_bytes = LINE_MAX_BYTES;
    Surroundings {
        kafka: settings.kafka,
        routing: settings.routing,
        ledger,
        ingest,
    }
}

fn dry_run(inputs: Vec<Input>) -> Plan {
    Plan {
        inputs,
        only: None,
        max: None,
        rate_per_s: None,
        order: Order::AsRead,
        mode: Mode::DryRun,
        rejects: None,
    }
}

/// A stream that returns its bytes in portions of these lengths.
struct Portions(VecDeque<u8>, Vec<usize>);

impl Read for Portions {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let portion = self.1.pop().unwrap_or(usize::MAX).min(self.0.len()).min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(self.0.drain(..portion)) {
            *place = byte;
        }
        Ok(portion)
    }
}

fn stream(bytes: &[u8], portions: Vec<usize>) -> Input {
    Input::Stream(
        "test".to_owned(),
        Box::new(Portions(bytes.iter().copied().collect(), portions)),
    )
}

fn run(plan: Plan) -> Report {
    ingest(&surroundings(), plan, &Stop::never(), &Silent).unwrap()
}

fn shop(events: u64) -> Vec<u8> {
    lines_of(Shop::new(events, 42))
}

fn lines_of(mut shop: Shop) -> Vec<u8> {
    let mut lines = Vec::new();
    while shop.write_session(&mut lines).is_some() {}
    lines
}

/// Valid, invalid, too long and unfinished lines.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(br#"{"event_type":"page_view","customer_id":"C1"}"#.to_vec()),
        Just(br#"{"event_type":"payment_attempt"}"#.to_vec()),
        Just(vec![b'x'; LINE_MAX_BYTES + 1]),
        proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect()),
    ]
}

proptest! {
    #[test]
    fn every_line_is_accounted_for_exactly_once(
        lines in proptest::collection::vec(any_line(), 0..30),
        ends_with_newline: bool,
        portions in proptest::collection::vec(1usize..3_000, 0..60),
        sorted: bool,
    ) {
        let mut bytes = lines.join(&b'\n');
        // After a final newline, and padding with NUL bytes, there is no further line.
        let is_none = |line: &Vec<u8>| line.iter().all(|byte| *byte == 0);
        let mut count = lines.len() - usize::from(lines.last().is_some_and(is_none));
        if ends_with_newline && !lines.is_empty() {
            bytes.push(b'\n');
            count = lines.len();
        }
        let order = if sorted { Order::Time } else { Order::AsRead };
        let report = run(Plan { order, ..dry_run(vec![stream(&bytes, portions)]) });
        // Random bytes that begin like another known form are refused as a whole.
        prop_assume!(report.broken_inputs.is_empty());
        prop_assert_eq!(report.read, count as u64);
        prop_assert_eq!(report.read, report.would_send.unwrap() + report.rejected + report.filtered);
        prop_assert_eq!(report.rejected, report.rejections.values().sum::<u64>());
        prop_assert_eq!(report.topics.values().sum::<u64>(), report.would_send.unwrap());
        prop_assert_eq!(report.exit(), if report.rejected == 0 { Exit::Done } else { Exit::Failed });
    }
}

#[test]
fn the_shops_events_go_where_the_shipped_routing_sends_them_and_none_resembles_another() {
    let report = run(dry_run(vec![stream(&shop(71_694), vec![])]));
    assert_eq!(report.topics["user-events"], 57_956);
    assert_eq!(report.topics["payments"], 10_125);
    assert_eq!(report.topics["orders"], 3_613);
    assert!(report.resembling.is_empty(), "{:?}", report.resembling);
    assert_eq!(report.exit(), Exit::Done);
}

#[test]
fn with_the_original_names_the_shops_events_split_as_the_original_split_them() {
    let original = lines_of(Shop::new(71_694, 42).named(Naming::Original));
    let report = run(dry_run(vec![stream(&original, vec![])]));
    assert_eq!(report.topics["user-events"], 64_131);
    assert_eq!(report.topics["payments"], 7_563);
    let resembling: Vec<_> = report
        .resembling
        .iter()
        .map(|r| (r.event_type.as_str(), r.events))
        .collect();
    assert_eq!(resembling, [("checkout_start", 3_613), ("payment_failed", 2_562)]);
    assert_eq!(report.exit(), Exit::Done);
}

#[test]
fn only_and_max_count_events_that_are_sent() {
    let plan = Plan {
        only: Some("user-events".to_owned()),
        max: Some(51_710),
        ..dry_run(vec![stream(&shop(71_694), vec![])])
    };
    let report = run(plan);
    assert_eq!(report.would_send, Some(51_710));
    assert_eq!(report.topics["payments"], 0);
    assert_eq!(report.read, 51_710 + report.filtered);
}

#[test]
fn a_topic_to_which_no_event_goes_is_refused_at_once() {
    let plan = Plan {
        only: Some("fraud-alerts".to_owned()),
        ..dry_run(vec![])
    };
    let error = ingest(&surroundings(), plan, &Stop::never(), &Silent).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("user-events"), "{error}");
}

#[test]
fn compressed_files_read_as_what_they_hold_and_rejects_name_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = b"{\"event_type\":\"a\"}\n\xff\xfe\n{\"event_type\":\"b\"}\n";
    std::fs::write(path("plain.jsonl"), text).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let member = gzip.finish().unwrap();
    std::fs::write(path("two-members.jsonl.gz"), [&member[..], &member[..]].concat()).unwrap();
    std::fs::write(path("one.jsonl.zst"), zstd::encode_all(&text[..], 1).unwrap()).unwrap();
    let files = ["plain.jsonl", "two-members.jsonl.gz", "one.jsonl.zst"];
    let plan = Plan {
        rejects: Some(path("rejects")),
        ..dry_run(files.map(|file| Input::File(path(file))).into())
    };
    let report = run(plan);
    assert_eq!((report.read, report.would_send, report.rejected), (12, Some(8), 4));
    let rejects = std::fs::read_to_string(path("rejects")).unwrap();
    let rejects: Vec<Value> = rejects
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let place = |reject: &Value| {
        (
            reject["file"].as_str().unwrap().to_owned(),
            reject["line"].as_u64().unwrap(),
        )
    };
    let named = |file: &str| path(file).display().to_string();
    let places: Vec<_> = rejects.iter().map(place).collect();
    assert_eq!(
        places,
        [
            (named(files[0]), 2),
            (named(files[1]), 2),
            (named(files[1]), 5),
            (named(files[2]), 2)
        ]
    );
    assert_eq!(
        (&rejects[0]["reason"], &rejects[0]["base64"]),
        (&"not_utf8".into(), &"//4=".into())
    );
}

#[test]
fn a_line_beyond_all_bounds_is_rejected_with_its_start_and_length() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rejects");
    let mut bytes = vec![b'x'; 3_000_000];
    bytes.extend_from_slice(b"\n{\"event_type\":\"a\"}\n");
    let plan = Plan {
        rejects: Some(file.clone()),
        ..dry_run(vec![stream(&bytes, vec![])])
    };
    let report = run(plan);
    assert_eq!((report.read, report.rejected, report.would_send), (2, 1, Some(1)));
    let reject: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(reject["length_bytes"], 3_000_000);
    assert!(reject["text"].as_str().unwrap().len() < 2_000_000);
}

#[test]
fn a_file_cut_off_is_told_after_what_was_whole_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.jsonl.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&shop(5_000)).unwrap();
    let whole = gzip.finish().unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let report = run(dry_run(vec![Input::File(file)]));
    assert!(report.would_send.unwrap() > 1_000);
    assert_eq!(report.broken_inputs.len(), 1);
    assert!(report.broken_inputs[0].reason.contains("cut.jsonl.gz"));
    assert_eq!(report.exit(), Exit::Failed);
}

#[test]
fn a_file_that_is_missing_is_told_before_anything_is_sent() {
    let plan = dry_run(vec![stream(b"", vec![]), Input::File("/does/not/exist.jsonl".into())]);
    let error = ingest(&surroundings(), plan, &Stop::never(), &Silent).unwrap_err();
    assert_eq!(error.kind(), Kind::Input);
}

#[test]
fn an_interrupted_run_ends_though_its_input_never_does() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let line = b"{\"event_type\":\"a\"}\n";
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }
    let (stopper, stop) = stop::stop();
    stopper.request(stop::Reason::Interrupt);
    let plan = dry_run(vec![Input::Stream("endless".to_owned(), Box::new(Endless))]);
    let report = ingest(&surroundings(), plan, &stop, &Silent).unwrap();
    assert!(report.interrupted);
    assert_eq!(report.exit(), Exit::Interrupted);
}

#[test]
fn a_broken_input_does_not_keep_the_next_one_from_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(
        path("events.json"),
        "[{\"event_type\":\"a\"},\n{\"event_type\":\"b\"}]\n",
    )
    .unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"{\"event_type\":\"a\"}\n").unwrap();
    // Neither has a name that tells its compression, and the first one is padded as on a tape.
    std::fs::write(path("padded"), [gzip.finish().unwrap(), vec![0; 600]].concat()).unwrap();
    std::fs::write(
        path("frames"),
        zstd::encode_all(&b"{\"event_type\":\"b\"}\n"[..], 1).unwrap(),
    )
    .unwrap();
    let files = ["events.json", "padded", "frames"];
    let report = run(dry_run(files.map(|file| Input::File(path(file))).into()));
    assert_eq!((report.read, report.would_send, report.rejected), (2, Some(2), 0));
    let [broken] = &report.broken_inputs[..] else {
        panic!("{:?}", report.broken_inputs)
    };
    assert!(
        broken.reason.contains("events.json") && broken.reason.contains("JSON array"),
        "{broken:?}"
    );
    assert!(broken.fix.contains("jq -c '.[]'"), "{broken:?}");
    assert_eq!(report.exit(), Exit::Failed);
}

#[test]
fn a_slow_stream_is_not_waited_for_beyond_its_first_line() {
    /// One line, and then nothing for ever.
    struct Once(VecDeque<u8>);
    impl Read for Once {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            while self.0.is_empty() {
                std::thread::park();
            }
            self.0.read(buffer)
        }
    }
    let line = b"{\"event_type\":\"a\"}\n".to_vec();
    let plan = Plan {
        max: Some(1),
        ..dry_run(vec![Input::Stream("slow".to_owned(), Box::new(Once(line.into())))])
    };
    assert_eq!(run(plan).would_send, Some(1));
}

#[test]
fn an_input_is_not_the_file_of_rejected_lines_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // The start of a line as a crash leaves it in a file of rejected lines, where it would be removed.
    let text = "bad\n{\"file\":";
    std::fs::write(path("events.jsonl"), text).unwrap();
    std::os::unix::fs::symlink(path("events.jsonl"), path("link")).unwrap();
    std::fs::hard_link(path("events.jsonl"), path("hard")).unwrap();
    for rejects in ["events.jsonl", "link", "hard"] {
        let plan = Plan {
            rejects: Some(path(rejects)),
            ..dry_run(vec![Input::File(path("events.jsonl"))])
        };
        let error = ingest(&surroundings(), plan, &Stop::never(), &Silent).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert_eq!(std::fs::read_to_string(path("events.jsonl")).unwrap(), text);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_rejected_lines_ends_the_run_with_every_line_accounted_for() {
    let lines = b"bad\n{\"event_type\":\"a\"}\n".repeat(400_000);
    for order in [Order::AsRead, Order::Time] {
        let plan = Plan {
            rejects: Some("/dev/full".into()),
            order,
            ..dry_run(vec![stream(&lines, vec![])])
        };
        let report = run(plan);
        assert!(report.read < 800_000, "{}", report.read);
        assert_eq!(
            report.read,
            report.would_send.unwrap() + report.rejected + report.filtered
        );
        let lost = report.lost_rejects.as_ref().unwrap();
        assert!(lost.reason.contains("/dev/full"), "{lost:?}");
        assert_eq!(report.exit(), Exit::Failed);
    }
}

#[test]
fn a_named_pipe_that_nobody_writes_to_does_not_keep_a_run_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let (stopper, stop) = stop::stop();
    stopper.request(stop::Reason::Interrupt);
    let report = ingest(&surroundings(), dry_run(vec![Input::File(pipe)]), &stop, &Silent).unwrap();
    assert!(report.interrupted);
}

#[test]
fn a_form_within_a_compressed_file_is_told_with_a_command_that_unpacks_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.tgz");
    let mut tar = vec![0; 1024];
    tar[..9].copy_from_slice(b"app.jsonl");
    tar[257..262].copy_from_slice(b"ustar");
    tar.extend_from_slice(b"{\"event_type\":\"a\"}\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    std::fs::write(&file, gzip.finish().unwrap()).unwrap();
    let report = run(dry_run(vec![Input::File(file)]));
    assert_eq!(report.read, 0);
    let fix = &report.broken_inputs[0].fix;
    assert!(fix.contains("gzip -dc") && fix.contains("| tar -xO"), "{fix}");
}
