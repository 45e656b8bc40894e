//! Attacks on records without the signing key. The Parquet file is rewritten each time, so that it is consistent in
//! itself.

use kivend::record::record::Timestamp;
use kivend::verify::findings::Code;

use super::Who::BucketAdmin;
use super::scene::MIDDLE;
use super::{Attack, Scene, attack};
use crate::fixture::OwnedRecord;

pub const ATTACKS: &[Attack] = &[
    attack("a value changed", BucketAdmin, |scene| {
        with_record(scene, |record| record.value = Some(b"{\"cart_value\":0.5}".to_vec()));
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a value replaced by null (a tombstone)", BucketAdmin, |scene| {
        with_record(scene, |record| record.value = None);
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a record key changed", BucketAdmin, |scene| {
        with_record(scene, |record| record.key = Some(b"C99999".to_vec()));
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a header added", BucketAdmin, |scene| {
        with_record(scene, |record| {
            record.headers.push((b"approved".to_vec(), Some(b"yes".to_vec())));
        });
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a timestamp changed", BucketAdmin, |scene| {
        with_record(scene, |record| record.timestamp = Timestamp::create_ms(5));
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a null header value replaced by an empty one", BucketAdmin, |scene| {
        with_records(scene, |records| {
            let headers = records.iter_mut().flat_map(|record| &mut record.headers);
            let null = headers.into_iter().find(|(_, value)| value.is_none()).unwrap();
            null.1 = Some(Vec::new());
        });
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("the values of two records swapped", BucketAdmin, |scene| {
        with_records(scene, |records| {
            let (head, tail) = records.split_at_mut(3);
            std::mem::swap(&mut head[1].value, &mut tail[0].value);
        });
    })
    .always(Code::RecordsDiffer)
    .records(Code::RecordsDifferFromKafka),
    attack("a record removed", BucketAdmin, |scene| {
        with_records(scene, |records| drop(records.remove(2)));
    })
    .always(Code::RangeDiffers)
    .records(Code::RecordsNotArchived),
    attack(
        "all records replaced by those of another segment",
        BucketAdmin,
        |scene| {
            let others = scene.records(MIDDLE + 1);
            with_records(scene, |records| {
                let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
                *records = others;
                records.truncate(offsets.len());
                records
                    .iter_mut()
                    .zip(offsets)
                    .for_each(|(record, offset)| record.offset = offset);
            });
        },
    )
    .always(Code::SegmentAltered)
    .records(Code::RecordsDifferFromKafka),
];

fn with_record(scene: &mut Scene, change: impl FnOnce(&mut OwnedRecord)) {
    with_records(scene, |records| change(&mut records[2]));
}

/// Rewrites the segment in the middle with a footer that matches its new records.
fn with_records(scene: &mut Scene, change: impl FnOnce(&mut Vec<OwnedRecord>)) {
    let mut records = scene.records(MIDDLE);
    change(&mut records);
    let link = scene.archive.chains[&scene.victim][MIDDLE].link.clone();
    let (segment, _) = scene.archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    scene.archive.store.tamper(&key, bytes);
}
