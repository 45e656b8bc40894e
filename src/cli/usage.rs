//! Refuses arguments that cannot be parsed: as text, or as a JSON object if that format was asked for.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};

use crate::cli::output::{PRIVATE_KEY, print_json_error, without_private_keys};
use crate::error::Exit;

/// Prints a message of the parser, which may be a requested help, and returns the exit code.
pub(super) fn refuse(error: &clap::Error) -> Exit {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    let text = error.render().to_string();
    if exit == Exit::Usage && is_json_wanted(env::args_os()) {
        let (causes, fix) = parts(&text);
        print_json_error(&causes, &fix, exit);
    } else if text.contains(PRIVATE_KEY) {
        // A closed stderr is not another error; the exit code remains.
        let _ = io::stderr().write_all(without_private_keys(&text).as_bytes());
    } else {
        let _ = error.print();
    }
    exit
}

/// Whether `--format json` is among the arguments, which could not be parsed.
fn is_json_wanted(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut after_format = false;
    for argument in arguments {
        if (after_format && argument == "json") || argument == "--format=json" {
            return true;
        }
        after_format = argument == "--format";
    }
    false
}

/// The parser's message as what happened with its causes, and what to do.
fn parts(text: &str) -> (Vec<String>, String) {
    let (tips, what): (Vec<&str>, Vec<&str>) = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with("tip:"));
    let causes = what.iter().map(|line| line.trim_start_matches("error: ").to_owned());
    let fix = tips
        .first()
        .map_or("run the command with --help for its arguments", |tip| {
            tip.trim_start_matches("tip:").trim()
        });
    (causes.collect(), fix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_found_among_arguments_that_are_wrong() {
        let wanted = |line: &str| is_json_wanted(line.split(' ').map(OsString::from));
        assert!(wanted("kivend --format json frobnicate"));
        assert!(wanted("kivend verify --nonsense --format=json"));
        assert!(!wanted("kivend verify --format text json"));
    }

    #[test]
    fn a_tip_of_the_parser_is_what_to_do() {
        let text = "error: unexpected argument '--topc' found\n\n  tip: a similar argument exists: '--topic'\n\nUsage: kivend verify\n\nFor more information, try '--help'.\n";
        let (causes, fix) = parts(text);
        assert_eq!(causes, ["unexpected argument '--topc' found"]);
        assert_eq!(fix, "a similar argument exists: '--topic'");
    }
}
