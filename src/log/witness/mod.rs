//! Witnesses of the archive's log: other parties that check that the log only grows, and sign its tree heads with a
//! time (C2SP tlog-cosignature, tlog-witness and tlog-policy).
//!
//! - `vkey.rs`: the text form of a public key · `key.rs`: a witness's key, which verifies cosignatures
//! - `cosignature.rs`: one signature line of a witness ·
//!   `cosigned_note.rs`: a checkpoint with such lines
//! - `policy.rs`: which cosignatures are enough · `policy_file.rs`: a policy as a file
//! - `add_checkpoint.rs`: the request to a witness and its answer

mod add_checkpoint;
mod cosignature;
mod cosigned_note;
mod key;
mod policy;
mod policy_file;
mod vkey;

pub use add_checkpoint::{ANSWER_MAX_BYTES, Answer, PROOF_MAX, classify, request_body};
pub use cosignature::{COSIGNATURE_MAX_BYTES, Cosignature};
pub use cosigned_note::CosignedNote;
pub use key::{WitnessKey, WitnessKeyError};
pub use policy::{Policy, PolicyError, PolicyLog, PolicyWitness, Quorum};
pub use policy_file::POLICY_MAX_BYTES;
