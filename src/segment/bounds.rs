//! What the end of a segment says of its typed columns, so that a search can leave out the rest. It is untrusted: a false bound
//! hides records, which the check of a whole segment finds.

use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::guard::footer;
use crate::segment::guard::thrift::Struct;
use crate::segment::projection::rules::Projection;
use crate::segment::schema::{AUTHORITATIVE, elements, leaves};

/// The rules and the bounds of the typed columns.
#[derive(Debug)]
pub struct ColumnBounds {
    projection: Projection,
    /// For each row group, the bounds of each rule's column.
    groups: Vec<Vec<Bounds>>,
}

/// The values of a column in a row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bounds {
    /// Not known.
    Unknown,
    /// All are null.
    Nulls,
    /// From the one to the other.
    Between(i64, i64),
}

impl ColumnBounds {
    /// Reads them from the last bytes of a segment, at least as many as [`crate::segment::decode::footer_length`] says.
    ///
    /// # Errors
    /// [`Unreadable`] if it is not the end of a segment.
    pub fn read(end: &[u8]) -> Result<ColumnBounds, Unreadable> {
        let (_, fields) = footer::read(end)?;
        let (_, projection) = Footer::from_pairs(&footer::pairs(fields)?)?;
        let rules = AUTHORITATIVE..AUTHORITATIVE + projection.rules().len();
        let leaves = leaves(&elements(&projection));
        let is_typed: Vec<bool> = leaves.iter().map(|leaf| rules.contains(&leaf.column)).collect();
        let of_group = |group: Struct<'_>| {
            let chunks = group.list(1).structures().zip(&is_typed);
            chunks
                .filter(|(_, is_typed)| **is_typed)
                .map(|(chunk, _)| Bounds::of(chunk.structure(3)))
                .collect()
        };
        let groups = fields.list(4).structures().map(of_group).collect();
        Ok(ColumnBounds { projection, groups })
    }

    /// The rules of the typed columns.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Whether the column of the rule with this index has bounds.
    #[must_use]
    pub fn are_known(&self, rule: usize) -> bool {
        self.groups
            .iter()
            .any(|group| group.get(rule).is_some_and(|bounds| *bounds != Bounds::Unknown))
    }

    /// Whether a row may have this value in the column of the rule with this index: the integer that is stored.
    #[must_use]
    pub fn may_have(&self, rule: usize, value: i64) -> bool {
        self.groups.iter().any(|group| match group.get(rule) {
            None | Some(Bounds::Unknown) => true,
            Some(Bounds::Nulls) => false,
            Some(Bounds::Between(least, greatest)) => (*least..=*greatest).contains(&value),
        })
    }
}

impl Bounds {
    fn of(metadata: Struct<'_>) -> Bounds {
        let statistics = metadata.structure(12);
        let number = |id| Some(i64::from_le_bytes(statistics.binary(id)?.try_into().ok()?));
        match (number(6), number(5)) {
            (Some(least), Some(greatest)) => Bounds::Between(least, greatest),
            _ if statistics.int(3).is_some() && statistics.int(3) == metadata.int(5) => Bounds::Nulls,
            _ => Bounds::Unknown,
        }
    }
}
