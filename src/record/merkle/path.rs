//! Inclusion proofs (RFC 9162 section 2.1.3) and consistency proofs (section 2.1.4).

use crate::record::hash::Hash;
use crate::record::merkle::{Tree, node_hash};

/// The longest path in a tree of 2^63 leaves, with one more node for a consistency proof.
pub const PATH_MAX: usize = 64;

/// The inclusion path of the leaf at `index`: its siblings from the bottom up, without the leaf itself. Empty where
/// there is no such leaf.
#[must_use]
pub fn inclusion_path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if index >= leaves.len() || leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion_path(left, index), root(right))
    } else {
        (inclusion_path(right, index - left.len()), root(left))
    };
    path.push(sibling);
    path
}

/// The root that `path` gives for `leaf`, which is at `index` of `count` (RFC 9162 section 2.1.3.2). None where no such
/// tree has a path of this length.
#[must_use]
pub fn included_root(leaf: Hash, index: u64, count: u64, path: &[Hash]) -> Option<Hash> {
    let (mut index, mut last) = (index, count.checked_sub(1)?);
    if index > last {
        return None;
    }
    let mut root = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            root = node_hash(sibling, &root);
            // A node without a sibling on its level moves up unchanged.
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, sibling);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// The proof that the tree over the first `count` leaves is a prefix of the tree over all. Empty where both are the same
/// tree, or the first has no leaf.
#[must_use]
pub fn consistency_path(leaves: &[Hash], count: usize) -> Vec<Hash> {
    if count == 0 || count >= leaves.len() {
        return Vec::new();
    }
    subtree_path(leaves, count, Known::ByTheVerifier)
}

/// Whether the verifier has the root of a subtree already: the flag `b` of SUBPROOF.
#[derive(Clone, Copy)]
enum Known {
    ByTheVerifier,
    NotYet,
}

/// SUBPROOF of RFC 9162 section 2.1.4.1.
fn subtree_path(leaves: &[Hash], count: usize, known: Known) -> Vec<Hash> {
    if count == leaves.len() {
        return match known {
            Known::ByTheVerifier => Vec::new(),
            Known::NotYet => vec![root(leaves)],
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if count <= left.len() {
        (subtree_path(left, count, known), root(right))
    } else {
        (subtree_path(right, count - left.len(), Known::NotYet), root(left))
    };
    path.push(sibling);
    path
}

/// Whether `path` proves that the tree `second` (leaf count, root) continues the tree `first` (RFC 9162 section 2.1.4.2).
/// A tree continues itself with an empty path. False for a first tree without leaves.
#[must_use]
pub fn is_consistent(first: (u64, Hash), second: (u64, Hash), path: &[Hash]) -> bool {
    let ((first_count, first_root), (second_count, second_root)) = (first, second);
    if first_count == second_count {
        return path.is_empty() && first_root == second_root;
    }
    if first_count == 0 || first_count > second_count {
        return false;
    }
    // The path leaves out the root of the first tree where that is one full subtree of the second.
    let mut nodes = path.iter();
    let seed = if first_count.is_power_of_two() {
        Some(&first_root)
    } else {
        nodes.next()
    };
    let Some(seed) = seed else { return false };
    let (mut index, mut last) = (first_count - 1, second_count - 1);
    while index & 1 == 1 {
        (index, last) = (index >> 1, last >> 1);
    }
    let (mut first_seen, mut second_seen) = (*seed, *seed);
    for node in nodes {
        if last == 0 {
            return false;
        }
        if index & 1 == 1 || index == last {
            first_seen = node_hash(node, &first_seen);
            second_seen = node_hash(node, &second_seen);
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            second_seen = node_hash(&second_seen, node);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    last == 0 && first_seen == first_root && second_seen == second_root
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    tree.extend(leaves.iter().copied());
    tree.root()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::merkle::leaf_hash;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    /// Copies of `path` with one bit flipped, a node missing, or a node too many.
    fn damaged(path: &[Hash], at: usize) -> Vec<Vec<Hash>> {
        let mut flipped = path.to_vec();
        let mut shorter = path.to_vec();
        let longer = [path, &[Hash::ZERO]].concat();
        if path.is_empty() {
            return vec![longer];
        }
        flipped[at % path.len()].0[at % 32] ^= 1;
        shorter.remove(at % path.len());
        vec![flipped, shorter, longer]
    }

    #[test]
    fn a_path_of_every_leaf_leads_to_the_root() {
        for count in 1..70 {
            let leaves = leaves(count);
            for index in 0..count {
                let path = inclusion_path(&leaves, index);
                let at = |index: usize| included_root(leaves[index], index as u64, count as u64, &path);
                assert_eq!(at(index), Some(root(&leaves)), "{index} of {count}");
            }
        }
        assert_eq!(included_root(Hash::ZERO, 0, 0, &[]), None);
        assert_eq!(included_root(Hash::ZERO, 1, 1, &[]), None);
    }

    #[test]
    fn a_tree_continues_each_of_its_prefixes() {
        for count in 1..50 {
            let all = leaves(count);
            for first in 1..=count {
                let path = consistency_path(&all, first);
                let (before, after) = ((first as u64, root(&all[..first])), (count as u64, root(&all)));
                assert!(is_consistent(before, after, &path), "{first} of {count}");
            }
        }
    }

    proptest! {
        #[test]
        fn another_leaf_index_or_path_gives_another_root(count in 1usize..200, index in 0usize..200, other in 0usize..200) {
            let leaves = leaves(count);
            let (index, other) = (index % count, other % count);
            let path = inclusion_path(&leaves, index);
            let reached = |leaf: Hash, index: usize, path: &[Hash]| included_root(leaf, index as u64, count as u64, path) == Some(root(&leaves));
            prop_assert!(reached(leaves[index], index, &path));
            if other != index {
                prop_assert!(!reached(leaves[other], index, &path));
                prop_assert!(!reached(leaves[index], other, &path));
            }
            for damaged in damaged(&path, other) {
                prop_assert!(!reached(leaves[index], index, &damaged));
            }
        }

        #[test]
        fn a_tree_does_not_continue_another_one(count in 2usize..200, first in 1usize..200, at in 0usize..200) {
            let all = leaves(count);
            let first = 1 + first % (count - 1);
            let path = consistency_path(&all, first);
            let (before, after) = ((first as u64, root(&all[..first])), (count as u64, root(&all)));
            prop_assert!(is_consistent(before, after, &path));
            prop_assert!(!is_consistent((before.0, Hash::ZERO), after, &path));
            prop_assert!(!is_consistent(before, (after.0, Hash::ZERO), &path));
            for damaged in damaged(&path, at) {
                prop_assert!(!is_consistent(before, after, &damaged));
            }
        }
    }
}
