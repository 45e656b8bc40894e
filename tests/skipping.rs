//! Tests that need servers do not pass unnoticed where none run: this binary runs some of its tests in a child process.

use std::process::{Command, Output};

/// Runs the tests whose names contain `filter` where no servers run, with this variable besides.
fn without_servers(filter: &str, (name, value): (&str, &str)) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    for variable in ["KIVEND_TEST_CLUSTER", "KIVEND_TEST_CHAOS", "KIVEND_REQUIRE_SERVERS"] {
        child.env_remove(variable);
    }
    child.arg(filter).env(name, value).output().unwrap()
}

fn last_line(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    stderr.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn without_servers_the_tests_that_need_them_are_counted_on_stderr() {
    let output = without_servers("real_policies::", ("KIVEND_REQUIRE_SERVERS", "0"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        last_line(&output),
        "4 tests were skipped: they need the servers of deploy/local/cluster"
    );
}

#[test]
fn tests_of_dying_servers_are_counted_apart_and_do_not_fail_for_want_of_their_variable() {
    let output = without_servers("real_chaos::kills::", ("KIVEND_REQUIRE_SERVERS", "1"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        last_line(&output),
        "1 test of dying servers was skipped: set KIVEND_TEST_CHAOS=1"
    );
}

#[test]
fn where_servers_are_required_the_tests_that_need_them_fail_and_say_how_to_start_them() {
    let output = without_servers("real_policies::", ("KIVEND_REQUIRE_SERVERS", "1"));
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("`deploy/local/cluster run cargo test --release`"),
        "{printed}"
    );
    assert!(printed.contains("0 passed; 4 failed"), "{printed}");
}

#[test]
fn where_servers_are_required_and_chaos_is_asked_for_its_tests_fail_too() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .arg("real_chaos::kills::")
        .env_remove("KIVEND_TEST_CLUSTER")
        .env("KIVEND_TEST_CHAOS", "1")
        .env("KIVEND_REQUIRE_SERVERS", "1");
    let output = child.output().unwrap();
    assert_eq!(output.status.code(), Some(101), "{output:?}");
}
