//! The text form of a public key: `<name>+<8 hex of id>+<base64(type || key)>` (C2SP signed-note).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::log::signed_note::{KeyId, is_key_name};
use crate::record::hash::Hash;

/// The parts of a key's text. The id belongs to name, type and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vkey {
    pub name: String,
    pub id: KeyId,
    /// The signature type.
    pub kind: u8,
    /// The public key, of any length.
    pub key: Vec<u8>,
}

impl Vkey {
    /// Parses a key of any signature type whose id is `SHA-256(name || 0x0A || type || key)[:4]`.
    pub(super) fn parse(text: &str) -> Option<Vkey> {
        let mut parts = text.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let typed = BASE64.decode(encoded).ok()?;
        let (kind, key) = typed.split_first()?;
        let vkey = Vkey {
            name: name.to_owned(),
            id: id_of(name, *kind, key),
            kind: *kind,
            key: key.to_vec(),
        };
        // Comparing the id as text also refuses upper-case hex.
        (is_key_name(name) && vkey.id.to_string() == id).then_some(vkey)
    }

    pub(super) fn format(&self) -> String {
        let typed = [&[self.kind], self.key.as_slice()].concat();
        format!("{}+{}+{}", self.name, self.id, BASE64.encode(typed))
    }
}

fn id_of(name: &str, kind: u8, key: &[u8]) -> KeyId {
    let hash = Hash::of_parts(&[name.as_bytes(), b"\n", &[kind], key]);
    KeyId([hash.0[0], hash.0[1], hash.0[2], hash.0[3]])
}
