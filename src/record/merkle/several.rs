//! Inclusion proofs of several leaves of one tree (FORMAT.md section 0): the roots of the subtrees that have none of them.
//! Neighbouring leaves share their paths, so that a proof of many is short.

use crate::record::hash::Hash;
use crate::record::merkle::{Tree, node_hash};

/// The path of the leaves at these ascending indices.
#[must_use]
pub fn several_path(leaves: &[Hash], indices: &[usize]) -> Vec<Hash> {
    let mut path = Vec::new();
    collect(leaves, 0, indices, &mut path);
    path
}

fn collect(leaves: &[Hash], first: usize, indices: &[usize], path: &mut Vec<Hash>) {
    if indices.is_empty() {
        let mut tree = Tree::default();
        tree.extend(leaves.iter().copied());
        path.push(tree.root());
    } else if leaves.len() > 1 {
        let middle = usize::try_from(split(leaves.len() as u64)).unwrap_or(usize::MAX);
        let (left, right) = leaves.split_at(middle.min(leaves.len()));
        let middle = first + left.len();
        let (of_left, of_right) = indices.split_at(indices.partition_point(|index| *index < middle));
        collect(left, first, of_left, path);
        collect(right, middle, of_right, path);
    }
}

/// The root that `path` gives for these leaves of a tree of `count`, which are named by their indices. None where they do not
/// ascend, or no such tree has a path of this length.
#[must_use]
pub fn several_root(leaves: &[(u64, Hash)], count: u64, path: &[Hash]) -> Option<Hash> {
    let ascend = leaves.is_sorted_by(|(before, _), (after, _)| before < after);
    let (last, _) = leaves.last()?;
    let mut steps = path.iter();
    let root = (ascend && *last < count).then(|| fold(leaves, 0, count, &mut steps))??;
    steps.next().is_none().then_some(root)
}

/// The root over `count` leaves from `first` on. Goes only into subtrees that have one of the leaves, and at most 64 levels deep.
fn fold<'p>(
    leaves: &[(u64, Hash)],
    first: u64,
    count: u64,
    steps: &mut impl Iterator<Item = &'p Hash>,
) -> Option<Hash> {
    match leaves {
        [] => steps.next().copied(),
        [(_, leaf), ..] if count == 1 => Some(*leaf),
        _ => {
            let left = split(count);
            let middle = first + left;
            let (of_left, of_right) = leaves.split_at(leaves.partition_point(|(index, _)| *index < middle));
            let left = fold(of_left, first, left, steps)?;
            let right = fold(of_right, middle, count - (middle - first), steps)?;
            Some(node_hash(&left, &right))
        }
    }
}

/// The greatest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::merkle::leaf_hash;
    use crate::record::merkle::path::inclusion_path;

    fn tree(count: usize) -> (Vec<Hash>, Hash) {
        let leaves: Vec<Hash> = (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect();
        let mut tree = Tree::default();
        tree.extend(leaves.iter().copied());
        (leaves, tree.root())
    }

    fn named(leaves: &[Hash], indices: &[usize]) -> Vec<(u64, Hash)> {
        indices.iter().map(|index| (*index as u64, leaves[*index])).collect()
    }

    #[test]
    fn every_choice_of_leaves_has_a_path_and_no_other_path_holds() {
        for count in 1..=9 {
            let (leaves, root) = tree(count);
            for choice in 1_u32..1 << count {
                let indices: Vec<usize> = (0..count).filter(|index| choice & (1 << index) != 0).collect();
                let (chosen, path) = (named(&leaves, &indices), several_path(&leaves, &indices));
                assert_eq!(several_root(&chosen, count as u64, &path), Some(root));
                let longer: Vec<Hash> = path.iter().copied().chain([root]).collect();
                assert_eq!(several_root(&chosen, count as u64, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(several_root(&chosen, count as u64, shorter), None);
                }
            }
        }
    }

    #[test]
    fn the_path_of_one_leaf_has_the_nodes_of_its_inclusion_path() {
        let (leaves, _) = tree(13);
        for index in 0..13 {
            let (mut one, mut several) = (inclusion_path(&leaves, index), several_path(&leaves, &[index]));
            one.sort_unstable();
            several.sort_unstable();
            assert_eq!(one, several);
        }
        // Neighbours share what is beside them.
        assert!(several_path(&leaves, &[4, 5, 6, 7]).len() <= 3);
    }

    #[test]
    fn no_leaf_one_twice_another_order_and_one_beyond_the_end_have_no_root() {
        let (leaves, _) = tree(4);
        let path = several_path(&leaves, &[0, 1]);
        let (zero, one) = ((0, leaves[0]), (1, leaves[1]));
        for wrong in [vec![], vec![one, zero], vec![zero, zero], vec![zero, (4, leaves[1])]] {
            assert_eq!(several_root(&wrong, 4, &path), None);
        }
        // As large as a link can claim.
        assert_eq!(several_root(&[(u64::MAX >> 1, leaves[0])], u64::MAX, &[]), None);
    }
}
