//! The dictionary of a column chunk that has few different values, in the order in which they first stand there.

use std::io;

/// Values in PLAIN encoding. The index of each is one byte.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    values: Vec<Vec<u8>>,
}

impl Dictionary {
    /// Appends the indices of the values, which are in PLAIN encoding, and adds the new ones.
    ///
    /// # Errors
    /// More than 256 different values: a topic, a partition, an epoch and the types of timestamps never are so many.
    pub(crate) fn code<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>, indices: &mut Vec<u8>) -> io::Result<()> {
        for value in values {
            let known = self.values.iter().position(|known| known == value);
            let index = known.unwrap_or_else(|| {
                self.values.push(value.to_vec());
                self.values.len() - 1
            });
            let index = u8::try_from(index).map_err(|_| io::Error::other("a dictionary has too many values"))?;
            indices.push(index);
        }
        Ok(())
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values in PLAIN encoding.
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.values.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(dictionary: &mut Dictionary, values: &[u32]) -> Option<Vec<u8>> {
        let values: Vec<[u8; 4]> = values.iter().map(|value| value.to_le_bytes()).collect();
        let mut indices = Vec::new();
        let coded = dictionary.code(values.iter().map(<[u8; 4]>::as_slice), &mut indices);
        coded.ok().map(|()| indices)
    }

    #[test]
    fn values_have_indices_in_the_order_of_their_first_place() {
        let mut dictionary = Dictionary::default();
        assert_eq!(code(&mut dictionary, &[5, 5, 3, 5]), Some(vec![0, 0, 1, 0]));
        assert_eq!(code(&mut dictionary, &[9, 3]), Some(vec![2, 1]));
        assert_eq!(dictionary.plain(), [5, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0]);
    }

    #[test]
    fn an_index_is_one_byte() {
        let mut dictionary = Dictionary::default();
        let most: Vec<u32> = (0..256).collect();
        assert_eq!(code(&mut dictionary, &most).map(|indices| indices[255]), Some(255));
        assert_eq!(code(&mut dictionary, &[256]), None);
    }
}
