//! Looks for transactions that are open for long: what stands behind one is not archived, and retention deletes it.

use crate::app::doctor::check::{Check, listed};
use crate::config::KafkaSettings;
use crate::kafka::cluster::{Cluster, TopicLayout};
use crate::kafka::error::KafkaError;
use crate::kafka::open_transactions::{OpenTransaction, OpenTransactions};

/// The default of `transaction.timeout.ms`, after which Kafka aborts a transaction whose coordinator knows it.
const OLD_MS: i64 = 60_000;

/// An open transaction with the time of its first record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub transaction: OpenTransaction,
    pub first_time_ms: Option<i64>,
}

/// Asks Kafka for the open transactions of these topics. Blocks.
pub fn ask<'a>(
    settings: &KafkaSettings,
    topics: impl Iterator<Item = &'a TopicLayout>,
) -> Result<Vec<Open>, KafkaError> {
    let stable = Cluster::connect(settings)?;
    let transactions = OpenTransactions::connect(settings)?;
    let partitions: Vec<_> = topics.flat_map(TopicLayout::positions).collect();
    let open = transactions.among(&partitions, &stable)?.into_iter();
    open.map(|transaction| {
        let first_time_ms = transactions.time_ms(&transaction, transaction.first_offset)?;
        Ok(Open {
            transaction,
            first_time_ms,
        })
    })
    .collect()
}

/// Judges the open transactions. The remedy asks `brokers`.
pub fn check(name: &'static str, open: &[Open], brokers: &str, now_ms: i64) -> Check {
    let age_ms = |open: &Open| open.first_time_ms.map(|first| now_ms.saturating_sub(first));
    let describe = |open: &Open| {
        let OpenTransaction {
            partition,
            first_offset,
            ..
        } = &open.transaction;
        let age = match age_ms(open) {
            Some(ms) => format!("{} s old", ms.max(0) / 1000),
            None => "of unknown age".to_owned(),
        };
        let waiting = open.transaction.offsets();
        format!("{partition} has one from offset {first_offset} on, {age}, with {waiting} offsets waiting")
    };
    let is_old = |open: &&Open| age_ms(open).is_none_or(|ms| ms >= OLD_MS);
    if let Some(old) = open.iter().find(is_old) {
        let OpenTransaction {
            partition,
            first_offset,
            ..
        } = &old.transaction;
        let at = format!("--topic {} --partition {}", partition.topic, partition.partition);
        return Check::warning(
            name,
            format!(
                "records behind an open transaction are not archived, and retention deletes them: {}",
                listed(open.iter().filter(is_old).map(describe))
            ),
            format!(
                "find its producer with `kafka-transactions.sh --bootstrap-server {brokers} describe-producers {at}`; if that \
                 producer is gone, `kafka-transactions.sh --bootstrap-server {brokers} abort {at} --start-offset {first_offset}` ends \
                 the transaction and drops its records (where brokers ask for credentials, add `--command-config FILE`)"
            ),
        );
    }
    if open.is_empty() {
        return Check::ok(name, "none");
    }
    Check::ok(
        name,
        format!("none older than a minute: {}", listed(open.iter().map(describe))),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::record::position::TopicPartition;

    fn open(first_time_ms: Option<i64>) -> Open {
        Open {
            transaction: OpenTransaction {
                partition: TopicPartition::new("payments", 2),
                first_offset: 5,
                high_watermark: 106,
            },
            first_time_ms,
        }
    }

    #[test]
    fn an_old_open_transaction_is_a_warning_that_says_where_it_began_and_how_to_end_it() {
        let check = check("open_transactions", &[open(Some(0))], "a:9092,b:9092", 840_000);
        assert_eq!(check.status, Status::Warning);
        assert_eq!(
            check.detail,
            "records behind an open transaction are not archived, and retention deletes them: \
             payments/2 has one from offset 5 on, 840 s old, with 101 offsets waiting"
        );
        for command in [
            "`kafka-transactions.sh --bootstrap-server a:9092,b:9092 describe-producers --topic payments --partition 2`",
            "`kafka-transactions.sh --bootstrap-server a:9092,b:9092 abort --topic payments --partition 2 --start-offset 5`",
        ] {
            assert!(check.remedy.contains(command), "{}", check.remedy);
        }
    }

    #[test]
    fn a_young_one_is_named_and_is_in_order() {
        assert_eq!(check("open_transactions", &[], "a:9092", 0).status, Status::Ok);
        let check = check("open_transactions", &[open(Some(0))], "a:9092", 9_000);
        assert_eq!(check.status, Status::Ok);
        assert!(check.detail.contains("payments/2 has one from offset 5 on, 9 s old"));
    }
}
