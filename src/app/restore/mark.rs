//! How far a partition was restored. A mark is in the ledger, written in the same transaction as the records that it accounts for.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::record::hash::Hash;
use crate::record::position::Height;
use crate::task::error::AppError;

/// What a mark is about: the records of an archived partition, in a target partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::app) struct Subject {
    /// The archive's id.
    pub(super) archive: String,
    pub(in crate::app) from: String,
    pub(in crate::app) partition: i32,
    pub(in crate::app) to: String,
    /// The id of the target topic: marks of one that was deleted are void.
    pub(super) to_id: Option<String>,
    /// The name of the range of times.
    pub(super) range: String,
}

impl Subject {
    /// The same, in the target topic with this id.
    pub(super) fn in_topic(&self, id: Option<&str>) -> Subject {
        Subject {
            to_id: id.map(str::to_owned),
            ..self.clone()
        }
    }

    /// The record key in the ledger.
    pub(super) fn key(&self) -> String {
        canonical::to_text(self).unwrap_or_default().trim_end().to_owned()
    }
}

/// Depends on the ledger and the target topic only: of two runs that restore to one topic, the second one fences the first.
pub(super) fn transactional_id(ledger: &str, target: &str) -> String {
    let id = Hash::of_parts(&[ledger.as_bytes(), b"\n", target.as_bytes()]).to_string();
    format!("kivend-restore-{}", &id[..32])
}

/// Everything before this place was restored or refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The height of the next link to restore.
    pub(super) height: Height,
    /// The first offset in it that is not done.
    pub(super) offset: i64,
    /// Records in the target.
    pub(super) records: u64,
    /// Records that it refused.
    pub(super) refused: u64,
}

impl Mark {
    pub(super) fn to_text(self) -> String {
        canonical::to_text(&self).unwrap_or_default().trim_end().to_owned()
    }
}

/// The marks of a ledger.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<(Subject, Mark)>);

impl Marks {
    pub(super) fn parse(entries: Vec<(Vec<u8>, Vec<u8>)>, ledger: &str) -> Result<Marks, AppError> {
        let foreign = || {
            AppError::config(format!(
                "the topic `{ledger}` has records that are no marks of `kivend restore`"
            ))
            .fix("delete that topic if nothing else uses it, or restore with another topic_prefix")
        };
        let parse = |(key, value): (Vec<u8>, Vec<u8>)| {
            let subject = serde_json::from_slice(&key).map_err(|_| foreign())?;
            Ok((subject, serde_json::from_slice(&value).map_err(|_| foreign())?))
        };
        entries.into_iter().map(parse).collect::<Result<_, _>>().map(Marks)
    }

    pub(super) fn of(&self, subject: &Subject) -> Option<Mark> {
        self.0.iter().find(|(of, _)| of == subject).map(|(_, mark)| *mark)
    }

    /// What was restored to this topic, and how.
    pub(super) fn to<'m>(&'m self, target: &'m str) -> impl Iterator<Item = &'m Subject> {
        self.0
            .iter()
            .map(|(subject, _)| subject)
            .filter(move |subject| subject.to == target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(partition: i32) -> Subject {
        Subject {
            archive: "a".to_owned(),
            from: "payments".to_owned(),
            partition,
            to: "restored".to_owned(),
            to_id: None,
            range: "all".to_owned(),
        }
    }

    #[test]
    fn a_mark_is_found_by_exactly_what_it_is_about() {
        let mark = Mark {
            height: Height(3),
            offset: 17,
            records: 16,
            refused: 1,
        };
        let entry = (subject(0).key().into_bytes(), mark.to_text().into_bytes());
        let marks = Marks::parse(vec![entry], "ledger").unwrap();
        assert_eq!(marks.of(&subject(0)), Some(mark));
        assert_eq!(marks.of(&subject(1)), None);
        assert_eq!(marks.of(&subject(0).in_topic(Some("another"))), None);
        assert_eq!(marks.to("restored").count(), 1);
        assert!(Marks::parse(vec![(b"x".to_vec(), b"y".to_vec())], "ledger").is_err());
    }

    #[test]
    fn two_runs_to_one_topic_have_one_transactional_id() {
        assert_eq!(transactional_id("l", "a"), transactional_id("l", "a"));
        assert_ne!(transactional_id("l", "a"), transactional_id("l", "b"));
        assert_ne!(transactional_id("la", "b"), transactional_id("l", "ab"));
    }
}
