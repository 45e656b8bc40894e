//! The program `kivend-archiver`. Everything is in the library; here is only the way in.

use std::process::ExitCode;

fn main() -> ExitCode {
    kivend::cli::archiver()
}
