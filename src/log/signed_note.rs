//! C2SP signed notes with Ed25519 (c2sp.org/signed-note): a text followed by signature lines.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer as _;

use crate::record::hash::Hash;

/// The signature type byte of Ed25519.
const ED25519: u8 = 0x01;
/// What a signature line begins with.
pub(crate) const SIGNATURE_START: &str = "\u{2014} ";

/// Why a text is not a note, or not a note key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not UTF-8, or a control character below U+0020 other than newline.
    #[error("the note is not plain UTF-8 text")]
    Text,
    /// No text, no empty line, no signature lines, or more text after them.
    #[error("the note is not a text, an empty line and signature lines")]
    Layout,
    /// A signature line is not `— <name> <base64(4-byte id || 64-byte signature)>`.
    #[error("a signature line is malformed")]
    SignatureLine,
    /// Not `<name>+<id>+<base64>` with the id of name and key.
    #[error("not a note key of the form name+id+base64, or its id does not belong to it")]
    Key,
}

/// A key id: the first 4 bytes of `SHA-256(name || 0x0A || 0x01 || public key)`, printed as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    fn of(name: &str, public_key: &[u8; 32]) -> KeyId {
        let hash = Hash::of_parts(&[name.as_bytes(), b"\n", &[ED25519], public_key]);
        KeyId([hash.0[0], hash.0[1], hash.0[2], hash.0[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A public key with its name: `<name>+<8 hex of id>+<base64(0x01 || key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The public key with this name and these bytes.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the bytes are not a public key, or the name is empty or has white space or `+`.
    pub fn new(name: &str, bytes: &[u8; 32]) -> Result<VerifyingKey, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key);
        }
        Ok(VerifyingKey {
            name: name.to_owned(),
            id: KeyId::of(name, bytes),
            key: canonical_point(bytes).ok_or(NoteError::Key)?,
        })
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is a valid signature of `text` by this key.
    #[must_use]
    pub fn signed(&self, text: &str, signature: &Signature) -> bool {
        signature.name == self.name && signature.key_id == self.id && self.verifies(text.as_bytes(), &signature.bytes)
    }

    /// Whether `signature` is a valid Ed25519 signature of `message` by this key, by the strict rules.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, encode_key(self.key.as_bytes()))
    }
}

impl FromStr for VerifyingKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<VerifyingKey, NoteError> {
        let (name, id, bytes) = split_key(text)?;
        let verifying = VerifyingKey::new(name, &bytes)?;
        // Comparing the whole text also refuses a wrong id, upper-case hex and non-canonical base64.
        if verifying.id.to_string() == id && verifying.to_string() == text {
            Ok(verifying)
        } else {
            Err(NoteError::Key)
        }
    }
}

/// A private key with its name. Only [`SigningKey::to_secret_text`] reveals it; `Debug` prints name and id.
#[derive(Clone)]
pub struct SigningKey {
    public: VerifyingKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key with this name and Ed25519 seed.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the name is empty or has white space or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<SigningKey, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key);
        }
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let key = secret.verifying_key();
        let public = VerifyingKey {
            name: name.to_owned(),
            id: KeyId::of(name, key.as_bytes()),
            key,
        };
        Ok(SigningKey { public, secret })
    }

    /// The public key.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The same key under another name, and therefore with another id.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the name is empty or has white space or `+`.
    pub fn named(&self, name: &str) -> Result<SigningKey, NoteError> {
        SigningKey::from_seed(name, self.secret.as_bytes())
    }

    /// `PRIVATE+KEY+<name>+<8 hex of id>+<base64(0x01 || seed)>`: the secret, for the key file only.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!(
            "PRIVATE+KEY+{}+{}+{}",
            self.public.name,
            self.public.id,
            encode_key(self.secret.as_bytes())
        )
    }

    /// The Ed25519 signature over the bytes of `text`.
    pub(super) fn signature_of(&self, text: &str) -> [u8; 64] {
        self.secret.sign(text.as_bytes()).to_bytes()
    }
}

impl FromStr for SigningKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<SigningKey, NoteError> {
        let (name, _, seed) = split_key(text.strip_prefix("PRIVATE+KEY+").ok_or(NoteError::Key)?)?;
        let key = SigningKey::from_seed(name, &seed)?;
        if key.to_secret_text() == text {
            Ok(key)
        } else {
            Err(NoteError::Key)
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}+{})", self.public.name, self.public.id)
    }
}

/// The public key in these bytes; `None` if they are not the canonical encoding of a point, or if its order is small.
fn canonical_point(bytes: &[u8; 32]) -> Option<ed25519_dalek::VerifyingKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    (canonical && !key.is_weak()).then_some(key)
}

fn encode_key(key: &[u8; 32]) -> String {
    let mut typed = [ED25519; 33];
    typed[1..].copy_from_slice(key);
    BASE64.encode(typed)
}

fn split_key(text: &str) -> Result<(&str, &str, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    let typed = BASE64.decode(key).map_err(|_| NoteError::Key)?;
    match typed.split_first() {
        Some((&ED25519, key)) if is_key_name(name) => Ok((name, id, key.try_into().map_err(|_| NoteError::Key)?)),
        _ => Err(NoteError::Key),
    }
}

/// The longest name of a key in bytes: invalid notes of outsiders are named in findings.
const NAME_MAX_BYTES: usize = 255;

/// Whether `name` may be the name of a key: not empty, no white space, no control character, no `+`.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && !name.contains(|c: char| c.is_whitespace() || is_forbidden_control(c) || c == '+')
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let plain = text.ends_with('\n') && !text.chars().any(is_forbidden_control);
    if plain { Ok(()) } else { Err(NoteError::Text) }
}

/// C2SP forbids control characters below U+0020 other than newline; it allows U+007F to U+009F.
fn is_forbidden_control(c: char) -> bool {
    c < '\u{20}' && c != '\n'
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the signing key, not verified.
    pub name: String,
    /// The id of the signing key, not verified.
    pub key_id: KeyId,
    bytes: [u8; 64],
}

/// A text and its signature lines, in order. Parsing does not verify them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Parses an object as a note; [`Note::to_bytes`] gives the same bytes.
    ///
    /// # Errors
    /// [`NoteError`] if it is not exactly a text that ends in a newline, an empty line, and signature lines.
    pub fn parse(object: &[u8]) -> Result<Note, NoteError> {
        let object = std::str::from_utf8(object).map_err(|_| NoteError::Text)?;
        let split = object.rfind("\n\n").ok_or(NoteError::Layout)?;
        let (text, lines) = (&object[..=split], &object[split + 2..]);
        check_text(text)?;
        let signatures = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Layout)?
            .split('\n')
            .map(parse_signature)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Note {
            text: text.to_owned(),
            signatures,
        })
    }

    /// A note without signature lines yet, to which [`Note::with_signature`] adds them.
    pub(super) fn unsigned(text: String) -> Result<Note, NoteError> {
        check_text(&text)?;
        Ok(Note {
            text,
            signatures: Vec::new(),
        })
    }

    /// This note with a signature line of this key appended.
    #[must_use]
    pub(super) fn with_signature(mut self, key: &VerifyingKey, bytes: [u8; 64]) -> Note {
        self.signatures.push(Signature {
            name: key.name.clone(),
            key_id: key.id,
            bytes,
        });
        self
    }

    /// This note with these signature lines instead of its own.
    #[must_use]
    pub(super) fn with_lines(mut self, signatures: Vec<Signature>) -> Note {
        self.signatures = signatures;
        self
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// This note with the signatures of `other` appended.
    ///
    /// # Errors
    /// [`NoteError::Text`] if `other` has another text.
    pub fn with_signatures_of(mut self, other: Note) -> Result<Note, NoteError> {
        if self.text != other.text {
            return Err(NoteError::Text);
        }
        self.signatures.extend(other.signatures);
        Ok(self)
    }

    /// This note with only those signatures for which `keeps` is true.
    #[must_use]
    pub fn with_only(mut self, keeps: impl FnMut(&Signature) -> bool) -> Note {
        self.signatures.retain(keeps);
        self
    }

    /// The object's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut object = format!("{}\n", self.text);
        for signature in &self.signatures {
            let mut typed = [0u8; 68];
            typed[..4].copy_from_slice(&signature.key_id.0);
            typed[4..].copy_from_slice(&signature.bytes);
            object.push_str(&format!(
                "{SIGNATURE_START}{} {}\n",
                signature.name,
                BASE64.encode(typed)
            ));
        }
        object.into_bytes()
    }
}

fn parse_signature(line: &str) -> Result<Signature, NoteError> {
    let parsed = (|| {
        let (name, encoded) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
        let typed: [u8; 68] = BASE64.decode(encoded).ok()?.try_into().ok()?;
        let (id, bytes) = typed.split_first_chunk::<4>()?;
        let signature = Signature {
            name: name.to_owned(),
            key_id: KeyId(*id),
            bytes: bytes.try_into().ok()?,
        };
        is_key_name(name).then_some(signature)
    })();
    parsed.ok_or(NoteError::SignatureLine)
}

#[cfg(test)]
#[path = "signed_note_tests.rs"]
mod tests;
