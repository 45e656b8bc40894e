//! docs/COMMANDS.md is what the definitions of both programs say. `KIVEND_UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use kivend::cli::{Archiver, Kivend};

const BEGIN: &str = "<!-- commands: made by tests/commands.rs -->\n";
const END: &str = "<!-- end of commands -->\n";

/// The reference of both programs: the options that all commands share come last.
fn reference() -> String {
    let (mut kivend, mut archiver) = (Kivend::command(), Archiver::command());
    kivend.build();
    archiver.build();
    let mut text = String::new();
    kivend
        .get_subcommands()
        .for_each(|command| describe(command, &mut text));
    describe(&archiver, &mut text);
    text.push_str("## Global options\n\nBefore or after every command, and of `kivend-archiver`.\n\n");
    table(kivend.get_arguments().filter(|argument| is_global(argument)), &mut text);
    text
}

/// A command without commands of its own, or those of it.
fn describe(command: &Command, text: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        return command.get_subcommands().for_each(|sub| describe(sub, text));
    }
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(text, "## {name}\n\n{about}.\n\n```text\n{usage}\n```\n").unwrap();
    table(command.get_arguments().filter(|argument| !is_global(argument)), text);
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = after.split_once("Examples:\n").unwrap_or((&after, ""));
    if !notes.trim().is_empty() {
        writeln!(text, "{}\n", escaped(notes.trim())).unwrap();
    }
    if !examples.is_empty() {
        let lines: Vec<&str> = examples
            .lines()
            .map(|line| line.strip_prefix("  ").unwrap_or(line))
            .collect();
        writeln!(text, "```sh\n{}\n```\n", lines.join("\n")).unwrap();
    }
}

fn is_global(argument: &Arg) -> bool {
    argument.get_help_heading() == Some("Global options")
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>, text: &mut String) {
    let shown = |argument: &&Arg| !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str());
    let rows: Vec<String> = arguments.filter(shown).map(row).collect();
    if !rows.is_empty() {
        writeln!(text, "| option | meaning |\n|---|---|\n{}\n", rows.join("\n")).unwrap();
    }
}

fn row(argument: &Arg) -> String {
    let mut meaning = escaped(&argument.get_help().map(ToString::to_string).unwrap_or_default());
    if !argument.is_hide_possible_values_set() {
        let values = argument.get_possible_values();
        let explained = values
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}`: {help}", value.get_name()),
                None => format!("`{}`", value.get_name()),
            });
        let explained: Vec<String> = explained.collect();
        // A flag has the values true and false, which nobody writes.
        if !explained.is_empty() && argument.get_action().takes_values() {
            write!(meaning, " ({})", escaped(&explained.join("; "))).unwrap();
        }
    }
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !defaults.is_empty() && !argument.is_hide_default_value_set() && argument.get_action().takes_values() {
        write!(meaning, " [default: {}]", defaults.join(",")).unwrap();
    }
    let shown = argument.to_string().replace('|', "\\|");
    let short = argument.get_short().filter(|_| argument.get_long().is_some());
    let short = short.map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("| {short}`{shown}` | {meaning} |")
}

/// Text of a help in Markdown: a bar would end a cell, and what stands in angle brackets would be taken for HTML.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[test]
fn docs_commands_has_every_command_as_the_programs_define_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/COMMANDS.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the reference's beginning");
    let (written, after) = rest.split_once(END).expect("the reference's end");
    let reference = reference();
    if std::env::var_os("KIVEND_UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{reference}{END}{after}")).unwrap();
    } else {
        assert!(
            written == reference,
            "docs/COMMANDS.md is not what the programs define: KIVEND_UPDATE_DOCS=1 cargo test --release docs_commands\n{reference}"
        );
    }
}
