//! What needs somebody's attention on the status page. The limits are those of the alerts in `deploy/prometheus`.

use serde::Serialize;

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Nothing is to be done.
    #[default]
    Ok,
    /// Somebody should look soon.
    Warning,
    /// Records are not archived, or are about to be lost.
    Critical,
}

/// Less time until Kafka deletes a record that is not archived, in seconds.
const DELETION_WARNING_S: i64 = 86_400;
const DELETION_CRITICAL_S: i64 = 7_200;
/// A transaction that is open for longer, in seconds.
const OPEN_TRANSACTION_S: i64 = 900;
/// A checkpoint that is older, in seconds.
const CHECKPOINT_AGE_S: i64 = 1_800;
/// A mirror that lacks more checkpoints.
const MIRROR_BEHIND: u64 = 2;
/// A witness that lacks checkpoints and has cosigned none for longer, in seconds.
const WITNESS_SILENT_S: i64 = 3_600;
/// More of the memory budget in use, in percent.
const MEMORY_PERCENT: i64 = 95;

impl Level {
    const fn warning_if(is_so: bool) -> Level {
        if is_so { Level::Warning } else { Level::Ok }
    }

    /// By the time until Kafka deletes the oldest record that is not archived.
    pub(super) fn of_deletion(until_s: Option<i64>) -> Level {
        match until_s {
            Some(until_s) if until_s < DELETION_CRITICAL_S => Level::Critical,
            Some(until_s) if until_s < DELETION_WARNING_S => Level::Warning,
            _ => Level::Ok,
        }
    }

    /// By the age of the oldest open transaction.
    pub(super) fn of_open_transaction(open_s: Option<i64>) -> Level {
        Level::warning_if(open_s.is_some_and(|open_s| open_s > OPEN_TRANSACTION_S))
    }

    /// By the time since a checkpoint covered every link.
    pub(super) fn of_checkpoint(age_s: i64) -> Level {
        Level::warning_if(age_s > CHECKPOINT_AGE_S)
    }

    /// By the checkpoints that a mirror lacks.
    pub(super) fn of_mirror(behind: u64) -> Level {
        Level::warning_if(behind > MIRROR_BEHIND)
    }

    /// By the checkpoints that a witness has not cosigned, and the time since it last cosigned one.
    pub(super) fn of_witness(behind: i64, since_cosigned_s: i64) -> Level {
        Level::warning_if(behind > 0 && since_cosigned_s > WITNESS_SILENT_S)
    }

    /// By the bytes of records in memory.
    pub(super) fn of_memory(used: i64, budget: i64) -> Level {
        Level::warning_if(budget > 0 && used.saturating_mul(100) / budget > MEMORY_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_alerts() {
        let rules = include_str!("../../deploy/prometheus/kivend.rules.yml");
        for condition in [
            format!("kivend_until_deletion_seconds < {DELETION_WARNING_S}\n"),
            format!("kivend_until_deletion_seconds < {DELETION_CRITICAL_S}\n"),
            format!("kivend_open_transaction_seconds > {OPEN_TRANSACTION_S}\n"),
            format!("kivend_checkpoint_age_seconds > {CHECKPOINT_AGE_S}\n"),
            format!("kivend_mirror_behind_checkpoints > {MIRROR_BEHIND}\n"),
            format!("kivend_since_cosigned_seconds > {WITNESS_SILENT_S})\n"),
            format!("kivend_memory_budget_bytes > 0.{MEMORY_PERCENT}\n"),
        ] {
            assert!(rules.contains(&condition), "no alert has `{condition}`");
        }
    }

    #[test]
    fn a_deletion_is_critical_when_it_is_near_or_over_and_nothing_is_without_one() {
        for (until_s, level) in [
            (None, Level::Ok),
            (Some(86_400), Level::Ok),
            (Some(86_399), Level::Warning),
            (Some(7_199), Level::Critical),
            (Some(-5), Level::Critical),
        ] {
            assert_eq!(Level::of_deletion(until_s), level, "{until_s:?}");
        }
    }
}
