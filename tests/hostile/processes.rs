//! Measures the resident memory of the real programs on an archive in which objects were planted: whatever was planted, the
//! memory is bounded and no verdict is "intact".

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use kivend::record::position::{FirstOffset, NextOffset};
use kivend::segment::decode::Segment;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::rows::Rows;
use serde_json::Value;

use super::planted::{absent_page, large_dictionary, long_footer, long_list, plant_empty, plant_pipe};
use crate::fixture::patience::until;
use crate::fixture::{Archive, OwnedRecord, embedded_with, send_raw};

const MIB: u64 = 1 << 20;

/// An honest archive in a folder, and the file of one of its segments.
struct Planted {
    folder: tempfile::TempDir,
    segment: PathBuf,
    first_offset: i64,
}

impl Planted {
    fn new() -> Planted {
        let archive = Archive::usual();
        let folder = tempfile::tempdir().unwrap();
        for key in archive.store.keys() {
            put(&folder.path().join(&key), &archive.store.bytes(&key).unwrap());
        }
        let segment = folder.path().join(archive.segment_key("payments", 0, 1));
        let first_offset = archive.link("payments", 0, 1).first_offset.0;
        Planted {
            folder,
            segment,
            first_offset,
        }
    }

    /// The file of another attempt at the segment's place.
    fn beside(&self) -> PathBuf {
        self.segment
            .with_file_name(format!("{}-r1.parquet", self.segment.file_stem().unwrap().display()))
    }

    fn kivend(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kivend"));
        command
            .args(["verify", "--format", "json", "--offline"])
            .arg(self.folder.path());
        command
    }

    fn python(&self) -> Command {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("bash");
        let script = format!(
            "source '{0}/tests/independent/environment.sh' && exec python '{0}/tools/verify.py' \"$0\"",
            top.display()
        );
        command.arg("-c").arg(script).arg(self.folder.path());
        command
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The peak of a process's resident memory in bytes so far.
fn peak(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Runs a command to its end; its exit code, its output and its peak memory.
fn measured(mut command: Command) -> (Option<i32>, String, u64) {
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, mut status) = (0, None);
    until("the program ends", || {
        most = most.max(peak(&process));
        status = process.try_wait().unwrap();
        status.is_some()
    });
    let code = status.and_then(|status| status.code());
    let mut output = String::new();
    process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    (code, output, most)
}

/// Neither verifier needs more memory than this, or says that the archive is intact.
#[track_caller]
fn expect_bounded(planted: &Planted, what: &str, most: u64) {
    let (code, output, peak) = measured(planted.kivend());
    let report: Value =
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{what}: {error}: {code:?} {output}"));
    assert_ne!(report["verdict"], "intact", "{what}");
    println!("{what}: kivend verify {} MiB, {}", peak / MIB, report["verdict"]);
    assert!(peak < most, "{what}: kivend verify held {} MiB", peak / MIB);
    if std::env::var_os("CI").is_some() || Command::new("python3").arg("--version").output().is_ok() {
        let (code, _, peak) = measured(planted.python());
        println!("{what}: verify.py {} MiB, exit code {code:?}", peak / MIB);
        assert!(
            code.is_some_and(|code| (10..=12).contains(&code)),
            "{what}: verify.py ended with {code:?}"
        );
        assert!(peak < most.max(400 * MIB), "{what}: verify.py held {} MiB", peak / MIB);
    }
}

#[test]
fn a_page_header_with_a_long_list_costs_the_object_and_no_more() {
    let planted = Planted::new();
    put(&planted.beside(), &long_list(planted.first_offset));
    expect_bounded(&planted, "a long list", 192 * MIB);
}

#[test]
fn a_large_dictionary_in_a_small_object_is_refused_before_it_is_unpacked() {
    let planted = Planted::new();
    let object = large_dictionary(planted.first_offset);
    assert!(object.len() < 64 << 10, "{}", object.len());
    put(&planted.beside(), &object);
    put(&planted.segment, &object);
    expect_bounded(&planted, "a large dictionary", 128 * MIB);
}

#[test]
fn sizes_that_are_announced_and_absent_cost_nothing() {
    let planted = Planted::new();
    put(&planted.beside(), &absent_page(planted.first_offset));
    put(&planted.segment, &long_footer());
    expect_bounded(&planted, "announced sizes", 160 * MIB);
}

#[test]
fn objects_above_the_limit_of_their_kind_are_not_read() {
    let planted = Planted::new();
    plant_empty(&planted.beside(), 600 << 20);
    for attempt in 1..=16 {
        let name = format!("links/payments/0/0000-{:020}-r{attempt}.note", planted.first_offset);
        plant_empty(&planted.folder.path().join(name), 128 << 20);
    }
    expect_bounded(&planted, "long notes", 128 * MIB);
}

#[test]
fn the_largest_object_is_held_once() {
    let planted = Planted::new();
    plant_empty(&planted.segment, 512 << 20);
    expect_bounded(&planted, "512 MiB", 700 * MIB);
}

#[test]
fn a_large_record_in_a_small_segment_is_held_once_or_said_to_be_too_large() {
    let planted = Planted::new();
    let honest = Segment::open(Bytes::from(std::fs::read(&planted.segment).unwrap())).unwrap();
    let at = planted.first_offset;
    let record = OwnedRecord {
        value: Some([br#"{"a":""#, vec![b'x'; 300 << 20].as_slice(), br#""}"#].concat()),
        ..OwnedRecord::event(at, 1)
    };
    let mut rows = Rows::new(&honest.footer().topic_partition);
    record.lend(|record| rows.push(record));
    let footer = Footer {
        next_offset: NextOffset(at + 1),
        record_count: 1,
        records_root: rows.root(),
        ..honest.footer().clone()
    };
    assert_eq!(footer.first_offset, FirstOffset(at));
    let object = encode(rows, &footer, honest.projection()).unwrap();
    assert!(object.len() < 64 << 10, "{}", object.len());
    put(&planted.beside(), &object);
    put(&planted.segment, &object);
    expect_bounded(&planted, "a large record", 700 * MIB);
}

#[test]
fn a_pipe_in_the_folder_is_refused_at_once() {
    let planted = Planted::new();
    plant_pipe(&planted.beside());
    std::fs::remove_file(&planted.segment).unwrap();
    plant_pipe(&planted.segment);
    expect_bounded(&planted, "a pipe", 128 * MIB);
}

/// The peak memory of an archiver that archives one record of payments/0 in `folder`, and the link that it writes.
fn archiver_peak(folder: &Path) -> (u64, String) {
    let cluster = embedded_with(&[("payments", 1)]);
    send_raw(&cluster.settings("none"), ("payments", 0), &OwnedRecord::event(0, 1));
    let work = tempfile::tempdir().unwrap();
    let brokers: Vec<String> = cluster.brokers().iter().map(|broker| format!("{broker:?}")).collect();
    let settings = format!(
        "[[topics]]\nname = \"payments\"\npartitions = 1\n[routing]\ndefault = \"payments\"\nrules = []\n[archive]\nseal_max_idle = \"1s\"\n\
         [kafka]\nbrokers = [{}]\n[store]\ndirectory = \"{}\"\n",
        brokers.join(","),
        folder.display()
    );
    std::fs::write(work.path().join("kivend.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kivend-archiver"));
    // The settings of the servers for other tests.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KIVEND_")) {
        command.env_remove(name);
    }
    let mut process = command
        .args(["--config", "kivend.toml"])
        .current_dir(work.path())
        .env("XDG_CONFIG_HOME", work.path())
        .env("KIVEND_TELEMETRY__LISTEN", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let link = folder.join(format!("links/payments/0/0000-{:020}.note", 0));
    let mut most = 0;
    until("the archiver writes a link", || {
        most = most.max(peak(&process));
        assert!(process.try_wait().unwrap().is_none(), "the archiver has ended");
        link.exists()
    });
    most = most.max(peak(&process));
    process.kill().unwrap();
    process.wait().unwrap();
    (most, std::fs::read_to_string(link).unwrap())
}

#[test]
fn no_planted_object_costs_the_archiver_more_than_16_mib() {
    let place = |folder: &Path, attempt: &str| folder.join(format!("data/payments/0/0000-{:020}{attempt}.parquet", 0));
    let honest = tempfile::tempdir().unwrap();
    let (base, link) = archiver_peak(honest.path());
    assert!(link.contains("\"rejected\":[]"), "{link}");
    let folder = tempfile::tempdir().unwrap();
    plant_empty(&place(folder.path(), ""), 512 << 20);
    put(&place(folder.path(), "-r1"), &long_list(0));
    put(&place(folder.path(), "-r2"), &large_dictionary(0));
    put(&place(folder.path(), "-r3"), &long_footer());
    plant_empty(&place(folder.path(), "-r4"), 600 << 20);
    let (peak, link) = archiver_peak(folder.path());
    println!(
        "the archiver: {} MiB, with planted objects {} MiB",
        base / MIB,
        peak / MIB
    );
    assert!(
        base > 0 && peak < base + 16 * MIB,
        "{} MiB, {} MiB",
        base / MIB,
        peak / MIB
    );
    for (reason, count) in [("differs", 2), ("unreadable", 2), ("too_large", 1)] {
        assert_eq!(
            link.matches(&format!("\"reason\":\"{reason}\"")).count(),
            count,
            "{link}"
        );
    }
}
