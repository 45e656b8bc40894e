//! Valid and invalid proof files get the verdict of the vectors.

use kivend::log::signed_note::VerifyingKey;
use kivend::verify::proof::check;
use kivend::verify::proof_report::Proved;
use kivend::verify::verdict::Verdict;

use super::{Disagreements, bytes, integer, list, text, vectors};

#[test]
fn proof_files_are_judged_as_the_format_says() {
    let file = vectors("proofs");
    let key = |text: &str| -> VerifyingKey { text.parse().unwrap() };
    let own: Vec<VerifyingKey> = list(&file, "archive_keys")
        .iter()
        .map(|text| key(text.as_str().unwrap()))
        .collect();
    let mut disagreements = Disagreements::default();
    for case in list(&file, "valid") {
        let proof = bytes(case, "file_base64").unwrap();
        for keys in [&[][..], &own[..1], &own[1..], &own] {
            let report = check(&proof, keys);
            disagreements.unless(
                report.verdict == Verdict::Intact,
                format!("{} {:?}", case["name"], report.findings),
            );
            match report.proved {
                Some(Proved::Record(record)) => {
                    assert_eq!(
                        (record.topic.as_str(), record.offset),
                        (text(case, "topic"), integer(case, "offset"))
                    );
                }
                Some(Proved::Consistency { from, to, .. }) => {
                    assert_eq!(
                        (from.number, to.number),
                        (case["from"].as_u64().unwrap(), case["to"].as_u64().unwrap())
                    );
                }
                None => disagreements.unless(false, &case["name"]),
            }
        }
    }
    for case in list(&file, "invalid") {
        let keys: Vec<VerifyingKey> = list(case, "keys")
            .iter()
            .map(|text| key(text.as_str().unwrap()))
            .collect();
        let report = check(&bytes(case, "file_base64").unwrap(), &keys);
        let difference = format!("{}: {} {:?}", case["why"], report.verdict, report.findings);
        disagreements.unless(report.verdict.to_string() == text(case, "verdict"), difference);
        assert_eq!(report.proved, None);
    }
    disagreements.none();
}
