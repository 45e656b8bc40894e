//! Values that are not of the type of their typed column.

use std::fmt::Write as _;

use super::shop::Shop;

#[test]
fn times_in_an_odd_format_are_counted_and_told_by_column() {
    let Some(shop) = Shop::open() else { return };
    let mut lines = String::new();
    for number in 0..15 {
        let time = if number < 2 {
            "2025-11-19T14:31:02Z"
        } else {
            "19.11.2025 14:31"
        };
        writeln!(
            lines,
            "{{\"event_type\":\"page_view\",\"ts\":\"{time}\",\"customer_id\":\"C1\"}}"
        )
        .unwrap();
    }
    std::fs::write(shop.folder().join("odd.jsonl"), lines).unwrap();
    shop.json(&["ingest", "odd.jsonl"]);
    let report = shop.json(&["archive"]);
    let misfits = report["column_misfits"].as_array().unwrap();
    assert_eq!(misfits.len(), 1, "{report:#}");
    assert_eq!(
        (&misfits[0]["topic"], &misfits[0]["records"]),
        (&shop.topic("user-events").into(), &13.into())
    );
    shop.verify_intact(15);
}
