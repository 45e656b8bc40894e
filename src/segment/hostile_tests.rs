//! Segments changed by an attacker or a broken disk: the change must be detected and must not end the process.

use bytes::Bytes;

use crate::segment::check::{Examined, examine};
use crate::segment::decode::Segment;
use crate::segment::error::Unreadable;
use crate::segment::round_trip_tests::{Owned, event, partition, segment_of};

fn read(bytes: &[u8]) -> Result<(Vec<Owned>, Examined), Unreadable> {
    let mut records = Vec::new();
    let bytes = Bytes::copy_from_slice(bytes);
    let examined = examine(bytes, &partition(), &mut |record, _| records.push(Owned::of(record)))?;
    Ok((records, examined))
}

/// Changed bytes must give an error, a mismatch, or the same records and footer.
fn assert_detected_or_equal(changed: &[u8], whole: &(Vec<Owned>, Examined), what: &str) {
    let Ok((records, examined)) = read(changed) else { return };
    let differs = examined.root != examined.footer.records_root
        || examined.footer != whole.1.footer
        || examined.projection != whole.1.projection
        || examined.mismatch_count > 0;
    assert!(differs || records == whole.0, "{what} was not detected");
}

fn records() -> Vec<Owned> {
    (0..20).map(event).collect()
}

#[test]
fn a_segment_cut_off_anywhere_is_unreadable() {
    let segment = segment_of(&records());
    for length in 0..segment.len() {
        assert!(Segment::open(segment.slice(..length)).is_err(), "{length}");
    }
    let longer = [&segment[..], b"PAR1"].concat();
    assert!(read(&longer).is_err());
}

#[test]
fn any_changed_byte_is_detected_or_without_effect() {
    let segment = segment_of(&records());
    let whole = read(&segment).unwrap();
    for at in 0..segment.len() {
        let change = [0x01, 0x80, 0xff, 0x10][at % 4];
        let mut changed = segment.to_vec();
        changed[at] ^= change;
        assert_detected_or_equal(&changed, &whole, &format!("byte {at} ^ {change}"));
    }
}

#[test]
fn removed_and_inserted_bytes_are_detected_or_without_effect() {
    let segment = segment_of(&records());
    let whole = read(&segment).unwrap();
    for at in (0..segment.len()).step_by(5) {
        let mut shorter = segment.to_vec();
        shorter.remove(at);
        assert_detected_or_equal(&shorter, &whole, &format!("without byte {at}"));
        let mut longer = segment.to_vec();
        longer.insert(at, 0xf5);
        assert_detected_or_equal(&longer, &whole, &format!("one more byte at {at}"));
    }
}

#[test]
fn other_bytes_than_parquet_are_unreadable() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1\0\0\0\0PAR1",
        b"PAR1\xff\xff\xff\xffPAR1",
        &[0; 100],
        b"PARE\0\0\0\0PARE",
    ] {
        assert!(Segment::open(Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
    }
}
