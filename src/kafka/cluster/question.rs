//! How Kafka is asked: with patience, since a broker may be far or busy, but no longer than until it is certain that every
//! broker refuses us. librdkafka itself only goes on trying, and tells of refusals beside its answers. Never asks again
//! what was answered.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::cluster::{Cluster, Role};
use crate::kafka::error::KafkaError;

/// How long a question may take: enough for a TLS handshake across the world, short enough to be told of a typing error.
pub(super) const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A first question is put in tries that together take as long, so that a refusal is heard between them. The connection
/// outlasts a try, and the tries grow: who answers slowly is heard too.
const FIRST_TRIES_MS: [u64; 5] = [300, 600, 1_200, 2_400, 5_500];
/// How many waiting events (log lines among them) are looked through for the cause of a failure.
const EVENTS_PER_FAILURE: usize = 200;

/// Puts the first question of a connection, again until it is answered, time is over, or `is_refused` says that nobody
/// will answer.
///
/// # Errors
/// That of the last try.
pub(in crate::kafka) fn ask_first<T>(
    mut question: impl FnMut(Duration) -> Result<T, Rdkafka>,
    mut is_refused: impl FnMut() -> bool,
) -> Result<T, Rdkafka> {
    let [first, further @ ..] = FIRST_TRIES_MS.map(Duration::from_millis);
    let mut answer = question(first);
    for patience in further {
        match &answer {
            Err(error) if is_silence(error) && !is_refused() => answer = question(patience),
            _ => break,
        }
    }
    answer
}

/// Whether nobody answered, or nobody is there.
pub(in crate::kafka) fn is_silence(error: &Rdkafka) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve)
    )
}

impl Cluster {
    /// The answer to a question that takes how long it may take, or why there is none.
    pub(super) fn ask<T>(
        &self,
        doing: &'static str,
        question: impl FnMut(Duration) -> Result<T, Rdkafka>,
    ) -> Result<T, KafkaError> {
        self.try_asking(question).map_err(|error| self.explain(&error, doing))
    }

    /// The same with librdkafka's error, still to be explained.
    pub(in crate::kafka) fn try_asking<T>(
        &self,
        mut question: impl FnMut(Duration) -> Result<T, Rdkafka>,
    ) -> Result<T, Rdkafka> {
        let answer = if self.was_answered.load(Ordering::Relaxed) {
            question(QUESTION_TIMEOUT)
        } else {
            ask_first(question, || {
                self.hear();
                self.client.context().is_refused_by_all()
            })
        };
        self.was_answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    /// That nobody answers at the configured addresses.
    pub(in crate::kafka) fn unreachable(&self) -> KafkaError {
        KafkaError::Unreachable {
            brokers: self.addresses.clone(),
        }
    }

    /// Whether a broker refused us lately.
    pub(in crate::kafka) fn refusal(&self) -> Option<KafkaError> {
        self.hear();
        self.client.context().take_refusal()
    }

    /// Lets librdkafka tell what it has to tell; a consumer's poll does so anyway.
    fn hear(&self) {
        if self.role == Role::Asking {
            for _ in 0..EVENTS_PER_FAILURE {
                self.client.poll(Duration::ZERO);
            }
        }
    }

    /// librdkafka reports a failed question as a time-out: the reason came earlier, as an event.
    pub(in crate::kafka) fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        match self.refusal() {
            Some(refusal) => refusal,
            None if is_silence(error) => self.unreachable(),
            None => KafkaError::from_rdkafka(error, doing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Rdkafka = Rdkafka::MetadataFetch(Code::BrokerTransportFailure);

    fn tries(answered_at: usize, refused_after: usize) -> (Result<(), Rdkafka>, Vec<Duration>) {
        let asked = std::cell::RefCell::new(Vec::new());
        let question = |patience| {
            asked.borrow_mut().push(patience);
            if asked.borrow().len() == answered_at {
                Ok(())
            } else {
                Err(SILENCE)
            }
        };
        let answer = ask_first(question, || asked.borrow().len() >= refused_after);
        (answer, asked.into_inner())
    }

    #[test]
    fn who_is_silent_is_asked_for_as_long_as_a_question_may_take() {
        let (answer, asked) = tries(usize::MAX, usize::MAX);
        assert!(answer.is_err());
        assert_eq!(asked.iter().sum::<Duration>(), QUESTION_TIMEOUT);
    }

    #[test]
    fn who_refuses_is_not_asked_again() {
        assert_eq!(tries(usize::MAX, 1).1.len(), 1);
    }

    #[test]
    fn who_answers_late_is_heard() {
        let (answer, asked) = tries(3, usize::MAX);
        assert!(answer.is_ok());
        assert_eq!(asked.len(), 3);
    }

    #[test]
    fn an_answer_that_asking_again_cannot_change_is_the_last() {
        let mut asked = 0;
        let answer: Result<(), _> = ask_first(
            |_| {
                asked += 1;
                Err(Rdkafka::MetadataFetch(Code::TopicAuthorizationFailed))
            },
            || false,
        );
        assert!(answer.is_err() && asked == 1);
    }
}
