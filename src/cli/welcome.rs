//! What `kivend` prints by itself: the commands to begin with.

use std::io::{self, Write as _};

use crate::error::Exit;

/// The commands that matter, in the order in which they are used, and what each does.
const COMMANDS: [(&str, &str); 5] = [
    ("demo", "see all of it in two seconds, without a server"),
    (
        "doctor",
        "check Kafka, the store, the keys and the settings, with a remedy for each problem",
    ),
    (
        "archive",
        "archive what Kafka holds now; kivend-archiver goes on as records arrive",
    ),
    ("verify", "verify the archive, and compare it with Kafka"),
    (
        "prove",
        "prove that a record is in the archive, in one file that can be verified offline",
    ),
];

fn text() -> String {
    let mut text = String::from(
        "kivend archives Kafka topics as signed Parquet on S3, and proves that nothing is missing or changed.\n\n",
    );
    for (command, does) in COMMANDS {
        text.push_str(&format!("  kivend {command:7}  {does}\n"));
    }
    text + "\n`kivend --help` lists all commands, `kivend COMMAND --help` explains one.\n"
}

/// Prints the commands to begin with. A closed stdout is not an error.
pub(super) fn print() -> Exit {
    let _ = io::stdout().write_all(text().as_bytes());
    Exit::Done
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Kivend;

    #[test]
    fn the_commands_to_begin_with_exist() {
        let program = Kivend::command();
        for (command, _) in COMMANDS {
            assert!(program.find_subcommand(command).is_some(), "{command}");
        }
    }
}
