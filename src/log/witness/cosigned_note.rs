//! A checkpoint and cosignatures of it as one note, as other programs of transparency logs exchange it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::log::signed_note::{Note, NoteError};
use crate::log::witness::cosignature::Cosignature;

/// The length of a decoded line of Ed25519 (0x01): id and signature. No cosignature is as short.
const LOG_LINE_BYTES: usize = 4 + 64;

/// A signed checkpoint, and lines of witnesses below its own. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedNote {
    /// The checkpoint with the signature lines of logs alone.
    pub checkpoint: Note,
    /// The lines of witnesses, in order.
    pub cosignatures: Vec<Cosignature>,
}

impl CosignedNote {
    /// Parses a checkpoint with or without cosignature lines. Lines of other signature types are left out, as C2SP
    /// signed-note asks.
    ///
    /// # Errors
    /// [`NoteError`] if it is not a note, or has no line that may be a log's.
    pub fn parse(object: &[u8]) -> Result<CosignedNote, NoteError> {
        let text = std::str::from_utf8(object).map_err(|_| NoteError::Text)?;
        let (text, lines) = text.rsplit_once("\n\n").ok_or(NoteError::Layout)?;
        let mut checkpoint = format!("{text}\n\n");
        let mut cosignatures = Vec::new();
        for line in lines.strip_suffix('\n').ok_or(NoteError::Layout)?.split('\n') {
            let encoded = line.rsplit(' ').next().unwrap_or_default();
            let length = BASE64.decode(encoded).map_err(|_| NoteError::SignatureLine)?.len();
            if length == LOG_LINE_BYTES {
                checkpoint.push_str(line);
                checkpoint.push('\n');
            } else {
                cosignatures.extend(Cosignature::parse(line));
            }
        }
        Ok(CosignedNote {
            checkpoint: Note::parse(checkpoint.as_bytes())?,
            cosignatures,
        })
    }

    /// The note: the checkpoint's own lines, then those of witnesses.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut object = self.checkpoint.to_bytes();
        for cosignature in &self.cosignatures {
            object.extend(cosignature.to_object());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::checkpoint::Checkpoint;
    use crate::log::signed_note::SigningKey;
    use crate::log::signer::Signer as _;
    use crate::log::witness::key::WitnessKey;

    const ML_DSA: &str = include_str!("testdata/ml_dsa_44.txt");
    const HEAD: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n";

    #[test]
    fn a_checkpoint_with_lines_of_witnesses_is_taken_apart_and_put_together() {
        let signer = SigningKey::from_seed("log", &[1; 32]).unwrap();
        let checkpoint = signer.sign(HEAD.to_owned()).unwrap().to_bytes();
        let (key, line) = ML_DSA.trim_end().split_once('\n').unwrap();
        let object = [checkpoint.as_slice(), line.as_bytes(), b"\n"].concat();
        let note = CosignedNote::parse(&object).unwrap();
        assert_eq!(note.to_bytes(), object);
        assert!(
            signer
                .verifying_key()
                .signed(note.checkpoint.text(), &note.checkpoint.signatures()[0])
        );
        let head = note.checkpoint.text().parse::<Checkpoint>().unwrap();
        assert!(key.parse::<WitnessKey>().unwrap().verify(&head, &note.cosignatures[0]));
        let with_another_type = [object.as_slice(), "\u{2014} other AAAAAAA=\n".as_bytes()].concat();
        assert_eq!(CosignedNote::parse(&with_another_type).unwrap(), note);
        assert!(CosignedNote::parse(&checkpoint).unwrap().cosignatures.is_empty());
    }

    #[test]
    fn what_has_no_line_of_a_log_or_a_malformed_one_is_not_a_cosigned_note() {
        let line = ML_DSA.lines().nth(1).unwrap();
        assert_eq!(CosignedNote::parse(HEAD.as_bytes()), Err(NoteError::Layout));
        assert!(CosignedNote::parse(format!("{HEAD}\n{line}\n").as_bytes()).is_err());
        assert_eq!(
            CosignedNote::parse(format!("{HEAD}\nnoise!\n").as_bytes()),
            Err(NoteError::SignatureLine)
        );
        assert_eq!(
            CosignedNote::parse(format!("{HEAD}\n{line}").as_bytes()),
            Err(NoteError::Layout)
        );
    }
}
