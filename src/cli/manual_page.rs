//! One manual page: what the definition of a command says, and what holds for all commands.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done, or intact."),
    ("1", "Failed; the reason is on stderr."),
    ("2", "Wrong usage, or settings or a key that cannot be used."),
    (
        "10",
        "Tampered (verify, verify-proof), altered (audit), or restored records differ (drill).",
    ),
    ("11", "Incomplete: something is missing."),
    ("12", "Unverifiable: a part could not be read."),
    ("130", "Interrupted."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("KIVEND_CONFIG", "The settings file, as --config."),
    (
        "KIVEND_…",
        "Every setting, with __ for each dot: KIVEND_STORE__BUCKET is store.bucket. An option takes precedence.",
    ),
    (
        "KIVEND_LOG",
        "What is logged, such as warn,kivend=debug; takes precedence over -v and -q.",
    ),
    ("KIVEND_LOG_FORMAT", "text or json, as --log-format."),
    ("KIVEND_PKCS11_PIN", "The PIN of the token with the signing key."),
    (
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE",
        "Credentials of the store, as for other programs that use S3.",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "./config/kivend.toml, else $XDG_CONFIG_HOME/kivend/kivend.toml",
        "The settings, where --config and KIVEND_CONFIG name no other file.",
    ),
    (
        "$XDG_CONFIG_HOME/kivend/<archive>.key",
        "The signing key, unless archive.key_file names another file. Only its owner may read it.",
    ),
];

/// The page of a command, by its name such as `kivend-config-show`. `others` are the pages that it refers to.
pub fn page(command: &Command, name: &str, others: &[String]) -> io::Result<Vec<u8>> {
    // Without this the page leaves out the text of options that the short help hides.
    let command = command.clone().mut_args(|argument| argument.hide_short_help(false));
    let man = Man::new(command.clone()).title(name).manual("kivend");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(&command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = after.split_once("Examples:\n").unwrap_or((&after, ""));
    paragraphs(notes).to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for (title, terms) in [
        ("EXIT STATUS", EXIT_STATUS),
        ("ENVIRONMENT", ENVIRONMENT),
        ("FILES", FILES),
    ] {
        listed(title, terms).to_writer(&mut page)?;
    }
    example_lines(examples).to_writer(&mut page)?;
    references(others).to_writer(&mut page)?;
    Ok(page)
}

/// The usage of the help. That of the library has every option, without its value.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let arguments = usage.strip_prefix(name).unwrap_or(usage);
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(name), roman(arguments)]);
    roff
}

/// A line that ends a sentence ends a paragraph; others are broken only to fit the help.
fn paragraphs(notes: &str) -> Roff {
    let (mut roff, mut begins) = (Roff::new(), true);
    for line in notes.lines().filter(|line| !line.is_empty()) {
        if begins {
            roff.control("PP", []);
        }
        roff.text([roman(line)]);
        begins = line.ends_with('.');
    }
    roff
}

fn listed(title: &str, terms: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
    roff
}

fn example_lines(examples: &str) -> Roff {
    let mut roff = Roff::new();
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        // Lines are kept as they are.
        roff.control("nf", []);
        for line in examples.lines() {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
    }
    roff
}

fn references(others: &[String]) -> Roff {
    let mut line: Vec<Inline> = Vec::new();
    for other in others {
        line.extend([bold(other), roman("(1), ")]);
    }
    line.extend([
        roman("the documents in "),
        italic("/usr/share/doc/kivend/docs"),
        roman(" where the package is installed"),
    ]);
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text(line);
    roff
}
