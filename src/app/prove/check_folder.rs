//! Verifies a folder of records offline: the proof, and that the other files hold the records that it proves. The files are
//! untrusted.

use std::fs;
use std::io::{self, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde::Serialize;

use crate::app::export::batch_of;
use crate::audit::bad_file::BadFile;
use crate::audit::file_bounds::check_file;
use crate::audit::rows_only::check_rows_only;
use crate::log::proof::Proof;
use crate::reading::local_file::{open_regular, read_regular};
use crate::record::decode::Encoded;
use crate::verify::findings::{Code, Finding};
use crate::verify::given::Given;
use crate::verify::proof::check;
use crate::verify::proof_report::{ProofReport, Proved};
use crate::verify::retrieval::{LINES, PROOF, ROWS};
use crate::verify::verdict::Verdict;

/// The largest proof file: many times the largest that [`crate::app::prove::prove_selection`] makes.
pub const PROOF_MAX_BYTES: u64 = 1 << 30;
/// The memory for rows that are decoded together.
const BATCH_BYTES: usize = 64 << 20;
const BATCH_ROWS: usize = 1024;
/// The bytes that a file of rows may have beside twice those of the records.
const ROWS_FREE_BYTES: u64 = 64 << 20;

/// The result of verifying a folder.
#[derive(Debug, Clone, Serialize)]
pub struct FolderReport {
    /// That of the proof file, with what is wrong with the other files.
    #[serde(flatten)]
    pub proof: ProofReport,
    /// The files that hold exactly the proved records.
    pub files: Vec<&'static str>,
    /// The files that nothing checks.
    pub not_checked: Vec<String>,
}

/// Why a folder is not verified.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or its proof cannot be read.
    #[error("cannot read the folder")]
    Unread(#[source] io::Error),
    /// Its proof is of another type.
    #[error("the proof in the folder is not one of many records")]
    OtherType,
}

/// Verifies a folder by what the user has from elsewhere; nothing means trust on first use.
///
/// # Errors
/// [`FolderError`] if it is no such folder.
pub fn check_folder(folder: &Path, given: &Given) -> Result<FolderReport, FolderError> {
    let file = read_regular(&folder.join(PROOF), PROOF_MAX_BYTES).map_err(FolderError::Unread)?;
    let mut report = FolderReport {
        proof: check(&file, given),
        files: Vec::new(),
        not_checked: others(folder).map_err(FolderError::Unread)?,
    };
    match &report.proof.proved {
        Some(Proved::Records(_)) => {}
        Some(_) => return Err(FolderError::OtherType),
        None => return Ok(report),
    }
    let records = records(&file);
    for (name, compared) in [
        (LINES, compare_lines(folder, &records)),
        (ROWS, compare_rows(folder, &records)),
    ] {
        match compared {
            Ok(()) => report.files.push(name),
            Err(why) => {
                let finding = Finding::new(Code::ProofFolderDiffers, format!("{name}: {why}"));
                report.proof.findings.push(finding);
                report.proof.verdict = Verdict::Tampered;
            }
        }
    }
    Ok(report)
}

/// The files of the folder that are not compared.
fn others(folder: &Path) -> io::Result<Vec<String>> {
    let mut others = Vec::new();
    for file in fs::read_dir(folder)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if ![PROOF, LINES, ROWS].contains(&name.as_str()) {
            others.push(name);
        }
    }
    others.sort_unstable();
    Ok(others)
}

/// The encodings of the records of an intact proof.
fn records(file: &[u8]) -> Vec<Vec<u8>> {
    let Ok(Proof::Records(proof)) = Proof::from_bytes(file) else {
        return Vec::new();
    };
    let links = proof.partitions.iter().flat_map(|partition| &partition.links);
    links
        .flat_map(|link| &link.records)
        .filter_map(|record| BASE64.decode(record).ok())
        .collect()
}

fn read(records: &[Vec<u8>]) -> impl Iterator<Item = Encoded<'_>> {
    records.iter().filter_map(|encoding| Encoded::read(encoding).ok())
}

fn compare_lines(folder: &Path, records: &[Vec<u8>]) -> Result<(), String> {
    let unread = |error: io::Error| error.to_string();
    let mut file = BufReader::new(open_regular(&folder.join(LINES)).map_err(unread)?);
    let mut found = Vec::new();
    for (encoded, number) in read(records)
        .filter(|encoded| encoded.record().value.is_some_and(|value| !value.is_empty()))
        .zip(1..)
    {
        let record = encoded.record();
        let value = record.value.unwrap_or_default();
        found.resize(value.len() + 1, 0);
        let whole = match file.read_exact(&mut found) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error.to_string()),
        };
        if !whole || found.split_last() != Some((&b'\n', value)) {
            return Err(format!(
                "value {number} is not that of {} offset {}",
                encoded.partition, record.offset
            ));
        }
    }
    match file.read(&mut [0]).map_err(unread)? {
        0 => Ok(()),
        _ => Err("it has more than the proved records".to_owned()),
    }
}

fn compare_rows(folder: &Path, records: &[Vec<u8>]) -> Result<(), String> {
    let unread = |error: io::Error| error.to_string();
    let expected: u64 = records.iter().map(|record| record.len() as u64).sum();
    let limit = expected.saturating_mul(2).saturating_add(ROWS_FREE_BYTES);
    let bytes = read_regular(&folder.join(ROWS), limit).map_err(unread)?;
    // The Parquet library has panicked on hostile files before. Nothing that is used later is changed here.
    catch_unwind(AssertUnwindSafe(|| compare_batches(Bytes::from(bytes), records)))
        .unwrap_or_else(|_| Err("the Parquet reader panicked".to_owned()))
}

fn compare_batches(file: Bytes, records: &[Vec<u8>]) -> Result<(), String> {
    let unread = |error: &dyn std::fmt::Display| format!("it cannot be read: {error}");
    let largest = check_file(&file).map_err(|BadFile(why)| unread(&why))?;
    let rows = (BATCH_BYTES / largest.max(1)).clamp(1, BATCH_ROWS);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader =
        ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).map_err(|error| unread(&error))?;
    let batches = reader.with_batch_size(rows).build().map_err(|error| unread(&error))?;
    let mut at = 0;
    for batch in batches {
        let batch = batch.map_err(|error| unread(&error))?;
        let end = at + batch.num_rows();
        let Some(records) = records.get(at..end) else {
            return Err("it has more rows than the proved records".to_owned());
        };
        let records: Vec<Encoded<'_>> = read(records).collect();
        let expected = batch_of(records.iter().map(|encoded| (&encoded.partition, encoded.record())));
        let expected = expected.map_err(|error| error.to_string())?;
        if batch.schema().fields() != expected.schema().fields() {
            return Err("it has other columns than those of the records".to_owned());
        }
        if batch.columns() != expected.columns() {
            let differs = |row: &usize| batch.slice(*row, 1).columns() != expected.slice(*row, 1).columns();
            let row = (0..batch.num_rows()).find(differs).unwrap_or_default();
            let place = records.get(row).map_or(String::new(), |record| {
                format!(" of {} offset {}", record.partition, record.record().offset)
            });
            return Err(format!("row {} is not the record{place}", at + row + 1));
        }
        at = end;
    }
    match at == records.len() {
        true => check_rows_only(&file, at as u64).map_err(|BadFile(why)| why),
        false => Err(format!("it has {at} rows, and {} records are proved", records.len())),
    }
}
