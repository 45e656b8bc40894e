//! Attacks on segments: damaged, exchanged, removed or planted, with falsified statistics or typed columns.

use kivend::log::object_key::Attempt;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator};
use super::scene::MIDDLE;
use super::{Attack, attack};
use crate::fixture::{step_offsets, with_false_columns};

pub const ATTACKS: &[Attack] = &[
    attack("a bit flipped in a segment's data pages", BucketAdmin, |scene| {
        scene.flip(&scene.segment(MIDDLE), 2);
    })
    .always(Code::SegmentAltered),
    attack("a bit flipped in a segment's footer", BucketAdmin, |scene| {
        scene.flip(&scene.segment(MIDDLE), 7);
    })
    .always(Code::SegmentAltered),
    attack("a segment deleted", BucketAdmin, |scene| {
        scene.vanish(&scene.segment(MIDDLE));
    })
    .always(Code::SegmentMissing),
    attack("a segment truncated to half its length", BucketAdmin, |scene| {
        let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
        scene.archive.tamper(&scene.segment(MIDDLE), half);
    })
    .always(Code::SegmentMalformed),
    attack("a segment truncated to zero bytes", BucketAdmin, |scene| {
        scene.archive.tamper(&scene.segment(MIDDLE), Vec::clear);
    })
    .always(Code::SegmentMalformed),
    attack("two segments swapped", BucketAdmin, |scene| {
        scene.swap(&scene.segment(MIDDLE), &scene.segment(MIDDLE + 1));
    })
    .always(Code::FooterDiffers),
    attack("rows that repeat an offset", BucketAdmin, |scene| {
        let segment = scene.segment(MIDDLE);
        scene.archive.tamper(&segment, |bytes| step_offsets(bytes, 0));
    })
    .always(Code::SegmentMalformed),
    attack("rows in the wrong order", BucketAdmin, |scene| {
        let segment = scene.segment(MIDDLE);
        scene.archive.tamper(&segment, |bytes| step_offsets(bytes, -1));
    })
    .always(Code::SegmentMalformed),
    attack(
        "a typed column changed, the value left as it was",
        BucketAdmin,
        |scene| {
            let segment = scene.segment(MIDDLE);
            scene
                .archive
                .tamper(&segment, |bytes| *bytes = with_false_columns(bytes).0);
        },
    )
    .always(Code::TypedColumnDiffers),
    attack(
        "a statistic that hides a row from query engines",
        BucketAdmin,
        |scene| {
            let last = scene.records(MIDDLE).last().unwrap().offset;
            scene
                .archive
                .tamper(&scene.segment(MIDDLE), |bytes| lower_the_greatest(bytes, last));
        },
    )
    .always(Code::StatisticsHideRows),
    attack("a segment created inside an archived range", Creator, |scene| {
        let mut place = scene.archive.chains[&scene.victim][MIDDLE].link.place();
        place.first_offset.0 += 1;
        let bytes = scene.archive.store.bytes(&scene.segment(MIDDLE)).unwrap();
        scene
            .archive
            .store
            .plant(&place.segment(Attempt::PLAIN).to_string(), bytes);
    })
    .always(Code::UnnamedSegment),
    attack("junk created at the -r1 key of an archived segment", Creator, |scene| {
        let place = scene.archive.chains[&scene.victim][MIDDLE].link.place();
        scene
            .archive
            .store
            .plant(&place.segment(Attempt(1)).to_string(), "junk");
    })
    .always(Code::UnnamedSegment),
    attack("junk created at the key of the next segment", Creator, |scene| {
        let next = scene.archive.next_link(&scene.victim, i64::MAX).place();
        scene
            .archive
            .store
            .plant(&next.segment(Attempt::PLAIN).to_string(), "junk");
    })
    .always(Code::PendingSegment),
    attack(
        "true rows with false typed columns created at the key of the next segment",
        Creator,
        |scene| {
            let records = scene.unarchived();
            let next = scene
                .archive
                .next_link(&scene.victim, records.last().unwrap().offset + 1);
            let (key, bytes) = scene.archive.fill(next, &records).0.unwrap();
            let falsified = with_false_columns(&bytes).0;
            scene.archive.store.plant(&key, falsified);
        },
    )
    .always(Code::PendingSegment),
    attack("a rejected object overwritten", BucketAdmin, |scene| {
        scene.archive.store.tamper(&scene.rejected()[0], "other junk");
    })
    .always(Code::RejectedAltered),
    attack("a rejected object deleted", BucketAdmin, |scene| {
        scene.vanish(&scene.rejected()[0]);
    })
    .always(Code::RejectedMissing),
];

/// Decrements the greatest offset in the footer's statistics, so that a query engine that looks for the last record
/// skips the file. Pages are compressed and the footer's own keys are decimal, so these eight bytes occur in statistics
/// only.
fn lower_the_greatest(bytes: &mut [u8], last: i64) {
    let (from, to) = (last.to_le_bytes(), (last - 1).to_le_bytes());
    let places: Vec<usize> = (0..=bytes.len() - 8)
        .filter(|at| bytes[*at..].starts_with(&from))
        .collect();
    assert!(!places.is_empty(), "no statistic contains the last offset");
    for at in places {
        bytes[at..at + 8].copy_from_slice(&to);
    }
}
