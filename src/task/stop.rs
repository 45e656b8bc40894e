//! The wish to stop, from whoever has it (Ctrl-C, SIGTERM, a test) to the work that must end in good order. Never
//! stops anything by itself: work looks at it between two steps.

use tokio::sync::watch;

/// Why work should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM: a service manager wants the process to end.
    Terminate,
}

/// What work looks at. Cheap to clone and to look at.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Reason>>);

/// What makes work stop.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Reason>>);

/// The two ends.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Stop(receiver))
}

impl Stop {
    /// A stop that never comes.
    #[must_use]
    pub fn never() -> Stop {
        stop().1
    }

    /// Why to stop, if so.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        *self.0.borrow()
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits until somebody wants it; for ever where nobody can any more.
    pub async fn requested(&self) -> Reason {
        let mut receiver = self.0.clone();
        let wanted = receiver.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match wanted {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

impl Stopper {
    /// Asks for it; the first reason stands.
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
