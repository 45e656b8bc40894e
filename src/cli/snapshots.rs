//! Snapshots of the help texts of all commands.

use clap::{CommandFactory, Parser};

use crate::cli::{Archiver, Kivend};

#[test]
fn the_definition_is_consistent() {
    Kivend::command().debug_assert();
}

#[test]
fn every_help_fits_a_screen() {
    let mut root = Kivend::command().term_width(100);
    root.build();
    let mut pending = vec![root];
    while let Some(command) = pending.pop() {
        let name = command.get_bin_name().unwrap_or("kivend").replace(' ', "-");
        let help = command.clone().render_help().to_string();
        assert!(help.lines().count() <= 50, "{name}");
        insta::assert_snapshot!(format!("help-{name}"), help);
        pending.extend(
            command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .cloned(),
        );
    }
}

#[test]
fn the_long_help_lists_the_settings_that_are_flags() {
    let mut root = Kivend::command().term_width(100);
    insta::assert_snapshot!(root.render_long_help());
}

#[test]
fn the_daemon_has_a_help_of_its_own() {
    Archiver::command().debug_assert();
    insta::assert_snapshot!(Archiver::command().term_width(100).render_help());
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    for line in [
        "kivend --format json config show",
        "kivend config show --format json --store-prefix a -vv",
    ] {
        assert!(Kivend::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "kivend",
        "kivend config show --set a",
        "kivend -q -v config show",
        "kivend frobnicate",
    ] {
        assert!(Kivend::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}
