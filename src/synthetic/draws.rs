//! Reproducible random numbers: ChaCha8's key stream (the seed as its key, nonce 0), read as little-endian numbers.
//! Distributions use integer arithmetic written here, so that a new version of a library cannot change a byte.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Draws {
    stream: ChaCha8Rng,
    block: [u8; 256],
    at: usize,
}

impl Draws {
    /// The ChaCha8 key is the seed, little-endian, and 24 zeros.
    pub(crate) fn new(seed: u64) -> Draws {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Draws {
            stream: ChaCha8Rng::from_seed(key),
            block: [0; 256],
            at: 256,
        }
    }

    /// The next 32 bits of the stream.
    pub(crate) fn bits(&mut self) -> u32 {
        if self.at == self.block.len() {
            self.stream.fill_bytes(&mut self.block);
            self.at = 0;
        }
        let mut four = [0u8; 4];
        four.copy_from_slice(&self.block[self.at..self.at + 4]);
        self.at += 4;
        u32::from_le_bytes(four)
    }

    /// A number from 0 to `end` − 1; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(end)) >> 32) as u32
    }

    /// True with probability `part / whole`; never if `part` is 0, always if it is at least `whole`.
    pub(crate) fn chance(&mut self, part: u64, whole: u64) -> bool {
        (u128::from(self.bits()) * u128::from(whole)) >> 32 < u128::from(part)
    }

    /// One of `choices`, each with the same probability.
    pub(crate) fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let place = self.below(u32::try_from(choices.len()).unwrap_or(0));
        choices.get(place as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first word of ChaCha8 with a zero key and nonce, from the eSTREAM vectors.
    #[test]
    fn the_stream_is_chacha8() {
        let mut draws = Draws::new(0);
        assert_eq!(
            draws.bits().to_le_bytes(),
            [0x3e, 0x00, 0xef, 0x2f],
            "eSTREAM, ChaCha8, key 0, nonce 0"
        );
    }

    #[test]
    fn a_probability_of_zero_is_never_true_and_of_one_always() {
        let mut draws = Draws::new(1);
        assert!((0..1000).all(|_| !draws.chance(0, 3) && draws.chance(3, 3) && draws.below(3) < 3));
    }
}
