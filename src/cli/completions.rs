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
  kivend completions bash --program kivend-archiver > ~/.local/share/bash-completion/completions/kivend-archiver
  kivend completions zsh > \"${fpath[1]}/_kivend\"
  kivend completions fish > ~/.config/fish/completions/kivend.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
    /// The program whose arguments are completed
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "kivend|kivend-archiver",
        hide_possible_values = true
    )]
    program: Program,
}

/// The programs of the package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// The commands.
    #[default]
    Kivend,
    /// The daemon.
    KivendArchiver,
}

/// Prints the script. `root` and `daemon` are the definitions of both programs.
pub fn run(args: &Args, root: clap::Command, daemon: clap::Command, context: &Context) -> Result<Exit, Failure> {
    let mut program = match args.program {
        Program::Kivend => root,
        Program::KivendArchiver => daemon,
    };
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    let mut stdout = context.output().stdout();
    context
        .output()
        .written(stdout.write_all(&script).and_then(|()| stdout.flush()))?;
    Ok(Exit::Done)
}
