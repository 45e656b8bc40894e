//! Handles Ctrl-C and SIGTERM: they end the process at once, unless the command has asked for orderly stops. Then the first
//! signal requests a stop and the second ends the process. A separate thread waits for them, so that blocking work cannot delay them.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::task::stop::{Reason, Stop, Stopper, stop};

/// Watches the signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    graceful: Arc<AtomicBool>,
    stop: Stop,
}

impl Signals {
    /// Starts watching. If no thread can be started, signals keep their default effect.
    pub fn watch() -> Signals {
        let graceful = Arc::new(AtomicBool::new(false));
        let (stopper, stop) = stop();
        let asked = Arc::clone(&graceful);
        let _watcher = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || wait(&asked, &stopper));
        Signals { graceful, stop }
    }

    /// From now on the first signal only requests a stop.
    pub fn gracefully(&self) -> Stop {
        self.graceful.store(true, Ordering::SeqCst);
        self.stop.clone()
    }
}

fn wait(graceful: &AtomicBool, stopper: &Stopper) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
        return;
    };
    runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut first = true;
        loop {
            let reason = tokio::select! {
                _ = interrupt.recv() => Reason::Interrupt,
                _ = terminate.recv() => Reason::Terminate,
            };
            if !first || !graceful.load(Ordering::SeqCst) {
                end_at_once(reason);
            }
            first = false;
            if reason == Reason::Interrupt {
                // stderr may be closed.
                let _ = writeln!(std::io::stderr(), "\nstopping; press Ctrl-C again to stop at once");
            }
            stopper.request(reason);
        }
    });
}

/// Ends the process with 128 + the signal's number, as shells expect.
fn end_at_once(reason: Reason) -> ! {
    std::process::exit(match reason {
        Reason::Interrupt => 130,
        Reason::Terminate => 143,
    })
}
