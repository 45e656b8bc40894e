//! `kivend completions`: a completion script for a shell, generated from the definition of the command line.

use std::io::Write;

use clap_complete::Shell;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::error::Exit;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend completions bash > ~/.local/share/bash-completion/completions/kivend
  kivend completions zsh > \"${fpath[1]}/_kivend\"
  kivend completions fish > ~/.config/fish/completions/kivend.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script. `program` is the definition of the whole command line.
pub fn run(args: &Args, mut program: clap::Command, context: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "kivend", &mut script);
    let mut stdout = context.output().stdout();
    context
        .output()
        .written(stdout.write_all(&script).and_then(|()| stdout.flush()))?;
    Ok(Exit::Done)
}
