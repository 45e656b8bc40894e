//! A reader without a group delivers every committed record as it was sent, nothing else, and the end of the log.

use kivend::app::consume::{Beginning, Ending, Request, Surroundings, consume};
use kivend::clock::Clock;
use kivend::kafka::error::KafkaError;
use kivend::kafka::reader::{Range, Read, Reader};
use kivend::record::position::{NextOffset, TopicPartition};
use kivend::record::record::Timestamp;
use kivend::task::progress::Silent;
use kivend::task::stop::{Reason, Stop, stop};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::{Corner, PATIENCE, queue};
use crate::fixture::{OwnedHeader, OwnedRecord, send_raw};

/// Offsets and values of `[from, until)`, and the reader's position at the end.
fn read(corner: &Corner, partition: &TopicPartition, from: i64, until: i64) -> (Vec<(i64, String)>, NextOffset) {
    let reader = Reader::connect(&corner.settings).unwrap();
    let mut found = Vec::new();
    let position = reader
        .read_range(partition, from, until, |record| {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            found.push((record.offset, value));
            Ok::<_, KafkaError>(())
        })
        .unwrap();
    (found, position)
}

fn high(corner: &Corner, partition: &TopicPartition) -> i64 {
    Reader::connect(&corner.settings)
        .unwrap()
        .cluster()
        .watermarks(partition)
        .unwrap()
        .high
}

#[test]
fn a_range_is_read_from_its_first_offset_up_to_and_without_its_end() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    corner.send(partition, 0, 100);
    let (found, position) = read(&corner, partition, 10, 20);
    let expected: Vec<_> = (10..20).map(|number| (number, number.to_string())).collect();
    assert_eq!((found, position), (expected, NextOffset(20)));
}

#[test]
fn a_range_beyond_the_end_ends_at_the_end() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    corner.send(partition, 0, 5);
    let (found, position) = read(&corner, partition, 3, 1000);
    assert_eq!((found.len(), position), (2, NextOffset(5)));
    assert_eq!(read(&corner, partition, 5, 5), (vec![], NextOffset(5)));
}

#[test]
fn aborted_records_and_transaction_markers_are_holes_and_the_end_behind_them_is_reached() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    let producer = corner.producer(&[("transactional.id", &corner.prefix)]);
    producer.init_transactions(PATIENCE).unwrap();
    // Two committed at 0 and 1, marker at 2; two aborted at 3 and 4, marker at 5; one committed at 6, marker at 7.
    for (values, commits) in [(["a", "b"].as_slice(), true), (&["c", "d"], false), (&["e"], true)] {
        producer.begin_transaction().unwrap();
        values.iter().for_each(|value| queue(&producer, partition, value));
        producer.flush(PATIENCE).unwrap();
        if commits {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    settle(&corner);
    assert_eq!(high(&corner, partition), 8);
    let (found, position) = read(&corner, partition, 0, 8);
    let expected = [(0, "a"), (1, "b"), (6, "e")].map(|(offset, value)| (offset, value.to_owned()));
    assert_eq!((found, position), (expected.to_vec(), NextOffset(8)));
    assert_eq!(read(&corner, partition, 2, 6), (vec![], NextOffset(6)));
    assert_eq!(read(&corner, partition, 7, 8), (vec![], NextOffset(8)));
}

/// Waits until the markers of a transaction are in the log: a commit is answered before that, but the next producer of
/// the same transactional id is initialised only afterwards.
fn settle(corner: &Corner) {
    let successor = corner.producer(&[("transactional.id", &corner.prefix)]);
    successor.init_transactions(PATIENCE).unwrap();
}

#[test]
fn the_ends_of_many_logs_come_in_one_answer_and_stop_before_an_open_transaction() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 4);
    corner.send(&partitions[1], 0, 7);
    corner.send(&partitions[2], 0, 3);
    let producer = corner.producer(&[("transactional.id", &corner.prefix)]);
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    queue(&producer, &partitions[2], "not yet");
    producer.flush(PATIENCE).unwrap();

    let reader = Reader::connect(&corner.settings).unwrap();
    let cluster = reader.cluster();
    let mut asked = partitions.clone();
    asked.reverse();
    assert_eq!(cluster.log_ends(&asked).unwrap(), [0, 3, 7, 0]);
    let one_by_one: Vec<_> = asked.iter().map(|one| cluster.watermarks(one).unwrap()).collect();
    assert_eq!(cluster.watermarks_of(&asked).unwrap(), one_by_one);
    assert!(cluster.log_ends(&[]).unwrap().is_empty());

    asked.push(TopicPartition::new(&partitions[0].topic, 4));
    let error = cluster.log_ends(&asked).unwrap_err();
    assert!(matches!(error, KafkaError::UnknownPartition { .. }), "{error}");
    producer.abort_transaction(PATIENCE).unwrap();
}

#[test]
fn timestamps_minus_one_and_minus_five_are_distinguished() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    let producer = corner.producer(&[]);
    for time_ms in [-1, -5, 1_763_559_062_594] {
        let record = BaseRecord::<str, str>::to(&partition.topic)
            .partition(0)
            .payload("")
            .timestamp(time_ms);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let mut times = Vec::new();
    let reader = Reader::connect(&corner.settings).unwrap();
    let keep = |record: &kivend::record::record::Record<'_>| {
        times.push(record.timestamp);
        Ok::<_, KafkaError>(())
    };
    reader.read_range(partition, 0, 3, keep).unwrap();
    let expected = [
        Timestamp::Absent,
        Timestamp::CreateMs(-5),
        Timestamp::CreateMs(1_763_559_062_594),
    ];
    assert_eq!(times, expected);
}

#[test]
fn keys_values_and_headers_come_as_they_were_sent_null_empty_and_not_utf8() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    let headers = [
        (b"h\xff".to_vec(), None),
        (b"h\xff".to_vec(), Some(vec![])),
        (vec![], Some(b"\0v".to_vec())),
    ];
    let record = |offset, bytes: Option<Vec<u8>>, headers: &[OwnedHeader]| OwnedRecord {
        offset,
        timestamp: Timestamp::CreateMs(1_763_559_062_594),
        key: bytes.clone(),
        value: bytes,
        headers: headers.to_vec(),
    };
    let sent = [record(0, None, &headers), record(1, Some(vec![]), &[])];
    let place = (&*partition.topic, partition.partition);
    sent.iter().for_each(|record| send_raw(&corner.settings, place, record));
    let mut found = Vec::new();
    let reader = Reader::connect(&corner.settings).unwrap();
    let keep = |record: &kivend::record::record::Record<'_>| {
        found.push(OwnedRecord::of(record));
        Ok::<_, KafkaError>(())
    };
    reader.read_range(partition, 0, 2, keep).unwrap();
    assert_eq!(found, sent);
}

#[test]
fn partitions_are_read_side_by_side_each_in_order() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 3);
    partitions
        .iter()
        .take(2)
        .for_each(|partition| corner.send(partition, 0, 500));
    let reader = Reader::connect(&corner.settings).unwrap();
    let range = |partition: &TopicPartition| Range {
        partition: partition.clone(),
        from: 0,
        until: Some(high(&corner, partition)),
    };
    let mut stream = reader.open(partitions.iter().map(range).collect()).unwrap();
    let (mut next, mut ended) = ([0; 3], [false; 3]);
    loop {
        match stream.next(PATIENCE).unwrap() {
            Read::Record { range, record } => {
                assert_eq!(record.offset, next[range]);
                next[range] += 1;
            }
            Read::Ended { range, position } => {
                assert_eq!(position, NextOffset(next[range]));
                ended[range] = true;
            }
            Read::Nothing => {}
            Read::Done => break,
        }
    }
    assert_eq!((next, ended), ([500, 500, 0], [true; 3]));
}

#[test]
fn an_offset_that_is_not_there_is_an_error_and_no_jump() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    corner.send(partition, 0, 5);
    let reader = Reader::connect(&corner.settings).unwrap();
    let error = reader
        .read_range(partition, 100, 200, |_| Ok::<_, KafkaError>(()))
        .unwrap_err();
    let partition = partition.clone();
    assert_eq!(error, KafkaError::OutOfRange { partition, offset: 100 });
}

#[test]
fn the_offset_of_a_time_is_that_of_the_first_record_not_older() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("orders", 1)[0];
    let producer = corner.producer(&[]);
    for time_ms in [1000, 2000, 3000] {
        let record = BaseRecord::<str, str>::to(&partition.topic)
            .partition(0)
            .payload("")
            .timestamp(time_ms);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(PATIENCE).unwrap();
    }
    let reader = Reader::connect(&corner.settings).unwrap();
    let offsets = [0, 1500, 3000, 3001].map(|time_ms| reader.cluster().offset_at(partition, time_ms).unwrap());
    assert_eq!(offsets, [0, 1, 2, 3]);
}

fn consumed(corner: &Corner, topic: &str, records_max: Option<u64>, ending: Ending, stop: Stop) -> (Vec<String>, u64) {
    let request = Request {
        topic: topic.to_owned(),
        records_max,
        beginning: Beginning::Earliest,
        ending,
    };
    let around = Surroundings {
        stop,
        clock: Clock::start(),
        progress: &Silent,
        event_type_field: "event_type",
    };
    let mut values = Vec::new();
    let report = consume(&corner.settings, &request, &around, |record| {
        values.push(String::from_utf8_lossy(record.value.unwrap()).into_owned());
        Ok(())
    });
    (values, report.unwrap().records)
}

#[test]
fn consuming_an_empty_topic_ends_at_once() {
    let Some(corner) = Corner::new() else { return };
    let topic = &corner.topic("payments", 3)[0].topic;
    assert_eq!(consumed(&corner, topic, None, Ending::Now, Stop::never()), (vec![], 0));
}

#[test]
fn consuming_some_records_takes_so_many_in_total() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("payments", 2);
    partitions.iter().for_each(|partition| corner.send(partition, 0, 50));
    let topic = &partitions[0].topic;
    let (values, records) = consumed(&corner, topic, Some(70), Ending::Now, Stop::never());
    assert_eq!((values.len(), records), (70, 70));
    assert_eq!(consumed(&corner, topic, None, Ending::Now, Stop::never()).1, 100);
}

#[test]
fn following_a_topic_ends_when_it_is_stopped_and_reports_what_it_read() {
    let Some(corner) = Corner::new() else { return };
    let partition = &corner.topic("payments", 1)[0];
    corner.send(partition, 0, 3);
    let (stopper, stop) = stop();
    stopper.request(Reason::Interrupt);
    let (_, records) = consumed(&corner, &partition.topic, None, Ending::Stopped, stop);
    assert!(records <= 3);
    assert_eq!(
        consumed(&corner, &partition.topic, Some(3), Ending::Stopped, Stop::never()).1,
        3
    );
}
