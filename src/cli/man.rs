//! `kivend man`: manual pages, generated from the definition of the command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueHint;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::manual_page::page;
use crate::error::{Exit, Kind};

/// Print the manual page of kivend, of a command, or of kivend-archiver
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend man | man -l -
  kivend man config show | man -l -
  kivend man kivend-archiver | man -l -
  kivend man --dir ~/.local/share/man/man1")]
pub struct Args {
    /// The command, such as `config show`, or kivend-archiver; default: kivend itself
    #[arg(conflicts_with = "dir")]
    command: Vec<String>,
    /// Write the pages of all commands and of kivend-archiver into DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Prints or writes pages. `root` and `daemon` are the definitions of both programs.
pub fn run(args: &Args, root: clap::Command, mut daemon: clap::Command, context: &Context) -> Result<Exit, Failure> {
    let mut root = without_help(root);
    root.build();
    daemon.build();
    if let Some(dir) = &args.dir {
        write_all(&root, dir)?;
        write_all(&daemon, dir)?;
        return Ok(Exit::Done);
    }
    let command = match &args.command[..] {
        [name] if name == daemon.get_name() => Some(&daemon),
        names => names
            .iter()
            .try_fold(&root, |command, name| command.find_subcommand(name)),
    };
    let Some(command) = command else {
        let name = args.command.join(" ");
        return Err(Failure::new(
            Kind::Config,
            format!("no such command: `{name}`"),
            "run `kivend --help` for a list of commands",
        ));
    };
    let output = context.output();
    let mut stdout = output.stdout();
    output.written(
        page(command, &file_stem(command), &others(command))
            .and_then(|page| stdout.write_all(&page))
            .and_then(|()| stdout.flush()),
    )?;
    Ok(Exit::Done)
}

fn write_all(command: &clap::Command, dir: &Path) -> Result<(), FileError> {
    let file = dir.join(format!("{}.1", file_stem(command)));
    std::fs::create_dir_all(dir).map_err(|error| FileError::new("create", dir, error))?;
    page(command, &file_stem(command), &others(command))
        .and_then(|page| std::fs::write(&file, page))
        .map_err(|error| FileError::new("write", &file, error))?;
    command.get_subcommands().try_for_each(|sub| write_all(sub, dir))
}

/// The command `help` has no page.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// The name of the page's file, such as `kivend-config-show`.
fn file_stem(command: &clap::Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-")
}

/// The pages that a page refers to: both programs, and the command that it belongs to.
fn others(command: &clap::Command) -> Vec<String> {
    let own = file_stem(command);
    let parent = own.rsplit_once('-').map_or("kivend", |(parent, _)| parent);
    // `kivend-verify-proof` belongs to no command `verify`: names of commands have dashes, too.
    let is_nested = command.get_bin_name().is_some_and(|name| name.split(' ').count() > 2);
    let parent = is_nested.then(|| parent.to_owned());
    let programs = ["kivend", "kivend-archiver"].map(str::to_owned);
    programs.into_iter().chain(parent).filter(|name| *name != own).collect()
}
