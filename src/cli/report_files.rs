//! The files that a report is written to, and the signed note over them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;

use crate::cli::browser::Browser;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::output::json;
use crate::cli::output_file::OutputFile;
use crate::error::Kind;
use crate::log::checkpoint::CheckpointRef;
use crate::log::signed_report::{FileKind, SignedFile, SignedReport, TYPE, is_file_name};
use crate::log::signer::Signer;
use crate::record::hash::Hash;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;
use crate::verify::html;
use crate::verify::report::Report;
use crate::writing::key_file;
use crate::writing::key_source::KeySource;

/// The name of the archive's key where the archive has none that could be read.
const UNNAMED: &str = "kivend";

/// The options that write files or sign them: a repetition leaves them out.
pub const OPTIONS: [&str; 5] = ["--html", "--pdf", "--json", "--sign", "--sign-key"];

/// The options that name them.
#[derive(Debug, clap::Args)]
pub struct ReportFilesArgs {
    /// Write the report as an HTML page
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Write the HTML page as PDF, with Chromium if it is installed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pdf: Option<PathBuf>,
    /// Write the report as JSON, as --format json prints it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,
    /// Sign the files of --json, --html, --pdf; verify-report checks them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    sign: Option<PathBuf>,
    /// Sign with the private key in this file instead of the archive's signing key
    #[arg(long, value_name = "KEYFILE", requires = "sign", hide_short_help = true, value_hint = ValueHint::FilePath)]
    sign_key: Option<PathBuf>,
}

/// What the files need, found before a verification that may take hours.
#[derive(Debug)]
pub struct ReportFiles<'a> {
    args: &'a ReportFilesArgs,
    browser: Option<Browser>,
    key: Option<SigningWith>,
}

/// The key that signs.
#[derive(Debug)]
enum SigningWith {
    /// The archive's, which takes the name of the archive.
    Archive(KeySource),
    /// Another one, under its own name.
    Own(Arc<dyn Signer>),
}

impl ReportFilesArgs {
    /// Finds what the files need.
    ///
    /// # Errors
    /// `Config` if there is no browser for the PDF, or nothing to sign; else why the signing key cannot be read.
    pub fn prepare(&self, context: &Context) -> Result<ReportFiles<'_>, Failure> {
        let browser = self.pdf.as_ref().map(|_| Browser::find()).transpose()?;
        let key = match (&self.sign, &self.sign_key) {
            (None, _) => None,
            (Some(note), own) => {
                self.check_places(note)?;
                Some(signing_with(own.as_deref(), context)?)
            }
        };
        Ok(ReportFiles {
            args: self,
            browser,
            key,
        })
    }

    fn named(&self) -> [(FileKind, Option<&PathBuf>); 3] {
        [
            (FileKind::Json, self.json.as_ref()),
            (FileKind::Html, self.html.as_ref()),
            (FileKind::Pdf, self.pdf.as_ref()),
        ]
    }

    /// The signed files are found by their names beside the note.
    fn check_places(&self, note: &Path) -> Result<(), Failure> {
        let named: Vec<&PathBuf> = self.named().into_iter().filter_map(|(_, file)| file).collect();
        if named.is_empty() {
            return Err(Failure::new(
                Kind::Config,
                "--sign has nothing to sign",
                "name files with --json, --html or --pdf too",
            ));
        }
        let is_beside =
            |file: &PathBuf| file.parent() == note.parent() && file.as_path() != note && name_of(file).is_some();
        match named.into_iter().find(|file| !is_beside(file)) {
            None => Ok(()),
            Some(file) => Err(Failure::new(
                Kind::Config,
                format!(
                    "a signed report names files in its own folder: `{}` is not in the folder of `{}`",
                    file.display(),
                    note.display()
                ),
                "write --json, --html, --pdf and --sign to one folder, each to a file of its own",
            )),
        }
    }
}

fn name_of(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    is_file_name(name).then(|| name.to_owned())
}

fn signing_with(own: Option<&Path>, context: &Context) -> Result<SigningWith, Failure> {
    if let Some(file) = own {
        return Ok(SigningWith::Own(Arc::new(key_file::read(file)?)));
    }
    let source = KeySource::from(&context.settings()?.archive);
    source.read(UNNAMED)?;
    Ok(SigningWith::Archive(source))
}

impl ReportFiles<'_> {
    /// The name of the file with the signed form, if one is written.
    pub fn note(&self) -> Option<String> {
        name_of(self.args.sign.as_ref()?)
    }

    /// Writes the files, and then the note over them.
    ///
    /// # Errors
    /// One of them cannot be written, or the key refuses to sign.
    pub fn write(&self, report: &Report) -> Result<(), Failure> {
        if let Some(file) = &self.args.json {
            OutputFile::replace(file, format!("{}\n", json(report)?).as_bytes())?;
        }
        if self.args.html.is_some() || self.args.pdf.is_some() {
            self.write_page(report)?;
        }
        match (&self.args.sign, &self.key) {
            (Some(note), Some(key)) => self.sign(report, note, key),
            _ => Ok(()),
        }
    }

    fn write_page(&self, report: &Report) -> Result<(), Failure> {
        let page = html::render(report);
        if let Some(file) = &self.args.html {
            OutputFile::replace(file, page.as_bytes())?;
        }
        if let (Some(file), Some(browser)) = (&self.args.pdf, &self.browser) {
            browser.print(&page, file)?;
        }
        Ok(())
    }

    fn sign(&self, report: &Report, place: &Path, key: &SigningWith) -> Result<(), Failure> {
        let mut files = Vec::new();
        for (kind, file) in self.args.named() {
            if let Some((file, name)) = file.and_then(|file| Some((file, name_of(file)?))) {
                let content = fs::read(file).map_err(|error| FileError::new("read", file, error))?;
                files.push(SignedFile::of(kind, name, &content));
            }
        }
        let signed = content(report, files);
        if let Some(rule) = signed.broken_rule() {
            return Err(AppError::input(format!("the report cannot be signed: {rule}")).into());
        }
        let signer = match key {
            SigningWith::Own(signer) => Arc::clone(signer),
            SigningWith::Archive(source) => source.read(signed.origin.as_deref().unwrap_or(UNNAMED))?,
        };
        let text = signed
            .to_text()
            .map_err(|error| AppError::internal(error.to_string()))?;
        let note = signer.sign(text).map_err(AppError::from)?;
        OutputFile::replace(place, &note.to_bytes())
    }
}

fn content(report: &Report, files: Vec<SignedFile>) -> SignedReport {
    let (archive, log) = (&report.archive, &report.checkpoints);
    let hash = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Hash>().ok());
    let checkpoint = log.newest.zip(hash(&log.newest_root));
    let at = |time: Option<UtcSeconds>| time.unwrap_or(UtcSeconds::from_unix(0));
    SignedReport {
        r#type: TYPE.to_owned(),
        archive_id: archive.id.clone(),
        archive_sha256: hash(&archive.sha256),
        origin: archive.origin.clone(),
        checkpoint: checkpoint.map(|(number, root)| CheckpointRef { number, root }),
        software: report.run.software.clone(),
        began_at: at(report.run.began_at),
        ended_at: at(report.run.ended_at),
        verdict: report.verdict.to_string(),
        summary: report.summary.clone(),
        files,
    }
}
