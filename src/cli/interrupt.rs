//! Handles Ctrl-C and SIGTERM: they end the process at once, unless the command has asked for orderly stops. Then the first
//! signal requests a stop and the second ends the process. A separate thread waits for them, so that blocking work cannot delay them.

use std::io::{self, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::stderr::{Stderr, above};
use crate::clock::Clock;
use crate::task::stop::{Reason, Stop, Stopper, stop};

/// How often the removal of a temporary folder is attempted, and the time between two attempts.
const REMOVALS: u32 = 50;
const REMOVAL_INTERVAL: Duration = Duration::from_millis(20);

/// Watches the signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    graceful: Arc<AtomicBool>,
    /// How long an orderly stop may take, in ms.
    limit_ms: Arc<AtomicU64>,
    stop: Stop,
}

impl Signals {
    /// Starts watching. If no thread can be started, signals keep their default effect.
    pub fn watch() -> Signals {
        let graceful = Arc::new(AtomicBool::new(false));
        let (stopper, stop) = stop();
        let limit_ms = Arc::new(AtomicU64::new(u64::MAX));
        let (asked, limit) = (Arc::clone(&graceful), Arc::clone(&limit_ms));
        let _watcher = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || wait(&asked, &limit, &stopper));
        Signals {
            graceful,
            limit_ms,
            stop,
        }
    }

    /// From now on the first signal only requests a stop.
    pub fn gracefully(&self) -> Stop {
        self.graceful.store(true, Ordering::SeqCst);
        self.stop.clone()
    }

    /// The same, and the process ends this long after the first signal, whatever it waits for.
    pub fn gracefully_within(&self, limit: Duration) -> Stop {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.limit_ms.store(limit_ms, Ordering::SeqCst);
        self.gracefully()
    }
}

fn wait(graceful: &AtomicBool, limit_ms: &AtomicU64, stopper: &Stopper) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut first: Option<(Reason, Clock)> = None;
        loop {
            let out_of_time = async {
                match first {
                    Some((reason, at)) => {
                        let left_ms = limit_ms.load(Ordering::SeqCst).saturating_sub(at.monotonic_ms());
                        tokio::time::sleep(Duration::from_millis(left_ms)).await;
                        reason
                    }
                    None => std::future::pending().await,
                }
            };
            let reason = tokio::select! {
                _ = interrupt.recv() => Reason::Interrupt,
                _ = terminate.recv() => Reason::Terminate,
                reason = out_of_time => {
                    tracing::error!(event = "stopped_late", "archive.shutdown_timeout has passed: ending at once; what is not archived is still in Kafka");
                    end_at_once(reason)
                }
            };
            if first.is_some() || !graceful.load(Ordering::SeqCst) {
                end_at_once(reason);
            }
            first = Some((reason, Clock::start()));
            if reason == Reason::Interrupt {
                // stderr may be closed.
                let _ = Stderr.write_all(b"\nstopping; press Ctrl-C again to stop at once\n");
            }
            stopper.request(reason);
        }
    });
}

/// What an interrupted command leaves.
struct Unfinished {
    /// What it leaves, and whether that is removed.
    place: PathBuf,
    end: End,
    /// A process that writes there. It is ended first, with its group.
    writer: Option<Pid>,
    /// What to tell the user, unless it is said of another place.
    remark: Option<String>,
}

/// What happens to what an interrupted command leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Removed,
    Kept,
}

static UNFINISHED: Mutex<Vec<Unfinished>> = Mutex::new(Vec::new());

/// Until it is forgotten, an interrupt removes this temporary file or folder, and says that `place` was not written.
pub(super) fn remove_on_interrupt(temporary: &Path, place: &Path) {
    let remark = format!("{} was not written", place.display());
    remember(temporary, End::Removed, Some(remark));
}

/// Until it is forgotten, an interrupt removes this temporary folder.
pub(super) fn remove_folder_on_interrupt(folder: &Path) {
    remember(folder, End::Removed, None);
}

/// Starts a program that writes to this temporary folder. An interrupt ends it before it removes the folder, and nothing else does:
/// in a group of its own, Ctrl-C does not reach the program before this process knows that it was interrupted.
pub(super) fn start_writer(folder: &Path, command: &mut Command) -> io::Result<Child> {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command.process_group(0).spawn()?;
    let of_folder = unfinished.iter_mut().filter(|left| left.place == folder);
    of_folder.for_each(|left| left.writer = Some(Pid::from_child(&child)));
    Ok(child)
}

/// The program that wrote to this temporary folder has ended.
pub(super) fn writer_ended(folder: &Path) {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let of_folder = unfinished.iter_mut().filter(|left| left.place == folder);
    of_folder.for_each(|left| left.writer = None);
}

/// Until it is forgotten, an interrupt says this of a place that exists by then.
pub(super) fn say_of_place_on_interrupt(place: &Path, remark: String) {
    remember(place, End::Kept, Some(remark));
}

fn remember(place: &Path, end: End, remark: Option<String>) {
    let unfinished = Unfinished {
        place: place.to_owned(),
        end,
        writer: None,
        remark,
    };
    UNFINISHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(unfinished);
}

/// What stands there is finished or gone.
pub(super) fn forget(place: &Path) {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.retain(|left| left.place != place);
}

/// Removes a temporary file or folder. A process that wrote to a folder may still be ending.
fn remove(place: &Path) {
    for _ in 0..REMOVALS {
        if !place.is_dir() {
            drop(std::fs::remove_file(place));
            return;
        }
        if std::fs::remove_dir_all(place).is_ok() {
            return;
        }
        std::thread::sleep(REMOVAL_INTERVAL);
    }
}

/// Ends the process with 128 + the signal's number, as shells expect.
fn end_at_once(reason: Reason) -> ! {
    let mut said = "\ninterrupted before the end: there is no result".to_owned();
    // Until this process ends, nobody else goes on with what is unfinished: neither with an error nor with a result.
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for left in unfinished.drain(..) {
        if left.end == End::Removed {
            if let Some(writer) = left.writer {
                // It may have ended in this moment.
                let _ = kill_process_group(writer, Signal::KILL);
            }
            remove(&left.place);
        } else if !left.place.exists() {
            continue;
        }
        if let Some(remark) = left.remark {
            said.push_str("\n  ");
            said.push_str(&remark);
        }
    }
    // The lines that show progress are gone, and nobody can draw them again.
    above(|| {
        // stderr may be closed.
        let _ = writeln!(std::io::stderr(), "{said}");
        std::process::exit(match reason {
            Reason::Interrupt => 130,
            Reason::Terminate => 143,
        })
    })
}
