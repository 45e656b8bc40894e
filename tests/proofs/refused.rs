//! Where there is nothing to prove, the error says why and what to do.

use kivend::app::prove::Wanted;
use kivend::error::{Explain, Kind};
use kivend::record::position::{Epoch, TopicPartition};
use kivend::task::error::AppError;

use super::{made, record};
use crate::fixture::Archive;

#[track_caller]
fn expect_error(archive: &Archive, wanted: &Wanted, kind: Kind, said: &str, fix: &str) {
    let error: AppError = made(archive, wanted).unwrap_err();
    assert!(error.to_string().contains(said), "{error}");
    assert!(error.remedy().unwrap_or_default().contains(fix), "{:?}", error.remedy());
    assert_eq!(error.kind(), kind);
}

#[test]
fn a_record_that_is_not_archived_yet_is_distinguished_from_one_that_is_lost_or_never_existed() {
    let mut archive = Archive::usual();
    let payments = TopicPartition::new("payments", 0);
    archive.append_loss(&payments, 150);
    let after_a_hole: Vec<_> = archive.produce(&payments, 20).into_iter().skip(5).collect();
    let shifted: Vec<_> = after_a_hole
        .into_iter()
        .map(|mut record| {
            record.offset += 50;
            record
        })
        .collect();
    archive.archive(&payments, &shifted, 170);
    archive.checkpoint();
    let input = Kind::Input;
    for (offset, said, fix) in [
        (170, "not archived yet", "kivend archive"),
        (120, "was lost", "another copy"),
        (152, "there is no record at this offset", "neighbouring"),
    ] {
        expect_error(&archive, &record("payments", 0, offset), input, said, fix);
    }
    assert!(made(&archive, &record("payments", 0, 160)).is_ok());
    let nowhere = record("payments", 7, 0);
    expect_error(
        &archive,
        &nowhere,
        input,
        "has no records of this partition",
        "kivend archive",
    );
    let other_epoch = Wanted::Offset {
        partition: payments,
        offset: 0,
        epoch: Some(Epoch(1)),
    };
    expect_error(&archive, &other_epoch, input, "has no records of this partition", "");
}

#[test]
fn a_record_that_no_checkpoint_covers_waits_for_one() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 5);
    let wanted = record("payments", 0, 102);
    expect_error(
        &archive,
        &wanted,
        Kind::Input,
        "no checkpoint covers",
        "kivend checkpoint",
    );
    archive.checkpoint();
    assert!(made(&archive, &wanted).is_ok());
}

#[test]
fn nothing_is_proved_from_a_segment_or_chain_that_was_changed() {
    let archive = Archive::usual();
    archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| bytes[100] ^= 1);
    expect_error(
        &archive,
        &record("payments", 0, 30),
        Kind::Corrupt,
        "does not have the hash in its link",
        "",
    );
    archive.store.vanish(&archive.segment_key("payments", 0, 2));
    expect_error(
        &archive,
        &record("payments", 0, 60),
        Kind::Corrupt,
        "segment is missing",
        "",
    );
    assert!(made(&archive, &record("payments", 0, 0)).is_ok());
    archive.store.vanish(&archive.link_key("payments", 0, 1));
    expect_error(
        &archive,
        &record("payments", 0, 99),
        Kind::Corrupt,
        "chain is broken",
        "",
    );
}

#[test]
fn planted_objects_do_not_prevent_a_proof() {
    let archive = Archive::usual();
    for key in [
        "data/payments/0/0000-00000000000000000033.parquet",
        "links/payments/0/0000-00000000000000000033.note",
        "checkpoints/0000000009.note",
        "log/0000000009.note",
        "whatever",
    ] {
        archive.store.plant(key, b"junk".to_vec());
    }
    assert!(made(&archive, &record("payments", 0, 99)).is_ok());
}
