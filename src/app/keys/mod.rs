//! Keys of an archive: showing them, and changing them. A change is proposed, signed and entered in the log; `rotate` and `retire`
//! do all three with the key on this machine, where that may sign changes. Each command can be interrupted anywhere and run
//! again. No key is deleted, and no private key is printed.

mod enter;
mod proposing;
mod retiring;
mod rotating;
mod show;

pub use enter::{ApplyReport, apply};
pub use proposing::{Asked, KeysAsked, ProposalReport, SignReport, origin_of, propose, sign};
pub use retiring::{Idle, RetireReport, retire};
pub use rotating::{RotateReport, Rotated, rotate};
pub use show::{KeyShown, KeysReport, require_name, show};
