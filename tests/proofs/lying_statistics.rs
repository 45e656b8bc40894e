//! A search for a proof passes over segments by statistics that it does not check. What it says then must show that.

use kivend::app::prove::write_folder;

use super::selection::{orders, select, whose};
use crate::fixture::Archive;

/// Says in the footer of a segment that its greatest number is 5, and leaves its rows as they are.
fn lie(archive: &Archive, partition: i32) {
    let key = archive.segment_key("orders", partition, 0);
    let mut bytes = archive.store.bytes(&key).unwrap().to_vec();
    let (greatest, said) = (2_999_i64.to_le_bytes(), 5_i64.to_le_bytes());
    let footer =
        bytes.len() - usize::try_from(u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap())).unwrap();
    let found: Vec<usize> = memchr::memmem::find_iter(&bytes[footer - 8..], &greatest).collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[footer - 8 + at..][..8].copy_from_slice(&said);
    }
    archive.store.tamper(&key, bytes);
}

#[test]
fn a_search_that_a_false_statistic_misleads_says_that_it_did_not_check_them() {
    let archive = orders();
    let number = whose(&[("order_number", "2000")]);
    let honest = select(&archive, &number).unwrap().retrieval;
    assert_eq!(
        (
            honest.proved.records,
            honest.cost.read,
            honest.cost.skipped_by_statistics
        ),
        (2, 2, 2)
    );

    lie(&archive, 0);
    let misled = select(&archive, &number).unwrap();
    let cost = misled.retrieval.cost;
    assert_eq!(
        (misled.retrieval.proved.records, cost.read, cost.skipped_by_statistics),
        (1, 1, 3)
    );
    let parent = tempfile::tempdir().unwrap();
    write_folder(parent.path(), misled).unwrap();
    let page = std::fs::read_to_string(parent.path().join("index.html")).unwrap();
    for needed in [
        "<dt>skipped by statistics</dt><dd>3</dd>",
        "A false statistic would hide records",
        "That no other records match",
    ] {
        assert!(page.contains(needed), "{needed}");
    }

    lie(&archive, 1);
    let nothing = select(&archive, &number).unwrap_err();
    let said = format!("{nothing} {:?}", kivend::error::Explain::remedy(&nothing));
    for needed in [
        "4 skipped by statistics",
        "`kivend verify` checks that no statistic hides a record",
    ] {
        assert!(said.contains(needed), "{needed}: {said}");
    }
    // Without a condition that statistics tell anything about, every segment is read, and its hash is compared.
    let all = select(&archive, &whose(&[("order_id", "2000")]))
        .unwrap_err()
        .to_string();
    assert!(all.contains("does not have the hash in its link"), "{all}");
}
