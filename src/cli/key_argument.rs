//! A public key as an argument: the key itself, or the name of a file with it. A private key is refused, and never printed.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use crate::cli::failure::{Failure, FileError};
use crate::cli::output::PRIVATE_KEY;
use crate::error::Kind;
use crate::log::signed_note::VerifyingKey;

/// More than any file with a public key has.
const FILE_MAX_BYTES: u64 = 1 << 16;

/// The text of an argument. It is read once the command runs, because the parser of arguments prints what it refuses.
#[derive(Clone)]
pub struct KeyArgument(String);

impl FromStr for KeyArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<KeyArgument, Infallible> {
        Ok(KeyArgument(text.trim().to_owned()))
    }
}

impl fmt::Debug for KeyArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyArgument")
    }
}

/// The keys of an argument that may be repeated. `argument` is its name, for messages.
pub fn read_keys(argument: &str, keys: &[KeyArgument]) -> Result<Vec<VerifyingKey>, Failure> {
    keys.iter().map(|key| key.read(argument)).collect()
}

impl KeyArgument {
    /// The public key. `argument` is the argument's name, for messages.
    pub fn read(&self, argument: &str) -> Result<VerifyingKey, Failure> {
        if self.0.contains(PRIVATE_KEY) {
            return Err(Failure::new(
                Kind::Config,
                format!("a private key was given, where {argument} takes a public key; it is not shown here"),
                "give the public key, which `kivend keys show` prints, or a file with it; if others can read the history of your shell, replace the key with `kivend keys rotate`",
            ));
        }
        if let Ok(key) = self.0.parse() {
            return Ok(key);
        }
        let file = Path::new(&self.0);
        match File::open(file) {
            Ok(opened) if !file.is_dir() => key_in(file, opened),
            // What has the form of a key may be a damaged private one.
            _ if self.0.contains('+') => Err(Failure::new(
                Kind::Config,
                format!("{argument} is not a public key of the form NAME+ID+KEY: it was cut off or changed"),
                "copy it again, as `kivend keys show` prints it",
            )),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(FileError::new("read", file, error).into())
            }
            _ => Err(Failure::new(
                Kind::Config,
                format!(
                    "{argument} is neither a public key of the form NAME+ID+KEY nor a file: `{}`",
                    self.0
                ),
                "give the public key, which `kivend keys show` prints, or the name of a file with it",
            )),
        }
    }
}

fn key_in(file: &Path, opened: File) -> Result<VerifyingKey, Failure> {
    let mut bytes = Vec::new();
    let read = opened.take(FILE_MAX_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| FileError::new("read", file, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let shown = file.display();
    if text.contains(PRIVATE_KEY) {
        return Err(Failure::new(
            Kind::Config,
            format!("the file `{shown}` holds a private key, where a public key is needed"),
            "give the public key, which `kivend keys show` prints; keep the file where only its owner can read it",
        ));
    }
    text.trim().parse().map_err(|_| {
        Failure::new(
            Kind::Config,
            format!("the file `{shown}` holds no public key of the form NAME+ID+KEY"),
            "write the line that `kivend keys show` prints for the key into the file, and nothing else",
        )
    })
}
