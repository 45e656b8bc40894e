//! A cosignature: one signature line of a witness, whose signature begins with the time of signing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::log::signed_note::{KeyId, SIGNATURE_START, is_key_name};
use crate::record::hash::Hash;
use crate::record::utc::UtcSeconds;

/// The largest object that holds a cosignature. One line with a signature of ML-DSA-44 has about 3.3 kB.
pub const COSIGNATURE_MAX_BYTES: usize = 8 * 1024;

/// Name, id and signature of a line; nothing is verified yet.
/// [`WitnessKey::verify`](crate::log::witness::WitnessKey::verify) does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    name: String,
    id: KeyId,
    timestamp: u64,
    signature: Vec<u8>,
}

impl Cosignature {
    pub(super) fn new(name: &str, id: KeyId, timestamp: u64, signature: Vec<u8>) -> Cosignature {
        Cosignature {
            name: name.to_owned(),
            id,
            timestamp,
            signature,
        }
    }

    /// Parses `— <name> <base64(4-byte id || 8-byte time || signature)>` without its newline, with a signature of any
    /// length above 0; [`Cosignature::to_line`] gives the same text.
    #[must_use]
    pub fn parse(line: &str) -> Option<Cosignature> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (id, rest) = bytes.split_first_chunk::<4>()?;
        let (timestamp, signature) = rest.split_first_chunk::<8>()?;
        let cosignature = Cosignature::new(name, KeyId(*id), u64::from_be_bytes(*timestamp), signature.to_vec());
        (is_key_name(name) && !signature.is_empty()).then_some(cosignature)
    }

    /// Parses a stored object: one line with its newline, of at most [`COSIGNATURE_MAX_BYTES`].
    #[must_use]
    pub fn from_object(object: &[u8]) -> Option<Cosignature> {
        let text = std::str::from_utf8(object).ok()?;
        let line = text.strip_suffix('\n').filter(|line| !line.contains('\n'))?;
        (object.len() <= COSIGNATURE_MAX_BYTES).then(|| Cosignature::parse(line))?
    }

    /// The line without its newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let bytes = [&self.id.0, self.timestamp.to_be_bytes().as_slice(), &self.signature].concat();
        format!("{SIGNATURE_START}{} {}", self.name, BASE64.encode(bytes))
    }

    /// The stored object: the line with its newline.
    #[must_use]
    pub fn to_object(&self) -> Vec<u8> {
        format!("{}\n", self.to_line()).into_bytes()
    }

    /// The key of the stored object, for checkpoint `number`: `cosignatures/<number:010>/<SHA-256 of the object>.txt`.
    #[must_use]
    pub fn object_key(&self, number: u64) -> String {
        format!("cosignatures/{number:010}/{}.txt", Hash::of(&self.to_object()))
    }

    /// The name of the witness's key, not verified.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the witness's key, not verified.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// When the witness says that it signed, clamped to the years that [`UtcSeconds`] has.
    #[must_use]
    pub fn time(&self) -> UtcSeconds {
        UtcSeconds::from_unix(i64::try_from(self.timestamp).unwrap_or(i64::MAX))
    }

    /// The time of signing in seconds since the Unix epoch, as signed.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_form_is_refused() {
        let line = Cosignature::new("w.example", KeyId([1, 2, 3, 4]), 5, vec![6; 64]).to_line();
        assert_eq!(Cosignature::parse(&line).unwrap().to_line(), line);
        assert_eq!(
            Cosignature::from_object(format!("{line}\n").as_bytes())
                .unwrap()
                .to_line(),
            line
        );
        for wrong in [
            line.replace('\u{2014}', "-"),
            line.replace("w.example", "w+example"),
            line.replace("w.example ", ""),
            format!("{line}="),
            format!("{line}\n"),
            format!("{SIGNATURE_START}w.example {}", BASE64.encode([0; 12])),
        ] {
            assert_eq!(Cosignature::parse(&wrong), None, "{wrong}");
        }
        let long = Cosignature::new("w.example", KeyId([0; 4]), 5, vec![6; COSIGNATURE_MAX_BYTES]);
        for wrong in [
            line.clone(),
            format!("{line}\n\n"),
            format!("{line}\n{line}\n"),
            long.to_line() + "\n",
        ] {
            assert_eq!(Cosignature::from_object(wrong.as_bytes()), None);
        }
    }
}
