//! Holds the table of attacks in docs/THREATS.md to the list that the tests run.

use std::path::Path;

use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{Attack, Who, attacks, verdict_of};

const BEGIN: &str = "<!-- attacks: written by the tests -->\n";
const END: &str = "<!-- end of attacks -->\n";

fn who(who: Who) -> &'static str {
    match who {
        Who::Creator => "creates objects",
        Who::BucketAdmin => "overwrites and deletes",
        Who::KeyHolder => "holds the signing key",
        Who::KafkaAdmin => "administers Kafka",
    }
}

fn cell(code: Option<Code>) -> String {
    match code {
        None => "—".to_owned(),
        Some(code) if verdict_of(code) == Verdict::Intact => format!("noted {}", code.id()),
        Some(code) => format!("{} {}", verdict_of(code), code.id()),
    }
}

fn row(attack: &Attack) -> String {
    let cells = attack.expected_codes.map(cell).join(" | ");
    format!("| {} | {} | {cells} |\n", attack.name, who(attack.who))
}

fn table() -> String {
    let head = "| attack | who | bucket and public key | with the commit | with Kafka's records | with a saved checkpoint |\n\
                |---|---|---|---|---|---|\n";
    attacks()
        .iter()
        .fold(head.to_owned(), |table, attack| table + &row(attack))
}

/// Fails where the table in docs/THREATS.md differs; with `KIVEND_TEST_REWRITE` it is written there.
fn hold_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/THREATS.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (held, after) = rest.split_once(END).unwrap();
    if std::env::var_os("KIVEND_TEST_REWRITE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(
            held,
            table(),
            "run the tests with KIVEND_TEST_REWRITE=1 to rewrite the table"
        );
    }
}

#[test]
fn the_table_in_threats_md_is_the_list_of_attacks() {
    hold_the_document();
}

#[test]
fn attacks_have_distinct_names_and_are_at_least_forty() {
    let mut names: Vec<_> = attacks().iter().map(|attack| attack.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), attacks().len());
    assert!(names.len() >= 40);
}
