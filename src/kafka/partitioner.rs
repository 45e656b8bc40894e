//! The partition of a record, calculated as in Java's client, so that all clients send a key to the same partition. It must
//! not change: records that were sent with the same key are in that partition.

/// The partition of `key` among `partitions`: the hash without its sign bit, modulo (Kafka's `BuiltInPartitioner`).
#[must_use]
pub fn of_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// Murmur2, 32 bits, with the seed that Kafka chose (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mix = |word: u32| {
        let word = word.wrapping_mul(MULTIPLIER);
        (word ^ word >> 24).wrapping_mul(MULTIPLIER)
    };
    // Kafka takes the length as a signed number of 32 bits, and no key is longer.
    let mut hash = SEED ^ key.len() as u32;
    let words = key.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mix(word);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(MULTIPLIER);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rdkafka_sys as sys;
    use std::ptr;

    proptest! {
        #[test]
        #[allow(unsafe_code, reason = "compares with the partitioner of librdkafka")]
        fn partitions_are_those_that_librdkafka_would_choose_as_java_does(
            key in proptest::collection::vec(any::<u8>(), 0..40), partitions in 1u32..1_000,
        ) {
            // SAFETY: with a key, the partitioner reads the key and nothing else.
            let theirs = unsafe {
                let (key, length) = (key.as_ptr().cast(), key.len());
                let count = partitions.cast_signed();
                sys::rd_kafka_msg_partitioner_murmur2(ptr::null(), key, length, count, ptr::null_mut(), ptr::null_mut())
            };
            prop_assert_eq!(of_key(&key, partitions).cast_signed(), theirs);
        }
    }

    /// Of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn the_hashes_are_those_of_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_the_hash_without_its_sign_modulo_their_number() {
        for (partitions, expected) in [
            (1, 0),
            (2, (-973_932_308_i32 & i32::MAX) as u32 % 2),
            (6, 1_173_551_340 % 6),
        ] {
            assert_eq!(of_key(b"21", partitions), expected);
        }
        assert_eq!(of_key(b"", 0), 0);
    }
}
