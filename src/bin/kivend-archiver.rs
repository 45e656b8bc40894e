//! The program `kivend-archiver`. Everything is in the library; here is only the way in.

use std::process::ExitCode;

use kivend::memory;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::ALLOCATOR;

fn main() -> ExitCode {
    kivend::cli::archiver()
}
