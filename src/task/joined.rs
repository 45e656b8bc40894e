//! Joins questions that are asked at the same time and have one answer: whoever waits while some are asked is answered by the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Questions that are asked at the same time: one that hangs must not keep all others waiting.
const AT_ONCE: usize = 4;

/// One question, asked by many tasks.
#[derive(Debug)]
pub struct Joined {
    slots: Semaphore,
    numbers: Mutex<Numbers>,
}

/// The newest questions, by their numbers from 1 in the order in which they begin.
#[derive(Debug, Default)]
struct Numbers {
    begun: u64,
    answered: u64,
    failed: u64,
}

impl Default for Joined {
    fn default() -> Joined {
        Joined::at_once(AT_ONCE)
    }
}

impl Joined {
    fn at_once(slots: usize) -> Joined {
        Joined {
            slots: Semaphore::new(slots),
            numbers: Mutex::default(),
        }
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless another task's question that begins after this call is answered first. So what happened before this call is
    /// in the answer. After such a question failed, each task asks by itself, all at the same time.
    ///
    /// # Errors
    /// Those of `question`.
    pub async fn ask<E>(&self, question: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let before = self.numbers().begun;
        let slot = self.slots.acquire().await;
        let number = {
            let mut numbers = self.numbers();
            if numbers.answered > before {
                return Ok(());
            }
            numbers.begun += 1;
            if numbers.failed > before {
                None
            } else {
                Some(numbers.begun)
            }
        };
        let Some(number) = number else {
            drop(slot);
            return question.await;
        };
        let outcome = question.await;
        let mut numbers = self.numbers();
        let newest = if outcome.is_ok() {
            &mut numbers.answered
        } else {
            &mut numbers.failed
        };
        *newest = number.max(*newest);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A question that waits for a permit, which says how it ends.
    async fn question(permits: &Semaphore, asked: &AtomicU64, outcome: Result<(), ()>) -> Result<(), ()> {
        asked.fetch_add(1, Ordering::SeqCst);
        permits.acquire().await.unwrap().forget();
        outcome
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_question_under_way_answers_nobody_who_asks_later_and_the_next_one_answers_all() {
        let (joined, permits, asked) = (Joined::at_once(1), Semaphore::new(0), AtomicU64::new(0));
        let ask = || joined.ask(question(&permits, &asked, Ok(())));
        let (mut first, mut second, mut third) = (pin!(ask()), pin!(ask()), pin!(ask()));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        permits.add_permits(1);
        assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(())));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        permits.add_permits(1);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(poll(third.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn after_a_failure_each_asks_by_itself_and_waits_for_nobody() {
        let (joined, permits, asked) = (Joined::at_once(1), Semaphore::new(0), AtomicU64::new(0));
        let ask = |outcome| joined.ask(question(&permits, &asked, outcome));
        let mut first = pin!(ask(Ok(())));
        let (mut second, mut third, mut fourth) = (pin!(ask(Err(()))), pin!(ask(Ok(()))), pin!(ask(Ok(()))));
        for pending in [
            poll(first.as_mut()),
            poll(second.as_mut()),
            poll(third.as_mut()),
            poll(fourth.as_mut()),
        ] {
            assert!(pending.is_pending());
        }
        permits.add_permits(2);
        assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(poll(second.as_mut()), Poll::Ready(Err(())));
        assert!(poll(third.as_mut()).is_pending() && poll(fourth.as_mut()).is_pending());
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_question_that_is_given_up_keeps_nobody_waiting() {
        let (joined, permits, asked) = (Joined::at_once(1), Semaphore::new(0), AtomicU64::new(0));
        let ask = || joined.ask(question(&permits, &asked, Ok(())));
        let mut first = Box::pin(ask());
        let mut second = pin!(ask());
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(first);
        permits.add_permits(1);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_question_that_hangs_keeps_nobody_waiting() {
        let (joined, never, permits) = (Joined::at_once(2), Semaphore::new(0), Semaphore::new(2));
        let asked = AtomicU64::new(0);
        let mut hanging = pin!(joined.ask(question(&never, &asked, Ok(()))));
        assert!(poll(hanging.as_mut()).is_pending());
        for _ in 0..2 {
            assert_eq!(
                poll(pin!(joined.ask(question(&permits, &asked, Ok(())))).as_mut()),
                Poll::Ready(Ok(()))
            );
        }
    }
}
