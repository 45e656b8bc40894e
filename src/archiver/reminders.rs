//! When something that lasts is logged again: at intervals that double.

/// The longest interval between two lines about one thing, in ms.
const LONGEST_MS: u64 = 15 * 60_000;

/// The time of the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminder {
    next_ms: u64,
    interval_ms: u64,
}

impl Reminder {
    /// Due for the first time `first_ms` after `now_ms`.
    #[must_use]
    pub fn after(now_ms: u64, first_ms: u64) -> Reminder {
        Reminder {
            next_ms: now_ms + first_ms,
            interval_ms: first_ms,
        }
    }

    /// Whether a line is due. The one after it comes after twice the time.
    pub fn is_due(&mut self, now_ms: u64) -> bool {
        if now_ms < self.next_ms {
            return false;
        }
        self.interval_ms = (self.interval_ms * 2).min(LONGEST_MS);
        self.next_ms = now_ms + self.interval_ms;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_a_quarter_of_an_hour() {
        let mut reminder = Reminder::after(0, 60_000);
        let minutes: Vec<u64> = (0..=90).filter(|minute| reminder.is_due(minute * 60_000)).collect();
        assert_eq!(minutes, [1, 3, 7, 15, 30, 45, 60, 75, 90]);
    }
}
