//! Reports of drills get the verdict of the vectors.

use kivend::log::drill::DrillReport;
use kivend::log::signed_note::{Note, VerifyingKey};
use kivend::verify::drill::check;
use kivend::verify::verdict::Verdict;

use super::{Disagreements, list, object, parsed, text, vectors};

#[test]
fn reports_of_drills_are_judged_as_the_format_says() {
    let file = vectors("drills");
    let keys: Vec<VerifyingKey> = parsed(&file, "keys");
    let mut disagreements = Disagreements::default();
    for case in list(&file, "valid") {
        let note = object(case);
        let checked = check(&note, &keys);
        disagreements.unless(
            checked.verdict == Verdict::Intact,
            format!("{}: {:?}", case["name"], checked.detail),
        );
        let Some(report) = checked.report else { continue };
        assert_eq!(serde_json::to_value(report.result).unwrap(), case["result"]);
        assert_eq!(report.to_text().unwrap(), Note::parse(&note).unwrap().text());
        assert_eq!(DrillReport::from_text(&report.to_text().unwrap()).unwrap(), report);
    }
    for case in list(&file, "judged") {
        let checked = check(&object(case), &keys);
        let difference = format!("{}: {} {:?}", case["why"], checked.verdict, checked.detail);
        disagreements.unless(checked.verdict.to_string() == text(case, "verdict"), difference);
    }
    disagreements.none();
}
