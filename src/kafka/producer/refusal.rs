//! What becomes of a batch that Kafka refused because of one of its records: it is sent again in parts, until the record at
//! fault is alone.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::producer::outcomes::Failed;

/// What a record takes in a request besides key and value, at most: lengths, deltas, attributes.
const RECORD_FRAME_BYTES: usize = 40;

/// What a request's batch takes besides its records.
const BATCH_FRAME_BYTES: usize = 512;

/// The most that a record with a key and a value of these lengths takes in a batch.
pub(super) fn size_in_batch(key_bytes: usize, value_bytes: usize) -> usize {
    key_bytes + value_bytes + RECORD_FRAME_BYTES
}

/// How many bytes of records go into one batch. A larger record goes alone.
#[derive(Debug)]
pub(super) struct BatchLimit {
    lasting: usize,
    /// While refused records are sent again.
    passing: Option<usize>,
}

impl BatchLimit {
    /// For batches of this size, their frame included.
    pub(super) fn new(batch_max_bytes: usize) -> BatchLimit {
        BatchLimit {
            lasting: batch_max_bytes.saturating_sub(BATCH_FRAME_BYTES),
            passing: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.passing.unwrap_or(self.lasting)
    }

    /// Halves it for these records, which Kafka refused together: the next time each half goes alone. A size that was
    /// refused once is not tried again.
    fn halve(&mut self, refused: &[Failed]) {
        let size = |failed: &Failed| size_in_batch(failed.key.as_ref().map_or(0, Vec::len), failed.value.len());
        let half = refused.iter().map(size).sum::<usize>() / 2;
        self.passing = Some(half);
        if refused.iter().all(|failed| is_about_size(failed.code)) {
            self.lasting = self.lasting.min(half);
        }
    }

    /// Ends what [`judge`] began: the refused records were sent.
    pub(super) fn restore(&mut self) {
        self.passing = None;
    }
}

fn is_about_size(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge)
}

/// Refused records, divided.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Kafka takes none of these.
    pub(super) at_fault: Vec<Failed>,
    /// These may have been refused only for the company they were in.
    pub(super) again: Vec<Failed>,
}

/// Divides the refused records of one request. If Kafka does not say which is at fault, all are to be sent again, within a
/// smaller `limit`; a record that was alone is at fault.
pub(super) fn judge(refused: Vec<Failed>, limit: &mut BatchLimit) -> Judged {
    let is_innocent = |failed: &Failed| failed.code == Code::InvalidDifferentRecord;
    let innocent = refused.iter().filter(|failed| is_innocent(failed)).count();
    if refused.len() == 1 {
        limit.restore();
        return Judged {
            at_fault: refused,
            again: Vec::new(),
        };
    }
    if innocent > 0 && innocent < refused.len() {
        let (again, at_fault) = refused.into_iter().partition(is_innocent);
        return Judged { at_fault, again };
    }
    limit.halve(&refused);
    Judged {
        at_fault: Vec::new(),
        again: refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::producer::outcomes::Fate;

    fn refused(code: Code, ordinals: &[u64]) -> Vec<Failed> {
        let failed = |ordinal: &u64| Failed {
            ordinal: *ordinal,
            code,
            fate: Fate::Refused,
            key: None,
            value: vec![b'x'; 60],
        };
        ordinals.iter().map(failed).collect()
    }

    fn ordinals(failed: &[Failed]) -> Vec<u64> {
        failed.iter().map(|failed| failed.ordinal).collect()
    }

    /// The records at fault if Kafka refuses every batch with one of these, and the batches that it took to find them.
    fn search(records: u64, culprits: &[u64]) -> (Vec<u64>, usize) {
        let (mut limit, mut batches, mut found) = (BatchLimit::new(1_000_000), 0, Vec::new());
        let mut waiting: Vec<u64> = (1..=records).collect();
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min((limit.bytes() / 100).max(1)));
            let batch = std::mem::replace(&mut waiting, rest);
            batches += 1;
            if batch.iter().any(|record| culprits.contains(record)) {
                let judged = judge(refused(Code::InvalidRecord, &batch), &mut limit);
                found.extend(ordinals(&judged.at_fault));
                waiting.splice(0..0, ordinals(&judged.again));
            }
        }
        (found, batches)
    }

    #[test]
    fn only_the_records_at_fault_are_found_and_by_halving() {
        assert_eq!(search(1_000, &[]), (vec![], 1));
        let (found, batches) = search(64, &[37]);
        assert_eq!(found, [37]);
        assert!(batches <= 14, "{batches}");
        assert_eq!(search(1_000, &[1, 500, 501, 1_000]).0, [1, 500, 501, 1_000]);
        assert_eq!(search(3, &[1, 2, 3]).0, [1, 2, 3]);
    }

    #[test]
    fn where_kafka_names_the_records_at_fault_the_others_are_sent_again_at_once() {
        let mut limit = BatchLimit::new(10_000);
        let mut batch = refused(Code::InvalidDifferentRecord, &[1, 3]);
        batch.extend(refused(Code::InvalidTimestamp, &[2]));
        let judged = judge(batch, &mut limit);
        assert_eq!(
            (ordinals(&judged.at_fault), ordinals(&judged.again)),
            (vec![2], vec![1, 3])
        );
        assert_eq!(limit.bytes(), 10_000 - BATCH_FRAME_BYTES);
    }

    #[test]
    fn a_size_that_was_refused_is_not_tried_again_and_another_cause_does_not_last() {
        let mut limit = BatchLimit::new(10_000);
        judge(refused(Code::InvalidRecord, &[1, 2]), &mut limit);
        assert_eq!(limit.bytes(), 100);
        limit.restore();
        assert_eq!(limit.bytes(), 10_000 - BATCH_FRAME_BYTES);
        judge(refused(Code::MessageSizeTooLarge, &[1, 2, 3, 4]), &mut limit);
        limit.restore();
        assert_eq!(limit.bytes(), 200);
    }
}
