//! Tests of the table of codes.

use super::*;

#[test]
fn codes_are_ascending_and_texts_are_sentences() {
    let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    for code in Code::ALL {
        assert!(code.id().len() == 5 && code.id().starts_with("KV"));
        assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'));
    }
}

#[test]
fn findings_md_is_equal_to_the_table() {
    let document = include_str!("../../docs/FINDINGS.md");
    for code in Code::ALL {
        let row = format!(
            "| {} | {} | {} | {} |",
            code.id(),
            code.severity(),
            code.meaning(),
            code.remedy()
        );
        assert!(document.contains(&row), "docs/FINDINGS.md lacks:\n{row}");
    }
    // Those of `kivend audit` have a table of their own.
    let of_audit = document.matches("\n| KV7").count();
    assert_eq!(document.matches("\n| KV").count() - of_audit, Code::ALL.len());
}
