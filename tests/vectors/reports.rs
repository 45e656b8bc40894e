//! Signed reports of verifications, and the files in their folder, get the verdict of the vectors.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kivend::log::signed_note::{Note, VerifyingKey};
use kivend::log::signed_report::SignedReport;
use kivend::verify::signed_report::{check, judge_file};
use kivend::verify::verdict::Verdict;
use serde_json::Value;

use super::{Disagreements, list, object, parsed, text, vectors};

/// The verdict on a report and its files, why, and the report if its note counts.
fn judged(case: &Value, keys: &[VerifyingKey]) -> (Verdict, Option<String>, Option<SignedReport>) {
    let checked = check(&object(case), keys);
    let Some(report) = checked.report else {
        return (checked.verdict, checked.detail, None);
    };
    let (mut verdict, mut why) = (checked.verdict, checked.detail);
    for file in &report.files {
        let content = case["files_base64"][&file.name].as_str();
        let content = content.map(|coded| STANDARD.decode(coded).unwrap());
        if let Some((worse, detail)) = judge_file(&report, file, content.as_deref())
            && worse > verdict
        {
            (verdict, why) = (worse, Some(detail));
        }
    }
    (verdict, why, Some(report))
}

#[test]
fn signed_reports_are_judged_as_the_format_says() {
    let file = vectors("reports");
    let keys: Vec<VerifyingKey> = parsed(&file, "keys");
    let mut disagreements = Disagreements::default();
    for case in list(&file, "valid") {
        let (verdict, why, report) = judged(case, &keys);
        disagreements.unless(verdict == Verdict::Intact, format!("{}: {why:?}", case["name"]));
        let Some(report) = report else { continue };
        assert_eq!(report.verdict, text(case, "verdict"));
        assert_eq!(report.to_text().unwrap(), Note::parse(&object(case)).unwrap().text());
    }
    for case in list(&file, "judged") {
        let (verdict, why, _) = judged(case, &keys);
        let difference = format!("{}: {verdict} {why:?}", case["why"]);
        disagreements.unless(verdict.to_string() == text(case, "verdict"), difference);
    }
    disagreements.none();
}
