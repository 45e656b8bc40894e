//! Operators who add and retire keys while archivers run, with the code behind `kivend keys apply`, and who may die at any step.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use kivend::error::{Explain as _, Kind};
use kivend::log::change::{Change, ChangeType, KeysChange, KeysOf};
use kivend::log::proposal::Proposal;
use kivend::log::signed_note::SigningKey;
use kivend::record::utc::UtcSeconds;
use kivend::task::error::AppError;
use kivend::writing::entry_writer::{EntryWriter, Moment};

use super::World;
use crate::simulation::archiver::{Own, Refusal};
use crate::simulation::network::{Network, step};

/// The most keys that are in force at the same time.
const OVERLAP: usize = 3;

/// An operator's command that enters a change. It has a process of its own.
pub(super) struct Command {
    job: Pin<Box<dyn Future<Output = Result<(), AppError>>>>,
    network: Network,
}

/// The operators' keys, and the command that runs.
#[derive(Default)]
pub(super) struct Operators {
    /// The key with which archivers are started.
    pub(super) current: usize,
    command: Option<Command>,
    /// A signed change that somebody enters later, when others may have been entered.
    kept: Option<Proposal>,
}

impl World {
    /// Draws what the operators do in this step.
    pub(super) fn rotate(&mut self) {
        self.install();
        if self.operators.command.is_none() {
            if self.log_dice.permille(self.log_odds.rotate) {
                self.operators.command = match self.operators.kept.take() {
                    Some(kept) if self.log_dice.permille(400) => self.command(self.operators.current, kept),
                    kept => {
                        self.operators.kept = kept;
                        self.propose()
                    }
                };
            }
            return;
        }
        if self.log_dice.permille(40) {
            self.end_command();
        }
        for _ in 0..self.log_dice.below(8) {
            self.turn_command();
        }
    }

    /// Kills the command that runs. Creates that it sent may still arrive.
    pub(super) fn end_command(&mut self) {
        if let Some(command) = self.operators.command.take() {
            let orphans = command.network.disconnect();
            self.late.extend(orphans);
        }
    }

    /// The keys in force, by index, as the bucket has them.
    pub(super) fn in_force(&self) -> Vec<usize> {
        let log = self.chains.log();
        let is_in_force = |index: &usize| {
            let term = log.history.keyring().term(self.setup.keys[*index].verifying_key());
            term.is_some_and(|term| term.retired.is_none())
        };
        (0..self.setup.keys.len()).filter(is_in_force).collect()
    }

    /// The operators give archivers the newest key once the checkpoint over its addition stands, or later.
    fn install(&mut self) {
        let Some(newest) = self.in_force().last().copied() else {
            return;
        };
        let is_retired = !self.in_force().contains(&self.operators.current);
        if newest != self.operators.current && (is_retired || self.log_dice.permille(100)) && self.may_sign(newest) {
            self.operators.current = newest;
        }
    }

    /// The key with which archivers are started at the end.
    pub(super) fn newest_key(&mut self) -> usize {
        let in_force = self.in_force();
        if !in_force.contains(&self.operators.current) {
            let newest = in_force.iter().rev().copied().find(|key| self.may_sign(*key));
            self.operators.current = newest.unwrap_or(self.operators.current);
        }
        self.operators.current
    }

    fn may_sign(&self, key: usize) -> bool {
        let added = {
            let log = self.chains.log();
            let term = log.history.keyring().term(self.setup.keys[key].verifying_key());
            term.map(|term| term.added.as_ref().map_or(0, |added| added.entry))
        };
        added.is_some_and(|entry| self.chains.has_checkpoint(entry))
    }

    /// The key with which the next archiver is started: mostly the newest, but some machines are late.
    pub(super) fn any_key(&mut self) -> usize {
        let in_force = self.in_force();
        let late = self.log_dice.permille(250);
        let drawn = self
            .log_dice
            .pick(&in_force)
            .copied()
            .filter(|key| late && self.may_sign(*key));
        drawn.unwrap_or(self.operators.current)
    }

    fn propose(&mut self) -> Option<Command> {
        let (current, in_force) = (self.operators.current, self.in_force());
        let others: Vec<usize> = in_force.iter().copied().filter(|key| *key != current).collect();
        let next = (0..self.setup.keys.len()).find(|key| {
            let log = self.chains.log();
            log.history
                .keyring()
                .term(self.setup.keys[*key].verifying_key())
                .is_none()
        });
        let (add, retire) = match next {
            Some(next) if in_force.len() < OVERLAP && (others.is_empty() || self.log_dice.permille(400)) => {
                (vec![next], Vec::new())
            }
            _ => (Vec::new(), vec![*self.log_dice.pick(&others)?]),
        };
        let change = self.change(&add, &retire);
        let mut signers: Vec<SigningKey> = add.iter().map(|key| self.setup.keys[*key].clone()).collect();
        signers.push(match &self.setup.change_key {
            Some(key) => key.clone(),
            None => self.setup.keys[current].clone(),
        });
        let mut proposal = Proposal::new(self.setup.identity.origin(), &change).ok()?;
        for signer in &signers {
            proposal = proposal.sign(signer).ok()?;
        }
        if self.log_dice.permille(150) {
            self.operators.kept = Some(proposal.clone());
        }
        self.command(current, proposal)
    }

    fn change(&self, add: &[usize], retire: &[usize]) -> Change {
        let log = self.chains.log();
        let newest = log.history.changes();
        let written = |keys: &[usize]| {
            let keys = keys.iter().map(|key| self.setup.keys[*key].verifying_key().to_string());
            keys.collect()
        };
        Change::Keys(KeysChange {
            r#type: ChangeType::V1,
            archive_id: log.history.archive_id().to_owned(),
            sequence: newest.sequence + 1,
            previous: newest.sha256,
            at: UtcSeconds::from_unix(1_770_000_000 + self.now_ms as i64 / 1000),
            of: KeysOf::Keys,
            add: written(add),
            retire: written(retire),
        })
    }

    fn command(&mut self, key: usize, proposal: Proposal) -> Option<Command> {
        let id = self.started;
        self.started += 1;
        let own = Own::open((self.setup, &self.bucket), key, (&self.book, id)).ok()?;
        let network = Network::new(&self.bucket, self.log_dice.split(), self.odds);
        network.die_after_creates(self.log_dice.split(), self.log_odds.dies);
        let (store, at) = (network.clone(), UtcSeconds::from_unix(1_770_000_000));
        let job = Box::pin(async move {
            let mut writer = own.entry_writer();
            loop {
                match enter(&mut writer, &store, &proposal, at).await {
                    Err(error) if error.kind() == Kind::Transient => step().await,
                    done => return done,
                }
            }
        });
        Some(Command { job, network })
    }

    fn turn_command(&mut self) {
        let Some(command) = &mut self.operators.command else {
            return;
        };
        let polled = command.job.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.late.extend(command.network.take_late());
        if let Some(key) = command.network.died_after() {
            self.counts.count_death(&key);
            return self.end_command();
        }
        let Poll::Ready(done) = polled else { return };
        self.operators.command = None;
        match done {
            Ok(()) => {}
            // Another change was first, or the key of this machine was retired meanwhile.
            Err(error) if error.kind() == Kind::Input => self.counts.refused_changes += 1,
            Err(error) if Refusal::of(&error) == Some(Refusal::KeyRetired) => self.counts.refused_changes += 1,
            Err(error) if error.kind() == Kind::Corrupt && self.restored.is_some() => self.counts.cuts_refused += 1,
            Err(error) => self.failure = Some(format!("a change cannot be entered: {error}")),
        }
    }
}

/// As `kivend keys apply` does it: the links first, then the change, then the entry that decides about a retired key's links.
async fn enter(writer: &mut EntryWriter, store: &Network, proposal: &Proposal, at: UtcSeconds) -> Result<(), AppError> {
    let moment = Moment::at(at);
    writer.advance(store, &moment).await?;
    let arranged = proposal.arranged(&writer.trust().history.before_change());
    let note = arranged.map_err(|unread| AppError::input(unread.to_string()))?;
    writer.enter(store, &moment, &note).await?;
    writer.advance(store, &moment).await?;
    Ok(())
}
