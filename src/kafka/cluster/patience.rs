//! How long a request may take: long enough for a broker that is far away or busy, but no longer than until it is certain
//! that every broker refuses us. librdkafka itself keeps trying, and reports refusals as events.

use std::time::Duration;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

/// How long a request may take: enough for a TLS handshake across the world, and short enough for a user who mistyped an
/// address.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The first request of a connection is made in tries that together take as long, so that a refusal is noticed between
/// them. The connection outlasts a try, and the tries grow, so that a slow broker's answer is received too.
const FIRST_TRIES_MS: [u64; 5] = [300, 600, 1_200, 2_400, 5_500];

/// Makes the first request of a connection: again until it is answered, its time is over, or `is_refused` returns that no
/// broker will answer.
///
/// # Errors
/// The error of the last try.
pub(in crate::kafka) fn ask_first<T>(
    mut request: impl FnMut(Duration) -> Result<T, Rdkafka>,
    mut is_refused: impl FnMut() -> bool,
) -> Result<T, Rdkafka> {
    let [first, further @ ..] = FIRST_TRIES_MS.map(Duration::from_millis);
    let mut answer = request(first);
    for timeout in further {
        match &answer {
            Err(error) if is_silence(error) && !is_refused() => answer = request(timeout),
            _ => break,
        }
    }
    answer
}

/// Whether the error means that no broker answered, or that none could be reached.
pub(in crate::kafka) fn is_silence(error: &Rdkafka) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Rdkafka = Rdkafka::MetadataFetch(Code::BrokerTransportFailure);

    fn tries(answered_at: usize, refused_after: usize) -> (Result<(), Rdkafka>, Vec<Duration>) {
        let asked = std::cell::RefCell::new(Vec::new());
        let request = |timeout| {
            asked.borrow_mut().push(timeout);
            if asked.borrow().len() == answered_at {
                Ok(())
            } else {
                Err(SILENCE)
            }
        };
        let answer = ask_first(request, || asked.borrow().len() >= refused_after);
        (answer, asked.into_inner())
    }

    #[test]
    fn a_silent_broker_is_asked_for_as_long_as_a_request_may_take() {
        let (answer, asked) = tries(usize::MAX, usize::MAX);
        assert!(answer.is_err());
        assert_eq!(asked.iter().sum::<Duration>(), REQUEST_TIMEOUT);
    }

    #[test]
    fn a_broker_that_refuses_is_not_asked_again() {
        assert_eq!(tries(usize::MAX, 1).1.len(), 1);
    }

    #[test]
    fn a_late_answer_is_received() {
        let (answer, asked) = tries(3, usize::MAX);
        assert!(answer.is_ok());
        assert_eq!(asked.len(), 3);
    }

    #[test]
    fn an_error_that_asking_again_cannot_change_is_final() {
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
