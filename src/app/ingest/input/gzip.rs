//! Reads gzip as the world writes it: several members one after the other, and padding of zeros after them, as tapes, block
//! devices and some copying programs leave it.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The decompressed bytes of all members.
pub(super) struct GzipMembers<R: BufRead> {
    /// `None` after the end, and while the next member is looked for.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    pub(super) fn new(stream: R) -> GzipMembers<R> {
        GzipMembers {
            member: Some(GzDecoder::new(stream)),
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut stream) = self.member.take().map(GzDecoder::into_inner) else {
                break;
            };
            if !is_at_end(&mut stream)? {
                self.member = Some(GzDecoder::new(stream));
            }
        }
        Ok(0)
    }
}

/// Skips zeros; whether nothing follows.
fn is_at_end(stream: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = stream.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (is_empty, next) = (bytes.is_empty(), bytes.get(zeros).copied());
        stream.consume(zeros);
        match next {
            None if is_empty => return Ok(true),
            None => {}
            Some(0x1f) => return Ok(false),
            Some(_) => {
                let text = "the last gzip member is followed by bytes that are neither another one nor padding";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// What is read before the end or the error, from a buffer of this capacity.
    fn read(bytes: &[u8], capacity: usize) -> (String, bool) {
        let mut text = Vec::new();
        let read = GzipMembers::new(BufReader::with_capacity(capacity, bytes)).read_to_end(&mut text);
        (String::from_utf8(text).unwrap(), read.is_ok())
    }

    #[test]
    fn members_follow_each_other_and_zeros_may_follow_each() {
        let (one, other) = (member("one\n"), member("other\n"));
        let both = [&one[..], &other].concat();
        let padded = [&one[..], &[0; 9], &other, &[0; 1_000]].concat();
        for capacity in [1, 7, 4_096] {
            assert_eq!(read(&one, capacity), ("one\n".to_owned(), true));
            assert_eq!(read(&both, capacity), ("one\nother\n".to_owned(), true));
            assert_eq!(read(&padded, capacity), ("one\nother\n".to_owned(), true));
        }
    }

    #[test]
    fn what_is_whole_is_read_before_the_error() {
        let (one, other) = (member("one\n"), member("other\n"));
        let cut = [&one[..], &other[..other.len() - 5]].concat();
        for bytes in [
            cut,
            [&one[..], b"garbage"].concat(),
            [&one[..], &[0; 9], b"garbage"].concat(),
        ] {
            let (text, is_whole) = read(&bytes, 4_096);
            assert!(text.starts_with("one\n") && !is_whole, "{text}");
        }
    }
}
