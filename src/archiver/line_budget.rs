//! A bound on the log lines that grow with the number of partitions.

/// The time for which a number of lines is given, in ms.
const WINDOW_MS: u64 = 60_000;
/// Lines of one kind in a minute.
const LINES: u64 = 120;

/// The lines of this minute.
#[derive(Debug, Default)]
pub struct LineBudget {
    since_ms: u64,
    used: u64,
}

impl LineBudget {
    /// Whether another line may be logged at INFO. Otherwise it is logged at DEBUG and counted in the summary.
    pub fn takes(&mut self, now_ms: u64) -> bool {
        if now_ms >= self.since_ms + WINDOW_MS {
            *self = LineBudget {
                since_ms: now_ms,
                used: 0,
            };
        }
        self.used += 1;
        self.used <= LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_a_fixed_number_of_lines_however_many_are_asked_for() {
        let mut budget = LineBudget::default();
        let taken = |budget: &mut LineBudget, at_ms| (0..1_000).filter(|_| budget.takes(at_ms)).count();
        assert_eq!(taken(&mut budget, 0), 120);
        assert_eq!(taken(&mut budget, 59_999), 0);
        assert_eq!(taken(&mut budget, 60_000), 120);
    }
}
