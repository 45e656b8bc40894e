//! Prints a page as PDF with Chromium, where it is installed.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::failure::{Failure, FileError};
use crate::cli::interrupt;
use crate::cli::output_file::OutputFile;
use crate::error::Kind;

/// The variable that names the browser.
const VARIABLE: &str = "CHROMIUM";
/// The programs that are looked for otherwise, in this order.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Characters of the browser's last words that an error shows.
const SHOWN_CHARS: usize = 300;

/// A Chromium that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    program: PathBuf,
}

impl Browser {
    /// Looks for it.
    ///
    /// # Errors
    /// `Config` if there is none, with what to install.
    pub fn find() -> Result<Browser, Failure> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os(VARIABLE).filter(|named| !named.is_empty());
        Browser::find_in(&path, named.as_deref())
    }

    fn find_in(path: &OsStr, named: Option<&OsStr>) -> Result<Browser, Failure> {
        let in_path = |name: &OsStr| {
            // A name with a folder is taken as it is.
            let mut places = std::env::split_paths(path).map(|folder| folder.join(name));
            places.find(|program| is_program(program))
        };
        let found = match named {
            Some(named) => in_path(named),
            None => NAMES.iter().find_map(|name| in_path(OsStr::new(name))),
        };
        let what = match named {
            Some(named) => format!(
                "--pdf needs Chromium, and `{}`, which the variable CHROMIUM names, is none",
                named.display()
            ),
            None => format!(
                "--pdf needs Chromium, and none of {} is in the folders of PATH",
                NAMES.join(", ")
            ),
        };
        found.map(|program| Browser { program }).ok_or_else(|| {
            Failure::new(
                Kind::Config,
                what,
                "install it (`apt-get install chromium`) or set CHROMIUM to the program's path; or write --html, and print that page from a browser",
            )
        })
    }

    /// Prints a page to this file.
    ///
    /// # Errors
    /// The browser fails, or the file cannot be written.
    pub fn print(&self, page: &str, file: &Path) -> Result<(), Failure> {
        let work = WorkFolder::beside(file)?;
        let (html, pdf) = (work.0.join("report.html"), work.0.join("report.pdf"));
        fs::write(&html, page).map_err(|error| FileError::new("write", &html, error))?;
        let mut command = Command::new(&self.program);
        command
            .args([
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--no-pdf-header-footer",
            ])
            .arg(with_path("--user-data-dir=", &work.0.join("profile")))
            .arg(with_path("--print-to-pdf=", &pdf));
        if rustix::process::geteuid().is_root() {
            // Chromium refuses to run as root in its sandbox. The page has no scripts, and its policy loads nothing.
            command.arg("--no-sandbox");
        }
        command
            .arg(file_url(&html))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let failed = |error| FileError::new("run", &self.program, error);
        let browser = interrupt::start_writer(&work.0, &mut command).map_err(failed)?;
        let ended = browser.wait_with_output();
        interrupt::writer_ended(&work.0);
        let output = ended.map_err(failed)?;
        match fs::read(&pdf) {
            Ok(printed) if printed.starts_with(b"%PDF-") => OutputFile::replace(file, &printed),
            _ => Err(self.failed(&output.stderr)),
        }
    }

    fn failed(&self, stderr: &[u8]) -> Failure {
        let said = String::from_utf8_lossy(stderr);
        let last: String = said
            .lines()
            .last()
            .unwrap_or_default()
            .chars()
            .take(SHOWN_CHARS)
            .collect();
        Failure::new(
            Kind::Input,
            format!("Chromium (`{}`) printed no PDF: {last}", self.program.display()),
            "run it by hand to see why, or set CHROMIUM to another one; --html writes the same report",
        )
    }
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// The URL of a file. What has a meaning in a URL, such as `#` in the name of a folder, would lead to another page.
fn file_url(place: &Path) -> String {
    let encoded = place.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("file://{}", encoded.collect::<String>())
}

fn with_path(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}

/// A folder for the browser's files, beside the result: a confined browser may read the user's folders and not `/tmp`.
struct WorkFolder(PathBuf);

impl WorkFolder {
    fn beside(file: &Path) -> Result<WorkFolder, Failure> {
        let parent = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parent = fs::canonicalize(parent).map_err(|error| FileError::new("create", file, error))?;
        let folder = parent.join(format!(".kivend-pdf.{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| FileError::new("create", &folder, error))?;
        interrupt::remove_folder_on_interrupt(&folder);
        Ok(WorkFolder(folder))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What is left over is hidden and harmless.
        drop(fs::remove_dir_all(&self.0));
        interrupt::forget(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, name: &str, script: &str) {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_place_with_signs_of_urls_is_one_url() {
        assert_eq!(
            file_url(Path::new("/a/50% #1 ä?b/r-1.html")),
            "file:///a/50%25%20%231%20%C3%A4%3Fb/r-1.html"
        );
    }

    #[test]
    fn the_browser_is_the_one_that_is_named_or_the_first_in_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().as_os_str();
        let missing = format!("{:?}", Browser::find_in(path, None).unwrap_err());
        assert!(
            missing.contains("none of chromium, chromium-browser, google-chrome"),
            "{missing}"
        );
        fs::write(folder.path().join("chromium"), "not a program").unwrap();
        program(folder.path(), "google-chrome", "");
        let found = Browser::find_in(path, None).unwrap();
        assert_eq!(found.program, folder.path().join("google-chrome"));
        let named = folder.path().join("other");
        assert!(Browser::find_in(path, Some(named.as_os_str())).is_err());
        program(folder.path(), "other", "");
        let found = Browser::find_in(OsStr::new("/nowhere"), Some(named.as_os_str())).unwrap();
        assert_eq!(found.program, named);
    }

    #[test]
    fn a_browser_that_prints_nothing_is_an_error_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "chromium", "echo no display >&2; exit 3");
        let browser = Browser::find_in(folder.path().as_os_str(), None).unwrap();
        let file = folder.path().join("r.pdf");
        let failed = format!("{:?}", browser.print("<p>", &file).unwrap_err());
        assert!(
            failed.contains("printed no PDF") && failed.contains("no display"),
            "{failed}"
        );
        // Neither a file nor a folder is left.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
