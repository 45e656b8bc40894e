//! The program `kivend`. The library does everything.

use std::process::ExitCode;

use kivend::memory;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::ALLOCATOR;

fn main() -> ExitCode {
    kivend::cli::kivend()
}
