//! Stop requests, from Ctrl-C, SIGTERM or a test to running work. The work polls or awaits the request and ends in good
//! order; nothing is cancelled by force.

use tokio::sync::watch;

/// The reason of a stop request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM: a service manager wants the process to end.
    Terminate,
}

/// The receiving end, held by the work. Clones share the request.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Reason>>);

/// The sending end. Clones share the request.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Reason>>);

/// A pair of ends, nothing requested yet.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Stop(receiver))
}

impl Stop {
    /// A stop that is never requested.
    #[must_use]
    pub fn never() -> Stop {
        stop().1
    }

    /// The reason, if a stop was requested.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        *self.0.borrow()
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits for a request. Never returns if every [`Stopper`] is dropped without one.
    pub async fn requested(&self) -> Reason {
        let mut receiver = self.0.clone();
        let requested = receiver.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match requested {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

impl Stopper {
    /// Requests a stop. Only the first request's reason is kept.
    pub fn request(&self, reason: Reason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_seen_by_every_clone_and_keeps_its_first_reason() {
        let (stopper, stop) = stop();
        let other = stop.clone();
        assert!(!other.is_requested());
        stopper.request(Reason::Terminate);
        stopper.request(Reason::Interrupt);
        assert_eq!(other.reason(), Some(Reason::Terminate));
        assert_eq!(stop.requested().await, Reason::Terminate);
    }
}
