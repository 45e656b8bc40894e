//! A process's connection to the bucket. Each request can be lost, carried out without an answer, carried out late,
//! refused or delayed, and yields at each step, so that other processes run in between. A listing may lack the newest
//! link: no store that passes the contract suite does this, but archivers must not rely on it.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use kivend::log::object_key::{LINKS, SEGMENTS};
use kivend::record::hash::Hash;
use kivend::store::memory::MemoryStore;
use kivend::store::{Creation, Entry, Store, StoreError};

use super::dice::Dice;
use super::faults::Odds;

/// A create that was sent: its key and bytes.
pub type Put = (String, Bytes);

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Fine,
    Lost,
    Unanswered,
    Late,
    Refused,
}

/// Chooses the outcome of each create by its key, of each commit ([`COMMIT`]) and of each encoding ([`ENCODE`]), for
/// the fault table.
pub type Script = Box<dyn FnMut(&str) -> Fate + Send>;

/// The argument of a script for a commit.
pub const COMMIT: &str = "commit";
/// The argument of a script for an encoding.
pub const ENCODE: &str = "encode";

struct Wire {
    dice: Dice,
    odds: Odds,
    script: Option<Script>,
    under_way: Vec<(u64, Put)>,
    late: Vec<Put>,
    next: u64,
    death: Option<Death>,
}

/// When the process dies by itself.
struct Death {
    dice: Dice,
    /// The probability for each create of a segment or link that was carried out, in a thousand.
    odds: u32,
    /// The key after whose create it died.
    after: Option<String>,
}

/// The connection of one process. Clones share their state.
#[derive(Clone)]
pub struct Network {
    bucket: MemoryStore,
    wire: Arc<Mutex<Wire>>,
}

impl Network {
    pub fn new(bucket: &MemoryStore, dice: Dice, odds: Odds) -> Network {
        let wire = Wire {
            dice,
            odds,
            script: None,
            under_way: Vec::new(),
            late: Vec::new(),
            next: 0,
            death: None,
        };
        Network {
            bucket: bucket.clone(),
            wire: Arc::new(Mutex::new(wire)),
        }
    }

    /// Lets a script choose the outcomes from now on.
    pub fn follow(&self, script: Script) {
        self.wire().script = Some(script);
    }

    /// Lets the process die after some of its creates.
    pub fn die_after_creates(&self, dice: Dice, odds: u32) {
        let after = None;
        self.wire().death = Some(Death { dice, odds, after });
    }

    /// The key after whose create the process died.
    pub fn died_after(&self) -> Option<String> {
        self.wire().death.as_ref()?.after.clone()
    }

    fn may_die(&self, key: &str) {
        // Objects of the log are few.
        let is_rare = !key.starts_with(LINKS) && !key.starts_with(SEGMENTS);
        if let Some(death) = &mut self.wire().death
            && death.dice.permille(death.odds * if is_rare { 5 } else { 1 })
        {
            death.after.get_or_insert_with(|| key.to_owned());
        }
    }

    /// Ends all faults.
    pub fn stop_faults(&self) {
        let mut wire = self.wire();
        (wire.odds, wire.script) = (Odds::default(), None);
        if let Some(death) = &mut wire.death {
            death.odds = 0;
        }
    }

    /// The creates that the process takes for lost, and that will arrive.
    pub fn take_late(&self) -> Vec<Put> {
        std::mem::take(&mut self.wire().late)
    }

    /// The process was killed. Returns the creates that may still arrive.
    pub fn disconnect(&self) -> Vec<Put> {
        let mut wire = self.wire();
        let mut orphans = std::mem::take(&mut wire.late);
        let under_way = std::mem::take(&mut wire.under_way);
        orphans.extend(under_way.into_iter().map(|(_, put)| put));
        orphans
    }

    /// Whether this listing lacks the newest key.
    fn is_stale(&self) -> bool {
        let mut wire = self.wire();
        let chance = wire.odds.stale;
        wire.dice.permille(chance)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap()
    }

    fn fate(&self) -> Fate {
        let mut wire = self.wire();
        let Odds {
            lost,
            unanswered,
            refused,
            ..
        } = wire.odds;
        let fates = [
            (lost, Fate::Lost),
            (unanswered, Fate::Unanswered),
            (refused, Fate::Refused),
        ];
        let struck = fates.into_iter().find(|(chance, _)| wire.dice.permille(*chance));
        struck.map_or(Fate::Fine, |(_, fate)| fate)
    }

    /// The script's outcome, if there is a script.
    pub fn scripted(&self, of: &str) -> Option<Fate> {
        self.wire().script.as_mut().map(|script| script(of))
    }

    fn fate_of_create(&self, key: &str) -> Fate {
        if let Some(fate) = self.scripted(key) {
            return fate;
        }
        let late = {
            let mut wire = self.wire();
            let chance = wire.odds.late;
            wire.dice.permille(chance)
        };
        if late { Fate::Late } else { self.fate() }
    }

    async fn delay(&self) {
        step().await;
        loop {
            let slow = {
                let mut wire = self.wire();
                let chance = wire.odds.slow;
                wire.dice.permille(chance)
            };
            if !slow {
                return;
            }
            step().await;
        }
    }

    async fn ask<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.delay().await;
        match self.fate() {
            Fate::Fine => {
                let answer = answer.await;
                self.delay().await;
                answer
            }
            _ => Err(StoreError::transient("the reply was lost", "it is tried again")),
        }
    }
}

/// Polls a future until it is ready, for futures that wait for no other task.
pub fn run_to_end<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// Yields once, so that other jobs and processes run. Wakes at once, because combinators such as `join_all` poll only
/// the futures that woke them.
pub async fn step() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// A create that has not arrived yet. If it is dropped, as by a cancelled operation, it may arrive late.
struct Sent<'a> {
    network: &'a Network,
    number: u64,
}

impl Sent<'_> {
    fn new(network: &Network, put: Put) -> Sent<'_> {
        let mut wire = network.wire();
        wire.next += 1;
        let number = wire.next;
        wire.under_way.push((number, put));
        drop(wire);
        Sent { network, number }
    }

    fn arrive(self) -> Option<Put> {
        self.network.wire().take(self.number)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let mut wire = self.network.wire();
        if let Some(put) = wire.take(self.number)
            && wire.dice.permille(500)
        {
            wire.late.push(put);
        }
    }
}

impl Wire {
    fn take(&mut self, number: u64) -> Option<Put> {
        let at = self.under_way.iter().position(|(n, _)| *n == number)?;
        Some(self.under_way.swap_remove(at).1)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

#[async_trait]
impl Store for Network {
    fn location(&self) -> String {
        "simulated".to_owned()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        let sent = Sent::new(self, (key.to_owned(), bytes.clone()));
        self.delay().await;
        let put = sent.arrive();
        let answer = match self.fate_of_create(key) {
            Fate::Fine => {
                let created = self.bucket.create_hashed(key, bytes, hash).await;
                self.may_die(key);
                created
            }
            Fate::Unanswered => {
                self.bucket.create_hashed(key, bytes, hash).await?;
                self.may_die(key);
                Err(StoreError::transient("the reply was lost", "it is tried again"))
            }
            Fate::Late => {
                self.wire().late.extend(put);
                Err(StoreError::transient("the reply was lost", "it is tried again"))
            }
            Fate::Lost => Err(StoreError::transient("the request was lost", "it is tried again")),
            Fate::Refused => Err(StoreError::transient(
                "another create is under way",
                "it is tried again",
            )),
        };
        self.delay().await;
        answer
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.ask(self.bucket.get(key, max_bytes)).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut listed = self.ask(self.bucket.list(prefix, start_after, limit)).await?;
        if prefix.starts_with("links/") && self.is_stale() {
            listed.pop();
        }
        Ok(listed)
    }
}
