//! Logins that brokers refuse for a while, as in a rolling restart of brokers or while their credentials are changed. An archiver
//! that was logged in waits for them; one that is starting does not.

/// How long refused logins are waited for, in ms. After that the credentials count as withdrawn.
const PATIENCE_MS: u64 = 120_000;
/// The time after which another refusal is a new one, in ms. librdkafka connects at least every 10 s, and requests are repeated
/// at least every 40 s.
const PAUSE_MS: u64 = 60_000;

/// The refusals of a client.
#[derive(Debug, Default)]
pub struct Logins {
    /// When the first and the last refusal came, in ms of the monotonic clock.
    refused_ms: Option<(u64, u64)>,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The first one: the client tries again by itself.
    First,
    /// Another one since.
    Again,
    /// It has lasted for too long.
    Lasting,
}

impl Logins {
    /// A broker refused the login.
    pub fn refused(&mut self, now_ms: u64) -> Refusal {
        match self.refused_ms {
            Some((first_ms, last_ms)) if now_ms.saturating_sub(last_ms) < PAUSE_MS => {
                self.refused_ms = Some((first_ms, now_ms));
                if now_ms.saturating_sub(first_ms) < PATIENCE_MS {
                    Refusal::Again
                } else {
                    Refusal::Lasting
                }
            }
            _ => {
                self.refused_ms = Some((now_ms, now_ms));
                Refusal::First
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_waited_for_until_they_have_lasted_two_minutes_without_a_pause() {
        let mut logins = Logins::default();
        assert_eq!(logins.refused(5_000), Refusal::First);
        for seconds in (15..125).step_by(10) {
            assert_eq!(logins.refused(seconds * 1_000), Refusal::Again, "{seconds}");
        }
        assert_eq!(logins.refused(125_000), Refusal::Lasting);
    }

    #[test]
    fn a_refusal_after_a_pause_is_a_new_one() {
        let mut logins = Logins::default();
        logins.refused(0);
        logins.refused(20_000);
        assert_eq!(logins.refused(20_000 + PAUSE_MS), Refusal::First);
        assert_eq!(logins.refused(20_000 + 2 * PAUSE_MS), Refusal::First);
    }
}
