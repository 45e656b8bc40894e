//! The names of a drill's topics. They tell of which archive it is, so that the next drill of the archive can remove what a
//! killed one left, and no other topic.

use crate::app::restore::Rename;
use crate::kafka::throw_away::THROW_AWAY;

/// The names of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    archive: String,
    run: String,
}

impl Names {
    /// Of a run of this archive; `run` makes it differ from others.
    pub(super) fn new(archive_id: &str, run: [u8; 4]) -> Names {
        Names {
            archive: beginning(archive_id),
            run: format!("{:08x}", u32::from_be_bytes(run)),
        }
    }

    /// How the names of all drills of the archive begin.
    pub(super) fn of_archive(&self) -> &str {
        &self.archive
    }

    /// How the names of this run begin.
    pub(super) fn of_run(&self) -> String {
        format!("{}{}.", self.archive, self.run)
    }

    /// The topic with the progress of the restore.
    pub(super) fn ledger(&self) -> String {
        format!("{}ledger", self.of_run())
    }

    /// A target for each archived topic. It is a number, because a name with another one in it may be too long for Kafka.
    pub(super) fn targets<'t>(&self, topics: impl Iterator<Item = &'t str>) -> Vec<Rename> {
        let target = |(number, topic): (usize, &str)| Rename {
            from: topic.to_owned(),
            to: format!("{}{number}", self.of_run()),
        };
        topics.enumerate().map(target).collect()
    }
}

fn beginning(archive_id: &str) -> String {
    format!("{THROW_AWAY}{archive_id}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::position::is_topic_name;

    #[test]
    fn every_topic_of_a_drill_is_known_by_its_archive_and_its_run() {
        let id = "0123456789abcdef0123456789abcdef";
        let names = Names::new(id, [0, 0, 0, 7]);
        let long = "x".repeat(249);
        let targets = names.targets(["payments", &long].into_iter());
        assert_eq!(targets[1].to, format!("__kivend-drill.{id}.00000007.1"));
        assert_eq!(targets[1].from, long);
        let all = [targets[0].to.clone(), targets[1].to.clone(), names.ledger()];
        assert!(
            all.iter()
                .all(|name| is_topic_name(name) && name.starts_with(&names.of_run()))
        );
        assert!(names.of_run().starts_with(names.of_archive()));
        assert_ne!(names.of_run(), Names::new(id, [0, 0, 0, 8]).of_run());
    }
}
