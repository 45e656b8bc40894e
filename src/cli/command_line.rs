//! The command line of this process, for reports: as a shell takes it, and with secrets removed.

use crate::cli::output::PRIVATE_KEY;
use crate::config::is_secret;
use crate::verify::text::shell_quoted;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// The command line, the program by its name alone.
#[must_use]
pub fn shown() -> String {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    of(std::iter::once(name).chain(arguments))
}

/// The same without these options and their values, and with the text of the given keys instead of files: to be run again.
pub(super) fn shown_without(options: &[&str], keys: &[String]) -> String {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let kept = without_options(arguments, options);
    let keys = keys.iter().flat_map(|key| ["--key".to_owned(), key.clone()]);
    of(std::iter::once(name).chain(kept).chain(keys))
}

/// Arguments without these options, each with its value: `--html FILE` or `--html=FILE`.
fn without_options(arguments: impl Iterator<Item = String>, options: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut is_value = false;
    for argument in arguments {
        if std::mem::take(&mut is_value) {
            continue;
        }
        let name = argument.split_once('=').map_or(&*argument, |(name, _)| name);
        if options.contains(&name) {
            is_value = name == argument;
        } else {
            kept.push(argument);
        }
    }
    kept
}

/// The program as this process was called, for commands that the user is to type next.
pub(super) fn program() -> String {
    let program = std::env::args_os().next();
    program.map_or("kivend".to_owned(), |program| quoted(&program.to_string_lossy()))
}

fn of(arguments: impl Iterator<Item = String>) -> String {
    let shown: Vec<String> = arguments.map(|argument| quoted(&without_secrets(argument))).collect();
    shown.join(" ")
}

/// An argument without a private key, the value of a secret setting, or the user and password of a URL.
fn without_secrets(argument: String) -> String {
    if argument.contains(PRIVATE_KEY) {
        return HIDDEN.to_owned();
    }
    let assigned = argument.strip_prefix("--set=").unwrap_or(&argument);
    if let Some((key, value)) = assigned.split_once('=')
        && (is_secret(key) || holds_secret(value))
    {
        let option = &argument[..argument.len() - assigned.len()];
        return format!("{option}{key}={HIDDEN}");
    }
    let Some((scheme, rest)) = argument.split_once("://") else {
        return argument;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://{HIDDEN}{}", &rest[user.len()..]),
        None => argument,
    }
}

/// Whether the value is a table or a list with a member that is secret in some table.
fn holds_secret(value: &str) -> bool {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let mut words = value.split(|character| !is_name(character));
    let is_member = |word: &str| is_secret(word) || is_secret(&format!("archive.{word}"));
    value.trim_start().starts_with(['{', '[']) && words.any(is_member)
}

/// An argument as a POSIX shell takes it.
pub(super) fn quoted(argument: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,+@%*".contains(character);
    if !argument.is_empty()
        && argument
            .chars()
            .all(|character| is_plain(character) && character != '*')
        || argument == HIDDEN
        || argument.ends_with(&format!("={HIDDEN}")) && argument.chars().all(is_plain)
    {
        argument.to_owned()
    } else {
        shell_quoted(argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_repeat_has_no_options_that_write_files() {
        let line = "verify --key a.pub --html r.html --at-rest --sign=r.note --key=b.pub --topic html";
        let kept = without_options(line.split(' ').map(str::to_owned), &["--html", "--sign", "--key"]);
        assert_eq!(kept.join(" "), "verify --at-rest --topic html");
    }

    #[test]
    fn a_command_line_is_shown_as_a_shell_takes_it_and_without_secrets() {
        let shown = |arguments: &[&str]| of(arguments.iter().map(ToString::to_string));
        assert_eq!(
            shown(&["kivend", "verify", "--topic", "it's", "--key", "kivend+0a+B="]),
            r"kivend verify --topic 'it'\''s' --key kivend+0a+B="
        );
        for (secret, hidden) in [
            (
                "kafka.properties.sasl.password=Marked",
                "kafka.properties.sasl.password=***",
            ),
            (
                "--set=kafka.properties.sasl.password=Marked",
                "--set=kafka.properties.sasl.password=***",
            ),
            ("archive.key=Marked", "archive.key=***"),
            ("archive.pkcs11.pin=Marked", "archive.pkcs11.pin=***"),
            ("archive.pkcs11={token=\"a\",pin=\"Marked\"}", "archive.pkcs11=***"),
            (
                "kafka.properties={\"sasl.password\"=\"Marked\"}",
                "kafka.properties=***",
            ),
            ("PRIVATE+KEY+kivend+0a+Marked", "***"),
            (
                "https://user:Marked@s3.example:9000/a@b",
                "'https://***@s3.example:9000/a@b'",
            ),
            ("--store-endpoint=http://Marked@s3", "'--store-endpoint=http://***@s3'"),
        ] {
            assert_eq!(shown(&[secret]), hidden);
        }
        assert_eq!(shown(&["store.bucket=audit", ""]), "store.bucket=audit ''");
    }
}
