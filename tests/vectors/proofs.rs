//! Valid and invalid proof files get the verdict of the vectors.

use kivend::log::witness::{Policy, WitnessKey};
use kivend::verify::given::Given;
use kivend::verify::proof::check;
use kivend::verify::proof_report::Proved;
use kivend::verify::verdict::Verdict;
use serde_json::Value;

use super::{Disagreements, bytes, integer, list, parsed, text, vectors};

fn given(value: &Value) -> Given {
    let witnesses: Vec<WitnessKey> = parsed(value, "witnesses");
    let quorum = value["quorum"]
        .as_u64()
        .map_or(witnesses.len(), |quorum| usize::try_from(quorum).unwrap());
    Given {
        keys: parsed(value, "keys"),
        origin: value["origin"].as_str().map(str::to_owned),
        policy: (!witnesses.is_empty()).then(|| Policy::of_keys(witnesses, quorum).unwrap()),
    }
}

#[test]
fn proof_files_are_judged_as_the_format_says() {
    let file = vectors("proofs");
    let mut disagreements = Disagreements::default();
    for case in list(&file, "valid") {
        let proof = bytes(case, "file_base64").unwrap();
        for value in list(case, "given") {
            let report = check(&proof, &given(value));
            disagreements.unless(
                report.verdict == Verdict::Intact,
                format!("{} {value} {:?}", case["name"], report.findings),
            );
            match report.proved {
                Some(Proved::Record(record)) => assert_eq!(
                    (record.topic.as_str(), record.offset),
                    (text(case, "topic"), integer(case, "offset"))
                ),
                Some(Proved::Records(records)) => {
                    assert_eq!(records.records, list(case, "records").len() as u64, "{}", case["name"]);
                }
                _ => {}
            }
        }
    }
    for case in list(&file, "judged") {
        let report = check(&bytes(case, "file_base64").unwrap(), &given(&case["given"]));
        let difference = format!("{}: {} {:?}", case["why"], report.verdict, report.findings);
        disagreements.unless(report.verdict.to_string() == text(case, "verdict"), difference);
    }
    disagreements.none();
}
