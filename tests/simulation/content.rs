//! The current records of a chain, as a reader of the archive sees them: those that no later epoch begins at or below.

use std::collections::{BTreeMap, BTreeSet};

use kivend::log::link::SignedLink;

use super::kafka::Log;
use super::oracle::Chains;
use crate::fixture::OwnedRecord;

/// The current records and offsets of a chain.
pub struct Content {
    records: BTreeMap<i64, OwnedRecord>,
    lost: BTreeSet<i64>,
    /// Where the next link begins.
    pub next: i64,
}

impl Content {
    pub fn of(chains: &Chains, chain: &[SignedLink]) -> Content {
        let mut content = Content {
            records: BTreeMap::new(),
            lost: BTreeSet::new(),
            next: 0,
        };
        for SignedLink { link, .. } in chain {
            if let Some(begins) = link.next_epoch_at {
                content.records.split_off(&begins);
                content.lost.split_off(&begins);
            }
            if link.lost.is_some() {
                content.lost.extend(link.first_offset.0..link.next_offset.0);
            }
            let records = chains.records(link).into_iter();
            content.records.extend(records.map(|record| (record.offset, record)));
            content.next = link.next_place().first_offset.0;
        }
        content
    }

    /// The first archived offset whose record is not the one that Kafka has there now, as `kivend verify` finds it.
    pub fn first_difference(&self, log: &Log) -> Option<i64> {
        let is_equal = |offset: &i64| self.records.get(offset) == log.acknowledged.records.get(offset);
        let is_excused = |offset: &i64| self.lost.contains(offset) || log.compacted.contains(offset);
        let differing = (log.low..self.next).find(|offset| !is_equal(offset) && !is_excused(offset));
        let end = (log.high < self.next).then_some(log.high);
        differing.into_iter().chain(end).min()
    }

    /// The offset after the last archived record that Kafka has as well: the log was not cut back there since it was archived.
    pub fn agrees_up_to(&self, log: &Log) -> i64 {
        let is_equal = |(offset, record): &(&i64, &OwnedRecord)| log.acknowledged.records.get(offset) == Some(record);
        let newest = self.records.iter().rev().find(is_equal);
        newest.map_or(0, |(offset, _)| offset + 1)
    }
}
