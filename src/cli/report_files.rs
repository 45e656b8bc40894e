//! The files that a report is written to.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::browser::Browser;
use crate::cli::failure::Failure;
use crate::cli::output_file::OutputFile;
use crate::task::error::AppError;
use crate::verify::html;
use crate::verify::report::Report;

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
}

/// What the files need, found before a verification that may take hours.
#[derive(Debug)]
pub struct ReportFiles<'a> {
    args: &'a ReportFilesArgs,
    browser: Option<Browser>,
}

impl ReportFilesArgs {
    /// Finds what the files need.
    ///
    /// # Errors
    /// `Config` if there is no browser for the PDF.
    pub fn prepare(&self) -> Result<ReportFiles<'_>, Failure> {
        let browser = self.pdf.as_ref().map(|_| Browser::find()).transpose()?;
        Ok(ReportFiles { args: self, browser })
    }
}

impl ReportFiles<'_> {
    /// Writes the files.
    ///
    /// # Errors
    /// One of them cannot be written.
    pub fn write(&self, report: &Report) -> Result<(), Failure> {
        if let Some(file) = &self.args.json {
            OutputFile::replace(file, json(report)?.as_bytes())?;
        }
        if self.args.html.is_none() && self.args.pdf.is_none() {
            return Ok(());
        }
        let page = html::render(report);
        if let Some(file) = &self.args.html {
            OutputFile::replace(file, page.as_bytes())?;
        }
        if let (Some(file), Some(browser)) = (&self.args.pdf, &self.browser) {
            browser.print(&page, file)?;
        }
        Ok(())
    }
}

/// The report as `--format json` prints it.
fn json(report: &Report) -> Result<String, Failure> {
    let text = serde_json::to_string(report).map_err(|error| AppError::internal(error.to_string()))?;
    Ok(text + "\n")
}
