//! Checks the statistics of a file against its values. Query engines trust statistics: a false bound hides rows from them
//! that a check of the records alone would not miss.

use std::cmp::Ordering;
use std::ops::Range;

use crate::segment::error::Unreadable;
use crate::segment::guard::thrift::Thrift;

/// The statistics of a chunk or a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Statistics {
    bounds: Vec<Bound>,
    null_count: Option<i64>,
    distinct_count: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    side: Side,
    /// The value in plain encoding.
    bytes: Vec<u8>,
    /// Whether the bound is marked as an existing value.
    exact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Min,
    Max,
}

impl Statistics {
    /// Reads Parquet's `Statistics`, including the deprecated bounds, which some engines still use.
    pub(crate) fn read(thrift: &Thrift<'_>) -> Result<Statistics, Unreadable> {
        let fields = [
            (1, Side::Max, None),
            (2, Side::Min, None),
            (5, Side::Max, Some(7)),
            (6, Side::Min, Some(8)),
        ];
        let mut statistics = Statistics::default();
        for (id, side, exact) in fields {
            let Some(field) = thrift.field(id) else { continue };
            let Thrift::Binary(bytes) = field else {
                return Err(Unreadable::Layout("a statistic is malformed".into()));
            };
            statistics.bounds.push(Bound {
                side,
                bytes: bytes.to_vec(),
                exact: exact.is_some_and(|id| thrift.bool(id) == Some(true)),
            });
        }
        statistics.null_count = thrift.int(3);
        statistics.distinct_count = thrift.int(4);
        Ok(statistics)
    }
}

/// Statistics and the entries of the leaf column that they cover.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Entries, counted from the file's first: one per row, or more in a list column.
    pub(crate) entries: Range<u64>,
    pub(crate) statistics: Statistics,
}

/// An entry of a leaf column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    Null,
    /// The entry of a record without headers in a header column: some writers count it as a null, others do not.
    NoHeader,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
}

/// The claims about one leaf column, checked while its entries are read.
#[derive(Debug)]
pub(crate) struct ColumnClaims {
    at: u64,
    /// Claims whose range is not reached yet, the next one last.
    waiting: Vec<Claim>,
    active: Vec<ClaimCheck>,
}

impl ColumnClaims {
    /// None if there is no claim.
    pub(crate) fn of(claims: &[Claim]) -> Option<ColumnClaims> {
        let mut waiting = claims.to_vec();
        waiting.sort_by_key(|claim| std::cmp::Reverse(claim.entries.start));
        (!waiting.is_empty()).then_some(ColumnClaims {
            at: 0,
            waiting,
            active: Vec::new(),
        })
    }

    /// Takes the column's next entry, in the row at `offset`; calls `fault` for each claim that ends here and is false.
    pub(crate) fn see(&mut self, entry: Entry<'_>, offset: i64, mut fault: impl FnMut(i64, &'static str)) {
        while let Some(claim) = self.waiting.pop_if(|claim| claim.entries.start == self.at) {
            self.active.push(ClaimCheck::new(claim));
        }
        self.at += 1;
        self.active.retain_mut(|check| {
            check.see(entry, offset);
            if let (true, Some(what)) = (check.is_complete(), check.verdict()) {
                fault(check.offset, what);
            }
            !check.is_complete()
        });
    }
}

/// The check of one claim, entry by entry.
#[derive(Debug)]
struct ClaimCheck {
    claim: Claim,
    seen: u64,
    nulls: u64,
    no_headers: u64,
    /// For each bound, whether some value equals it.
    reached: Vec<bool>,
    /// The first fault of a bound.
    fault: Option<&'static str>,
    /// The offset of the fault's row, else of the first row.
    offset: i64,
}

impl ClaimCheck {
    fn new(claim: Claim) -> ClaimCheck {
        let reached = vec![false; claim.statistics.bounds.len()];
        ClaimCheck {
            claim,
            seen: 0,
            nulls: 0,
            no_headers: 0,
            reached,
            fault: None,
            offset: 0,
        }
    }

    /// Takes the next entry of the claim's range, in the row at `offset`.
    fn see(&mut self, entry: Entry<'_>, offset: i64) {
        if self.seen == 0 {
            self.offset = offset;
        }
        self.seen += 1;
        match entry {
            Entry::Null => self.nulls += 1,
            Entry::NoHeader => self.no_headers += 1,
            value => self.see_value(value, offset),
        }
    }

    fn see_value(&mut self, entry: Entry<'_>, offset: i64) {
        for (bound, reached) in self.claim.statistics.bounds.iter().zip(&mut self.reached) {
            let fault = match (compare(entry, &bound.bytes), bound.side) {
                (None, _) => "a statistic cannot be compared with the column's values",
                (Some(Ordering::Less), Side::Min) | (Some(Ordering::Greater), Side::Max) => {
                    "a statistic hides an existing row"
                }
                (Some(ordering), _) => {
                    *reached |= ordering == Ordering::Equal;
                    continue;
                }
            };
            if self.fault.is_none() {
                (self.fault, self.offset) = (Some(fault), offset);
            }
        }
    }

    /// The fault of the claim, after all its entries; none if it is true.
    fn verdict(&self) -> Option<&'static str> {
        let statistics = &self.claim.statistics;
        let values = self.seen - self.nulls - self.no_headers;
        let is_either = |claimed: i64| {
            u64::try_from(claimed).is_ok_and(|claimed| claimed == self.nulls || claimed == self.nulls + self.no_headers)
        };
        let unreached = |(bound, reached): (&Bound, &bool)| bound.exact && !reached && values > 0;
        if self.fault.is_some() {
            self.fault
        } else if statistics.null_count.is_some_and(|claimed| !is_either(claimed)) {
            Some("a statistic miscounts the nulls")
        } else if statistics.bounds.iter().zip(&self.reached).any(unreached) {
            Some("a statistic has an exact bound that no value has")
        } else if statistics
            .distinct_count
            .is_some_and(|claimed| !(i64::from(values > 0)..=saturated(values)).contains(&claimed))
        {
            Some("a statistic miscounts the distinct values")
        } else {
            None
        }
    }

    /// Whether all entries of the claim were read.
    fn is_complete(&self) -> bool {
        self.seen == self.claim.entries.end - self.claim.entries.start
    }
}

fn saturated(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Compares the entry with a bound in the order of the column's type; none if they cannot be compared. Zeros of either
/// sign are equal, as the Parquet specification requires for bounds.
fn compare(entry: Entry<'_>, bound: &[u8]) -> Option<Ordering> {
    match entry {
        Entry::Null | Entry::NoHeader => None,
        Entry::Bool(value) => match bound {
            [0] => Some(value.cmp(&false)),
            [1] => Some(value.cmp(&true)),
            _ => None,
        },
        Entry::Int(value) => match bound.len() {
            4 => Some(value.cmp(&i64::from(i32::from_le_bytes(bound.try_into().ok()?)))),
            8 => Some(value.cmp(&i64::from_le_bytes(bound.try_into().ok()?))),
            _ => None,
        },
        Entry::Float(value) => value.partial_cmp(&f64::from_le_bytes(bound.try_into().ok()?)),
        Entry::Bytes(value) => Some(value.cmp(bound)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(bounds: &[(Side, &[u8], bool)], null_count: Option<i64>, distinct_count: Option<i64>) -> Claim {
        let bound = |(side, bytes, exact): &(Side, &[u8], bool)| Bound {
            side: *side,
            bytes: bytes.to_vec(),
            exact: *exact,
        };
        Claim {
            entries: 0..3,
            statistics: Statistics {
                bounds: bounds.iter().map(bound).collect(),
                null_count,
                distinct_count,
            },
        }
    }

    fn verdict(claim: Claim, entries: &[Entry<'_>]) -> Option<&'static str> {
        let mut check = ClaimCheck::new(claim);
        for (offset, entry) in entries.iter().enumerate() {
            check.see(*entry, offset as i64);
        }
        assert!(check.is_complete());
        check.verdict()
    }

    #[test]
    fn true_bounds_pass_and_false_ones_do_not() {
        let ints = [Entry::Int(-5), Entry::Null, Entry::Int(7)];
        let [low, high, between] = [-5i64, 7, 3].map(i64::to_le_bytes);
        assert_eq!(
            verdict(
                claim(&[(Side::Min, &low, true), (Side::Max, &high, true)], Some(1), Some(2)),
                &ints
            ),
            None
        );
        assert_eq!(
            verdict(claim(&[(Side::Max, &i64::MAX.to_le_bytes(), false)], None, None), &ints),
            None
        );
        let hides = Some("a statistic hides an existing row");
        assert_eq!(
            verdict(claim(&[(Side::Min, &between, false)], None, None), &ints),
            hides
        );
        assert_eq!(
            verdict(claim(&[(Side::Max, &between, false)], None, None), &ints),
            hides
        );
        assert!(verdict(claim(&[(Side::Max, &i64::MAX.to_le_bytes(), true)], None, None), &ints).is_some());
        assert!(verdict(claim(&[(Side::Max, &[7], false)], None, None), &ints).is_some());
        for nulls in [0, 2, -1] {
            assert!(verdict(claim(&[], Some(nulls), None), &ints).is_some());
        }
        for distinct in [0, 3, -1] {
            assert!(verdict(claim(&[], None, Some(distinct)), &ints).is_some());
        }
    }

    #[test]
    fn text_is_compared_byte_by_byte_and_bounds_may_be_truncated() {
        let texts = [Entry::Bytes(b"\xff\xff"), Entry::Bytes(b"abc"), Entry::Bytes(b"")];
        assert_eq!(
            verdict(
                claim(
                    &[(Side::Min, b"", true), (Side::Max, b"\xff\xff\xff", false)],
                    None,
                    None
                ),
                &texts
            ),
            None
        );
        assert!(verdict(claim(&[(Side::Max, b"z", false)], None, None), &texts).is_some());
        assert!(verdict(claim(&[(Side::Max, b"\xff", false)], None, None), &texts).is_some());
    }

    #[test]
    fn a_bound_that_is_nan_is_refused() {
        let floats = [Entry::Float(-0.0), Entry::Float(0.0), Entry::Float(1.5)];
        let bytes = f64::to_le_bytes;
        assert_eq!(
            verdict(
                claim(
                    &[(Side::Min, &bytes(0.0), true), (Side::Max, &bytes(1.5), true)],
                    None,
                    None
                ),
                &floats
            ),
            None
        );
        assert!(verdict(claim(&[(Side::Min, &bytes(f64::NAN), false)], None, None), &floats).is_some());
        assert!(verdict(claim(&[(Side::Max, &bytes(f64::NAN), false)], None, None), &floats).is_some());
    }

    #[test]
    fn a_claim_of_nulls_alone_has_no_bounds_to_reach() {
        let nulls = [Entry::Null, Entry::Null, Entry::Null];
        assert_eq!(
            verdict(claim(&[(Side::Min, &[0; 8], true)], Some(3), Some(0)), &nulls),
            None
        );
    }
}
