//! Registers the segments of an archive as Apache Iceberg tables, with PyIceberg: the programs of `tools/` that do it are part of
//! this one, and run in the Python of the user (docs/decisions/0014 says why not in Rust).

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::error::Exit;
use crate::task::error::AppError;
use crate::task::stop::{Reason, Stop};

/// The program that is run.
const SYNC: &str = "iceberg_sync.py";
/// It and all that it imports of `tools/`.
const PROGRAMS: [(&str, &str); 9] = [
    (SYNC, include_str!("../../tools/iceberg_sync.py")),
    ("iceberg_archive.py", include_str!("../../tools/iceberg_archive.py")),
    ("iceberg_table.py", include_str!("../../tools/iceberg_table.py")),
    ("places.py", include_str!("../../tools/places.py")),
    ("log.py", include_str!("../../tools/log.py")),
    ("kinds.py", include_str!("../../tools/kinds.py")),
    ("keyring.py", include_str!("../../tools/keyring.py")),
    ("notes.py", include_str!("../../tools/notes.py")),
    ("ed25519.py", include_str!("../../tools/ed25519.py")),
];
/// What they import besides. The last one is what PyIceberg needs for SQL catalogs.
const LIBRARIES: &str = "import pyiceberg, pyarrow, cryptography, sqlalchemy";

/// The programs, in a temporary folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Programs(TempDir);

impl Programs {
    /// Writes them, where this Python has the libraries that they need.
    ///
    /// # Errors
    /// The Python does not start or lacks a library, or there is no temporary folder.
    pub fn unpacked_for(python: &Path) -> Result<Programs, AppError> {
        require_libraries(python)?;
        let folder = unpacked().map_err(|error| {
            AppError::input(format!("the programs cannot be written to a temporary folder: {error}"))
                .fix("make room in the temporary folder, or set TMPDIR to another one")
        })?;
        Ok(Programs(folder))
    }

    /// The temporary folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs the program with these arguments. It prints its result and its errors itself. Ctrl-C reaches it too, because it is in
    /// the foreground; another request to stop is passed on to it.
    ///
    /// # Errors
    /// The Python does not start.
    pub async fn sync<'a>(
        &self,
        python: &Path,
        arguments: &[String],
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
        stop: &Stop,
    ) -> Result<Exit, AppError> {
        let mut command = Command::new(python);
        command.arg(self.folder().join(SYNC)).args(arguments).envs(environment);
        let failed = |error: io::Error| not_started(python, &error);
        let mut child = command.spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        let mut waiting = tokio::task::spawn_blocking(move || child.wait());
        let ended = tokio::select! {
            ended = &mut waiting => ended,
            reason = stop.requested() => {
                if reason == Reason::Terminate {
                    // It may have ended in this moment.
                    let _ = kill_process(pid, Signal::TERM);
                }
                waiting.await
            }
        };
        let ended = ended
            .map_err(|error| AppError::internal(error.to_string()))?
            .map_err(failed)?;
        // It may have ended by the signal before this process has seen its own.
        let by_signal = [Signal::INT, Signal::TERM].map(|signal| Some(signal.as_raw()));
        Ok(match ended.code() {
            _ if stop.is_requested() || by_signal.contains(&ended.signal()) => Exit::Interrupted,
            Some(0) => Exit::Done,
            Some(2) => Exit::Usage,
            Some(130) => Exit::Interrupted,
            _ => Exit::Failed,
        })
    }
}

fn require_libraries(python: &Path) -> Result<(), AppError> {
    let asked = Command::new(python)
        .args([OsStr::new("-c"), OsStr::new(LIBRARIES)])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| not_started(python, &error))?;
    if asked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&asked.stderr);
    let why = said.lines().last().unwrap_or("it ended without a message").trim();
    Err(
        AppError::config(format!("{} lacks a library of this command: {why}", python.display())).fix(
            "pip install 'pyiceberg[sql-sqlite]==0.12.0' pyarrow cryptography, or name another Python with --python",
        ),
    )
}

fn not_started(python: &Path, error: &io::Error) -> AppError {
    AppError::config(format!("{} does not start: {error}", python.display()))
        .fix("install Python 3.11 or later, or name it with --python")
}

fn unpacked() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, program) in PROGRAMS {
        std::fs::write(folder.path().join(name), program)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_that_is_imported_is_there() {
        let has = |module: &str| PROGRAMS.iter().any(|(name, _)| *name == format!("{module}.py"));
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
        for (name, program) in PROGRAMS {
            let imported = program
                .lines()
                .filter_map(|line| line.strip_prefix("import ").or_else(|| line.strip_prefix("from ")))
                .filter_map(|rest| rest.split_whitespace().next());
            for module in imported.filter(|module| tools.join(format!("{module}.py")).exists()) {
                assert!(has(module), "{name} imports {module}");
            }
        }
    }

    #[test]
    fn a_python_that_is_not_there_or_lacks_the_libraries_is_named_with_a_remedy() {
        let error = Programs::unpacked_for(Path::new("/no/python")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/no/python does not start: No such file or directory (os error 2)"
        );
        let error = Programs::unpacked_for(Path::new("/bin/false")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/bin/false lacks a library of this command: it ended without a message"
        );
    }
}
