//! Counts events by id: exactly, in bounded memory. Ids beyond some megabytes go to an unnamed temporary file as sorted runs.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::verify::tally::{Counted, merge};

/// Ids of one topic that are kept in memory: 32 MB.
const IN_MEMORY: usize = 2 << 20;
/// Ids of a run that are read at once.
const READ_AHEAD: usize = 4096;
const ID_BYTES: usize = 16;

/// The ids of all topics. Shared by the threads that read segments.
#[derive(Debug, Default)]
pub struct EventIds {
    topics: Mutex<BTreeMap<String, TopicIds>>,
}

impl EventIds {
    /// Adds the ids of some records of a topic.
    pub fn add(&self, topic: &str, ids: &[u128]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        match topics.get_mut(topic) {
            Some(of_topic) => of_topic.add(ids),
            None => topics.entry(topic.to_owned()).or_default().add(ids),
        }
    }

    /// The counts, by topic; `None` for a topic whose ids could not be written to disk.
    #[must_use]
    pub fn finish(self) -> BTreeMap<String, Option<Counted>> {
        let topics = self.topics.into_inner().unwrap_or_else(PoisonError::into_inner);
        let count = |(topic, ids): (String, TopicIds)| {
            let counted = ids.finish();
            if let Err(error) = &counted {
                tracing::warn!(topic, %error, "events are not counted, because their ids cannot be written to the temporary folder");
            }
            (topic, counted.ok())
        };
        topics.into_iter().map(count).collect()
    }
}

#[derive(Debug, Default)]
struct TopicIds {
    in_memory: Vec<u128>,
    spill: Option<Spill>,
    failed: Option<io::Error>,
}

impl TopicIds {
    fn add(&mut self, ids: &[u128]) {
        if self.failed.is_some() {
            return;
        }
        self.in_memory.extend_from_slice(ids);
        if self.in_memory.len() >= IN_MEMORY
            && let Err(error) = self.spill()
        {
            self.failed = Some(error);
            self.in_memory = Vec::new();
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::create()?),
        };
        self.in_memory.sort_unstable();
        spill.write(&self.in_memory)?;
        self.in_memory.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Counted> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.in_memory.sort_unstable();
        let in_memory: Box<dyn Iterator<Item = io::Result<u128>>> = Box::new(self.in_memory.into_iter().map(Ok));
        let mut runs = vec![in_memory];
        if let Some(spill) = &self.spill {
            for run in &spill.runs {
                runs.push(Box::new(spill.read(run.clone())?));
            }
        }
        merge(runs)
    }
}

/// Sorted runs in a file without a name, which the system deletes when the process ends.
#[derive(Debug)]
struct Spill {
    file: File,
    /// The byte range of each run.
    runs: Vec<std::ops::Range<u64>>,
}

impl Spill {
    fn create() -> io::Result<Spill> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kivend-ids-{}-{number}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Spill { file, runs: Vec::new() })
    }

    fn write(&mut self, sorted: &[u128]) -> io::Result<()> {
        let start = self.runs.last().map_or(0, |run| run.end);
        let mut at = start;
        for part in sorted.chunks(READ_AHEAD) {
            let bytes: Vec<u8> = part.iter().flat_map(|id| id.to_be_bytes()).collect();
            self.file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        self.runs.push(start..at);
        Ok(())
    }

    fn read(&self, run: std::ops::Range<u64>) -> io::Result<Run> {
        Ok(Run {
            file: self.file.try_clone()?,
            ahead: run,
            read: Vec::new().into_iter(),
        })
    }
}

/// Reads one run.
struct Run {
    file: File,
    ahead: std::ops::Range<u64>,
    read: std::vec::IntoIter<u128>,
}

impl Run {
    fn refill(&mut self) -> io::Result<()> {
        let left = self.ahead.end - self.ahead.start;
        let wanted = left.min((READ_AHEAD * ID_BYTES) as u64);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, self.ahead.start)?;
        self.ahead.start += wanted;
        let (ids, _) = bytes.as_chunks::<ID_BYTES>();
        self.read = ids
            .iter()
            .map(|id| u128::from_be_bytes(*id))
            .collect::<Vec<_>>()
            .into_iter();
        Ok(())
    }
}

impl Iterator for Run {
    type Item = io::Result<u128>;

    fn next(&mut self) -> Option<io::Result<u128>> {
        if self.read.len() == 0
            && !self.ahead.is_empty()
            && let Err(error) = self.refill()
        {
            self.ahead.start = self.ahead.end;
            return Some(Err(error));
        }
        self.read.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_ids_than_memory_may_hold_are_counted_exactly() {
        let ids = EventIds::default();
        let many = 2 * IN_MEMORY as u128 + 17;
        // Each id twice, the second time in another order, so that equal ids are in different runs.
        for part in (0..many).collect::<Vec<_>>().chunks(1 << 16) {
            ids.add("payments", part);
        }
        for part in (0..many).rev().collect::<Vec<_>>().chunks(1 << 16) {
            ids.add("payments", part);
        }
        ids.add("orders", &[7, 7, 8]);
        let counted = ids.finish();
        let many = u64::try_from(many).unwrap();
        let expected = |distinct_events, repeated_events| {
            Some(Counted {
                distinct_events,
                repeated_events,
            })
        };
        assert_eq!(counted["payments"], expected(many, many));
        assert_eq!(counted["orders"], expected(2, 1));
    }
}
