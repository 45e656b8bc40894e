//! `kivend completions`: a script for a shell, made from the parser's own definition.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Context, Failure, Kivend};
use crate::error::Exit;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend completions bash > ~/.local/share/bash-completion/completions/kivend
  kivend completions zsh > \"${fpath[1]}/_kivend\"
  kivend completions fish > ~/.config/fish/completions/kivend.fish")]
pub struct Args {
    /// For which shell
    shell: Shell,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Kivend::command(), "kivend", &mut script);
    let mut stdout = context.output().stdout();
    context
        .output()
        .written(stdout.write_all(&script).and_then(|()| stdout.flush()))?;
    Ok(Exit::Done)
}
