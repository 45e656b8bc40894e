//! The Merkle tree hash of RFC 9162 section 2.1.1, built leaf by leaf in O(log n) memory. [`path`] has the proofs.

pub mod path;
pub mod range;
pub mod several;

use crate::record::hash::Hash;

/// A tree under construction: the roots of its full subtrees, largest first.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    subtrees: Vec<Hash>,
    leaf_count: u64,
}

impl Tree {
    /// Adds the next leaf, given as its hash (`SHA-256(0x00 || data)`).
    #[inline]
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each trailing one in the count is a full subtree of the same size as `node`, waiting for its sibling.
        for _ in 0..self.leaf_count.trailing_ones() {
            match self.subtrees.pop() {
                Some(left) => node = node_hash(&left, &node),
                None => break,
            }
        }
        self.subtrees.push(node);
        self.leaf_count += 1;
    }

    /// The tree of `leaf_count` leaves with these peaks: the roots of its full subtrees, largest first. `None` if a tree of
    /// that size has another number of peaks.
    #[must_use]
    pub fn from_peaks(peaks: &[Hash], leaf_count: u64) -> Option<Tree> {
        let fits = u64::from(leaf_count.count_ones()) == peaks.len() as u64;
        fits.then(|| Tree {
            subtrees: peaks.to_vec(),
            leaf_count,
        })
    }

    /// The roots of the full subtrees, largest first; none without leaves.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.subtrees
    }

    /// How many leaves were added.
    #[must_use]
    pub fn leaf_count(&self) -> u64 {
        self.leaf_count
    }

    /// The tree hash over all leaves so far; `SHA-256("")` without leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.subtrees.iter().rev();
        match smallest_first.next() {
            None => Hash::of(b""),
            Some(smallest) => smallest_first.fold(*smallest, |right, left| node_hash(left, &right)),
        }
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

/// The leaf hash `SHA-256(0x00 || data)`.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash::of_parts(&[&[0x00], data])
}

/// The hash `SHA-256(0x01 || left || right)` of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut joined = [0x01; 65];
    joined[1..33].copy_from_slice(&left.0);
    joined[33..].copy_from_slice(&right.0);
    Hash::of(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of RFC 9162 section 2.1.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(b""),
            [leaf] => *leaf,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node_hash(&by_definition(&leaves[..k]), &by_definition(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_vectors_of_certificate_transparency_hold() {
        // The eight inputs and roots of the certificate-transparency reference tests.
        let inputs: [&[u8]; 4] = [b"", b"\x00", b"\x10", b"\x20\x21"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        let mut tree = Tree::default();
        assert_eq!(tree.root(), Hash::of(b""));
        for (input, root) in inputs.iter().zip(roots) {
            tree.push(leaf_hash(input));
            assert_eq!(tree.root().to_string(), root);
        }
    }

    proptest! {
        #[test]
        fn growing_a_tree_gives_the_hash_of_the_definition(count in 0usize..200) {
            let leaves: Vec<Hash> = (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect();
            let mut tree = Tree::default();
            tree.extend(leaves.iter().copied());
            prop_assert_eq!(tree.root(), by_definition(&leaves));
        }
    }
}
