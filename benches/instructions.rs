//! Instructions per record of the pure core, counted by Valgrind's callgrind and held to the limits of
//! `instructions.toml`: the same on a busy machine as on a quiet one. Never a time, and never a server.
//!
//! `cargo bench --bench instructions`, which needs `valgrind`. This program starts itself again under callgrind, once for each
//! part, and has it count inside of one function only, so that making the events costs nothing.
//!
//! Valgrind hides the processor's SHA instructions, so that SHA-256 is counted as its software form, many times what a
//! processor with them does. It stands in a column of its own, with its own limit: it tells how many blocks are hashed. What
//! is left does not depend on whether the processor has them. It does depend on AVX2, which Valgrind shows: where there is
//! none, the counts are printed and not held to the limits.

mod parts;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use bytes::Bytes;
use figment::Figment;
use figment::providers::{Format, Toml};
use kivend::segment::rows::Rows;
use serde::Deserialize;

use parts::{Failure, Material};

const RECORDS: u64 = 10_000;
/// Each has a function called `measured_` and its name.
const PARTS: [&str; 4] = ["ingest_line", "append", "write", "verify"];
/// So few more or less are nothing, whatever their share.
const SLACK: u64 = 20;
const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");
/// The allocator's growth of a large allocation. Whether it copies depends on what lies behind the allocation, and thus on all that
/// was allocated before: a change elsewhere makes a hundred instructions a record come or go. So its copies are not counted.
const MOVE: &str = "je_large_ralloc";
/// The one argument of this program when it runs under callgrind.
const RUN_PARTS: &str = "run-parts";

fn main() -> ExitCode {
    let inside = std::env::args().any(|argument| argument == RUN_PARTS);
    let done = if inside { run_parts().map(|()| true) } else { compare() };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_parts() -> Result<(), Failure> {
    let material = Material::new(RECORDS)?;
    measured_ingest_line(&material)?;
    let rows = measured_append(&material);
    let segment = measured_write(&material, rows)?;
    measured_verify(&material, segment)
}

#[inline(never)]
fn measured_ingest_line(material: &Material) -> Result<(), Failure> {
    material.ingest_lines()
}

#[inline(never)]
fn measured_append(material: &Material) -> Rows {
    material.append()
}

#[inline(never)]
fn measured_write(material: &Material, rows: Rows) -> Result<Bytes, Failure> {
    material.write(rows)
}

#[inline(never)]
fn measured_verify(material: &Material, segment: Bytes) -> Result<(), Failure> {
    material.verify(segment)
}

/// Instructions per record.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    /// All but SHA-256.
    own: u64,
    /// SHA-256 in its software form.
    #[serde(default)]
    sha256: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    slack_percent: u64,
    parts: BTreeMap<String, Count>,
}

/// Counts, prints, and answers whether the limits hold.
fn compare() -> Result<bool, Failure> {
    let limits: Limits = Figment::from(Toml::file_exact(LIMITS)).extract()?;
    let profiles = count()?;
    println!(
        "instructions per record ({RECORDS} records, callgrind; limit + {} %)\n",
        limits.slack_percent
    );
    println!(
        "{:<12} {:>8} {:>8}   {:>8} {:>8}",
        "part", "own", "limit", "sha256", "limit"
    );
    let mut verdicts = Vec::new();
    for (part, profile) in PARTS.iter().zip(&profiles) {
        let counted = Profile::read(profile)?.per_record();
        let limit = limits
            .parts
            .get(*part)
            .ok_or(format!("no limit for {part} in {LIMITS}"))?;
        println!(
            "{part:<12} {:>8} {:>8}   {:>8} {:>8}",
            counted.own, limit.own, counted.sha256, limit.sha256
        );
        for (what, counted, limit) in [
            ("own", counted.own, limit.own),
            ("sha256", counted.sha256, limit.sha256),
        ] {
            verdicts.extend(
                judge(counted, limit, limits.slack_percent)
                    .map(|(holds, said)| (holds, format!("{part} {what}: {said}"))),
            );
        }
    }
    if let Some(folder) = profiles.first().and_then(|profile| profile.parent()) {
        println!("\nwhere they go: callgrind_annotate {}/PART", folder.display());
    }
    for (_, said) in &verdicts {
        println!("{said}");
    }
    if !has_avx2() {
        println!("not held to the limits: they were set on a processor with AVX2");
        return Ok(true);
    }
    Ok(verdicts.iter().all(|(holds, _)| *holds))
}

/// What there is to say of a count that is far from its limit, and whether the limit holds all the same.
fn judge(counted: u64, limit: u64, slack_percent: u64) -> Option<(bool, String)> {
    if counted.abs_diff(limit) <= SLACK {
        None
    } else if counted * 100 > limit * (100 + slack_percent) {
        Some((false, format!("above its limit: {counted} instead of {limit}")))
    } else if counted * (100 + slack_percent) < limit * 100 {
        Some((
            true,
            format!("far below its limit, which should follow: {counted} instead of {limit}"),
        ))
    } else {
        None
    }
}

fn has_avx2() -> bool {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    processor.split_whitespace().any(|flag| flag == "avx2")
}

/// Runs all parts under callgrind, once for each part, counting in that one; answers a profile a part.
fn count() -> Result<Vec<PathBuf>, Failure> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    fs::create_dir_all(&folder)?;
    let running: Result<Vec<_>, Failure> = PARTS
        .map(|part| start_counting(part, folder.join(part)))
        .into_iter()
        .collect();
    let mut profiles = Vec::new();
    for (profile, process) in running? {
        let output = process.wait_with_output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        profiles.push(profile);
    }
    Ok(profiles)
}

fn start_counting(part: &str, profile: PathBuf) -> Result<(PathBuf, Child), Failure> {
    let process = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*measured_{part}*"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe()?)
        .arg(RUN_PARTS)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind does not start ({error}): apt-get install valgrind, or the like"))?;
    Ok((profile, process))
}

/// A callgrind profile: the cost of each function without that of those it calls.
#[derive(Default)]
struct Profile {
    own: u64,
    sha256: u64,
    /// What copies cost that grow an allocation.
    moved: u64,
}

impl Profile {
    /// Format: <https://valgrind.org/docs/manual/cl-format.html>.
    fn read(path: &Path) -> Result<Profile, Failure> {
        let text = fs::read_to_string(path)?;
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut profile = Profile::default();
        let (mut function, mut called, mut of_call) = ("", "", false);
        for line in text.lines() {
            if let Some((kind, name)) = line.split_once("fn=") {
                let (id, name) = name.split_once(' ').unwrap_or((name, ""));
                if !name.is_empty() {
                    names.insert(id, name);
                }
                let name = names.get(id).copied().unwrap_or_default();
                if kind.is_empty() {
                    function = name;
                } else {
                    called = name;
                }
            } else if line.starts_with("calls=") {
                of_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split(' ').nth(1).map_or(Ok(0), str::parse::<u64>)?;
                match (std::mem::take(&mut of_call), function.contains("sha2")) {
                    (true, _) if function.ends_with(MOVE) && called.contains("memcpy") => profile.moved += cost,
                    (true, _) => {}
                    (false, true) => profile.sha256 += cost,
                    (false, false) => profile.own += cost,
                }
            }
        }
        profile.own = profile.own.saturating_sub(profile.moved);
        Ok(profile)
    }

    fn per_record(&self) -> Count {
        Count {
            own: self.own / RECORDS,
            sha256: self.sha256 / RECORDS,
        }
    }
}
