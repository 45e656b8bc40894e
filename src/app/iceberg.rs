//! Registers the segments of an archive as Apache Iceberg tables, with PyIceberg: the programs of `tools/` that do it are part of
//! this one, and run in the Python of the user (docs/decisions/0014 says why not in Rust).

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::error::Exit;
use crate::task::error::AppError;

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

/// Runs the program with these arguments, in this Python. It prints its result and its errors itself.
///
/// # Errors
/// The Python does not start or lacks a library, or there is no temporary folder.
pub fn sync<'a>(
    python: &Path,
    arguments: &[String],
    environment: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Exit, AppError> {
    require_libraries(python)?;
    let folder = unpacked().map_err(|error| {
        AppError::input(format!("the programs cannot be written to a temporary folder: {error}"))
            .fix("make room in the temporary folder, or set TMPDIR to another one")
    })?;
    let mut command = Command::new(python);
    command.arg(folder.path().join(SYNC)).args(arguments).envs(environment);
    let ended = command.status().map_err(|error| not_started(python, &error))?;
    Ok(match ended.code() {
        Some(0) => Exit::Done,
        Some(2) => Exit::Usage,
        Some(130) => Exit::Interrupted,
        _ => Exit::Failed,
    })
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
        let error = sync(Path::new("/no/python"), &[], []).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/no/python does not start: No such file or directory (os error 2)"
        );
        let error = sync(Path::new("/bin/false"), &[], []).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/bin/false lacks a library of this command: it ended without a message"
        );
    }
}
