//! Proofs from few stored nodes: each node of a proof is the root over a range of leaves, and follows from the last leaf of
//! the range and the peaks of the tree before it. So a log that stores with each leaf the peaks before it proves anything
//! with O(log n) reads.

use crate::record::hash::Hash;
use crate::record::merkle::node_hash;

/// The leaves `from` to `to` − 1 below one node of a tree. Not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafRange {
    /// The first leaf. A multiple of the least power of two that is not below the number of leaves.
    pub from: u64,
    /// The end, exclusive.
    pub to: u64,
}

/// What is stored with a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafPoint {
    /// The roots of the full subtrees before the leaf, largest first.
    pub peaks: Vec<Hash>,
    /// The leaf's hash.
    pub leaf: Hash,
}

impl LeafRange {
    /// The last leaf: the one whose [`LeafPoint`] gives the root.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.to - 1
    }

    /// The root over the range, from the point of its last leaf. None where the point has too few peaks.
    #[must_use]
    pub fn root(&self, point: &LeafPoint) -> Option<Hash> {
        let before = (self.last() - self.from).count_ones() as usize;
        let from = point.peaks.len().checked_sub(before)?;
        let smallest_first = point.peaks[from..].iter().rev();
        Some(smallest_first.fold(point.leaf, |right, left| node_hash(left, &right)))
    }
}

/// The ranges of an inclusion path, in its order: the leaf at `index` in the tree over `count` leaves. Empty where there is
/// no such leaf.
#[must_use]
pub fn inclusion_ranges(index: u64, count: u64) -> Vec<LeafRange> {
    let mut ranges = Vec::new();
    if index >= count {
        return ranges;
    }
    let (mut from, mut to) = (0, count);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            ranges.push(LeafRange { from: middle, to });
            to = middle;
        } else {
            ranges.push(LeafRange { from, to: middle });
            from = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges of a consistency path, in its order: from the tree over the first `first` leaves to the tree over `second`.
/// Empty where both are the same, or the first has no leaf.
#[must_use]
pub fn consistency_ranges(first: u64, second: u64) -> Vec<LeafRange> {
    let mut ranges = Vec::new();
    if first == 0 || first >= second {
        return ranges;
    }
    let (mut from, mut to) = (0, second);
    while first < to {
        let middle = from + split(to - from);
        if first <= middle {
            ranges.push(LeafRange { from: middle, to });
            to = middle;
        } else {
            ranges.push(LeafRange { from, to: middle });
            from = middle;
        }
    }
    // The verifier has the root of the first tree, which this range is if it begins at 0.
    if from > 0 {
        ranges.push(LeafRange { from, to });
    }
    ranges.reverse();
    ranges
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::merkle::path::{consistency_path, inclusion_path, is_consistent};
    use crate::record::merkle::{Tree, leaf_hash};

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    /// The peaks of the tree over `leaves`, as stored.
    fn peaks(leaves: &[Hash]) -> Vec<Hash> {
        let (mut from, mut peaks) = (0, Vec::new());
        while from < leaves.len() {
            let count = 1 << (leaves.len() - from).ilog2();
            let mut tree = Tree::default();
            tree.extend(leaves[from..from + count].iter().copied());
            peaks.push(tree.root());
            from += count;
        }
        peaks
    }

    fn roots(ranges: &[LeafRange], leaves: &[Hash]) -> Vec<Hash> {
        let root = |range: &LeafRange| {
            let last = usize::try_from(range.last()).unwrap();
            let point = LeafPoint {
                peaks: peaks(&leaves[..last]),
                leaf: leaves[last],
            };
            range.root(&point).unwrap()
        };
        ranges.iter().map(root).collect()
    }

    #[test]
    fn ranges_give_the_same_paths_as_all_leaves() {
        for count in 0..70usize {
            let leaves = leaves(count);
            for at in 0..=count {
                let (index, size) = (at as u64, count as u64);
                assert_eq!(
                    roots(&inclusion_ranges(index, size), &leaves),
                    inclusion_path(&leaves, at),
                    "{at} of {count}"
                );
                assert_eq!(
                    roots(&consistency_ranges(index, size), &leaves),
                    consistency_path(&leaves, at),
                    "{at} of {count}"
                );
            }
        }
    }

    /// The tree and the proofs of litewitness's own tests.
    #[test]
    fn proofs_are_those_that_a_witness_of_the_field_accepts() {
        let leaves: Vec<Hash> = (0..5)
            .map(|number| {
                let mut leaf = [0; 32];
                leaf[..2].copy_from_slice(&[42, number]);
                Hash(leaf)
            })
            .collect();
        let first_two = "c2088815d65f60dbfa594d4e96504ab169cb6084bf0c132ab7c521fd2e0eba41"
            .parse()
            .unwrap();
        let sizes = [
            (1, "2a00000000000000000000000000000000000000000000000000000000000000"),
            (3, "45c088d4d939e9971298811f227d1295eaad57bbafae55cd71c171e7de48c25d"),
            (5, "42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36"),
        ];
        let [one, three, five] = sizes.map(|(size, root)| (size, root.parse::<Hash>().unwrap()));
        let path = |first, second: u64| roots(&consistency_ranges(first, second), &leaves);
        assert_eq!(path(1, 3), [leaves[1], leaves[2]]);
        assert_eq!(path(3, 5), [leaves[2], leaves[3], first_two, leaves[4]]);
        assert!(is_consistent(one, three, &path(1, 3)) && is_consistent(three, five, &path(3, 5)));
    }

    #[test]
    fn a_proof_in_a_long_log_reads_few_leaves() {
        let count = u64::MAX / 2;
        for at in [1, 12_345, count / 2, count - 1] {
            for ranges in [inclusion_ranges(at, count), consistency_ranges(at, count)] {
                let read: BTreeSet<u64> = ranges.iter().map(LeafRange::last).collect();
                assert!(read.len() <= 64, "{at}: {read:?}");
            }
        }
    }

    #[test]
    fn a_point_with_too_few_peaks_gives_no_root() {
        let point = LeafPoint {
            peaks: vec![Hash::ZERO],
            leaf: Hash::ZERO,
        };
        assert!(LeafRange { from: 0, to: 2 }.root(&point).is_some());
        assert_eq!(LeafRange { from: 0, to: 4 }.root(&point), None);
    }
}
