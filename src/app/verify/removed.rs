//! What retention changes let go.

use std::collections::BTreeMap;

use crate::log::history::Removal;
use crate::log::object_key::Key;
use crate::record::position::{Height, TopicPartition};
use crate::verify::chain::Chain;

/// Whether a retention change lets the segment with this key go.
pub fn lets_go(chain: &Chain, removed: &BTreeMap<TopicPartition, Height>, key: &str) -> bool {
    let Ok(Key::Segment(place, attempt)) = key.parse() else {
        return false;
    };
    let below = removed
        .get(&chain.partition)
        .filter(|_| place.partition == chain.partition);
    let ranges = chain.ranges_of(place.epoch);
    let named = ranges.binary_search_by_key(&place.first_offset, |range| range.first_offset);
    let range = named.ok().map(|index| &ranges[index]);
    range.is_some_and(|range| range.segment == Some(attempt) && below.is_some_and(|below| range.height < *below))
}

/// The height of each partition below which links may be without their segments.
pub fn removed_below(removals: &BTreeMap<TopicPartition, Vec<Removal>>) -> BTreeMap<TopicPartition, Height> {
    let heights = removals.iter().filter_map(|(partition, removals)| {
        let below = removals.iter().map(|removal| removal.below).max()?;
        Some((partition.clone(), below))
    });
    heights.collect()
}
