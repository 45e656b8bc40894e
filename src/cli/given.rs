//! The arguments with what a user has from elsewhere: keys, the origin, and witnesses.

use std::path::PathBuf;

use crate::cli::failure::{Failure, FileError};
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::log::witness::{Policy, WitnessKey};
use crate::task::error::AppError;
use crate::verify::given::Given;

/// Keys, origin and witnesses.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct GivenArgs {
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
    /// The public key of a witness whose cosignatures count; may be repeated
    #[arg(long = "witness", value_name = "VKEY", value_parser = witness_key)]
    witnesses: Vec<WitnessKey>,
    /// How many of the witnesses must have cosigned [default: all]
    #[arg(long, value_name = "K", requires = "witnesses")]
    quorum: Option<usize>,
    /// A file with the witnesses and the quorum (C2SP tlog-policy)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["witnesses", "quorum"])]
    policy: Option<PathBuf>,
    /// The log's origin; with it, cosignatures prove the log without a key
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
}

fn witness_key(text: &str) -> Result<WitnessKey, String> {
    text.parse().map_err(|error| format!("{error}"))
}

impl GivenArgs {
    /// Reads the policy file, and checks the arguments.
    pub fn read(&self) -> Result<Given, Failure> {
        let refused = |error: &dyn std::fmt::Display| AppError::input(error.to_string());
        let policy = match &self.policy {
            Some(file) => {
                let bytes = std::fs::read(file).map_err(|error| FileError::new("read", file, error))?;
                Some(Policy::parse(&bytes).map_err(|error| refused(&error))?)
            }
            None if self.witnesses.is_empty() => None,
            None => {
                let quorum = self.quorum.unwrap_or(self.witnesses.len());
                if quorum == 0 {
                    return Err(AppError::input("--quorum is at least 1").into());
                }
                Some(Policy::of_keys(self.witnesses.clone(), quorum).map_err(|error| refused(&error))?)
            }
        };
        if self.origin.is_some() && policy.is_none() {
            let error = AppError::input("--origin proves nothing without witnesses");
            return Err(error.fix("name witnesses with --witness or --policy").into());
        }
        Ok(Given {
            keys: read_keys("--key", &self.keys)?,
            origin: self.origin.clone(),
            policy,
        })
    }
}
