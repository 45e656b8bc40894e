//! How an archiver is named in its group.

use crate::config::invalid::{Invalid, require};

/// The archiver's `group.instance.id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceId {
    /// A name of this host that no other archiver of it has now.
    Auto,
    /// None: a dynamic member.
    None,
    /// This name, which no other archiver may have at the same time.
    Named(String),
}

impl InstanceId {
    /// Reads the setting `archive.instance_id`.
    pub(super) fn of(written: &str) -> Result<InstanceId, Invalid> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        require(
            written.len() <= 249 && written.chars().all(is_allowed),
            "archive.instance_id",
            format!("must be auto, empty, or a name of letters, digits, '.', '_' and '-', not `{written}`"),
        )?;
        Ok(match written {
            "auto" => InstanceId::Auto,
            "" => InstanceId::None,
            name => InstanceId::Named(name.to_owned()),
        })
    }
}
