//! Carries out what the machine asks for, by the real requests. What the real hands would never be asked fails the run: to
//! create or commit for a partition that was taken away (EP-1), or to commit what is not durable (AR-1).

use std::sync::Arc;

use kivend::archive::step::{Action, Adopted, Event, Report, Ticket};
use kivend::archiver::requests::{self, Backends};
use kivend::error::{Explain as _, Kind};
use kivend::log::commit_metadata::CommitMetadata;
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::hash::Hash;
use kivend::record::position::{NextOffset, TopicPartition};
use kivend::store::memory::MemoryStore;
use kivend::task::error::AppError;
use kivend::verify::kafka::Commit;
use kivend::writing::writer_keys::WriterKeys;

use super::{Outcome, Position, Process};
use crate::simulation::kafka::Questions;
use crate::simulation::network::{COMMIT, Fate, Network, step};

impl Process {
    pub(super) fn act(&mut self, action: Action) {
        let (network, questions, keys) = (
            self.network.clone(),
            Arc::clone(&self.questions),
            Arc::clone(&self.keys),
        );
        match action {
            Action::LoadHead(ticket, partition) => self.jobs.push(Box::pin(async move {
                let load = || requests::load_head(desk(&network, &questions, &keys), &partition);
                match patiently(load).await {
                    Ok(loaded) => Outcome::Event(Event::HeadLoaded(ticket, Box::new(loaded))),
                    Err(error) if error.kind() == Kind::Corrupt => {
                        Outcome::Event(Event::HeadRefused(ticket, error.to_string()))
                    }
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            })),
            Action::Encode(ticket, job) => {
                self.must_be_ours(ticket, "encodes");
                self.to_encode.push_back((ticket, job));
            }
            Action::CreateSegment(ticket, key, object, topic_id)
            | Action::CreateLink(ticket, key, object, topic_id) => {
                self.must_be_ours(ticket, "creates an object");
                self.jobs.push(Box::pin(async move {
                    let create = async || {
                        let (desk, named, topic_id) =
                            (desk(&network, &questions, &keys), (&key, &object), topic_id.as_deref());
                        match key {
                            Key::Link(..) => requests::create_link(desk, ticket, named, topic_id).await,
                            _ => requests::create_segment(desk, ticket, named, topic_id).await,
                        }
                    };
                    done(patiently(create).await)
                }));
            }
            Action::Commit(ticket, partition, next, metadata) => {
                self.must_be_ours(ticket, "commits");
                self.commit(ticket, partition, next, metadata);
            }
            Action::Consume(partition, from) => self.consume(partition, from),
            Action::Release(partition) => {
                self.ours.remove(&partition);
                if self.standings.get(&partition).is_some_and(|standing| standing.revoking) {
                    self.standings.remove(&partition);
                    self.released.push(partition);
                }
            }
            Action::Pause => {
                self.deeds.holds += 1;
                self.held = true;
            }
            Action::Resume => self.held = false,
            Action::Report(partition, report) => self.note(partition, report),
        }
    }

    fn must_be_ours(&mut self, ticket: Ticket, does: &str) {
        let is_ours = |name: &&TopicPartition| self.ours.contains(name);
        if self.names.get(ticket.slot.0).filter(is_ours).is_none() {
            self.fail(format!("EP-1: {does} for a partition that is not its own"));
        }
    }

    fn consume(&mut self, partition: TopicPartition, from: NextOffset) {
        match self.standings.get_mut(&partition) {
            Some(standing) => {
                standing.position = Some(Position {
                    next: from.0,
                    ..Position::default()
                });
            }
            None => self.fail(format!("consumes {partition}, which is not assigned")),
        }
    }

    fn commit(&mut self, ticket: Ticket, partition: TopicPartition, next: NextOffset, metadata: CommitMetadata) {
        if !self.standings.contains_key(&partition) {
            return self.step(Event::Committed(ticket));
        }
        let (kafka, bucket, id) = (self.questions.kafka.clone(), self.bucket.clone(), self.id);
        let refused = match self.network.scripted(COMMIT) {
            Some(fate) => fate == Fate::Lost,
            None => self.dice.permille(self.odds.commits),
        };
        self.jobs.push(Box::pin(async move {
            step().await;
            if !is_durable(&bucket, &partition, &metadata) {
                return Outcome::Failed(format!("AR-1: commits {partition} {next} without its link"));
            }
            if !refused {
                let commit = Commit {
                    next_offset: next.0,
                    metadata: metadata.to_string(),
                };
                kafka.commit(id, &partition, commit);
            }
            step().await;
            Outcome::Event(Event::Committed(ticket))
        }));
    }

    fn note(&mut self, partition: TopicPartition, report: Report) {
        match report {
            Report::Continues(_) => {}
            Report::Linked { link, adopted, .. } => {
                self.deeds.links += 1;
                self.deeds.adopted += u64::from(adopted == Adopted::Found);
                self.deeds.rejected += link.link.rejected.len() as u64;
                self.deeds.absent += link.link.absent.len() as u64;
            }
            Report::LossFound { .. } => self.deeds.losses += 1,
            Report::NewEpoch(_) => self.deeds.new_epochs += 1,
            Report::Fenced => self.deeds.fenced += 1,
            Report::PassedOver(_) => self.deeds.passed_over += 1,
            Report::Stopped(reason) => {
                self.deeds.stopped += 1;
                self.stops.push((partition, reason));
            }
        }
    }
}

fn desk<'a>(network: &'a Network, questions: &'a Questions, keys: &'a WriterKeys) -> Backends<'a> {
    Backends {
        store: network,
        offsets: questions,
        keys,
    }
}

/// Whether the link that a commit names stands in the bucket.
fn is_durable(bucket: &MemoryStore, partition: &TopicPartition, metadata: &CommitMetadata) -> bool {
    let place = Place {
        partition: partition.clone(),
        epoch: metadata.epoch,
        first_offset: metadata.first_offset,
    };
    (0..8).any(|attempt| {
        let object = bucket.bytes(&place.link(Attempt(attempt)).to_string());
        object.is_some_and(|object| Hash::of(&object) == metadata.link)
    })
}

fn done(event: Result<Event, AppError>) -> Outcome {
    match event {
        Ok(event) => Outcome::Event(event),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

async fn patiently<T, W>(mut attempt: impl FnMut() -> W) -> Result<T, AppError>
where
    W: Future<Output = Result<T, AppError>>,
{
    loop {
        match attempt().await {
            Err(error) if error.kind() == Kind::Transient => step().await,
            done => return done,
        }
    }
}
