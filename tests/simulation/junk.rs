//! Objects that an outsider with write access, or an earlier owner that died, leaves at the keys of the next objects. A
//! writer must step over all of them, and adopt a segment only if it makes the same bytes (AD-1).

use kivend::log::identity::genesis;
use kivend::log::link::SignedLink;
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;

use super::dice::Dice;
use super::kafka::Kafka;
use super::oracle::Chains;
use super::setup::Setup;
use crate::fixture::OwnedRecord;

/// The place of a partition's next link; offset 0 of epoch 0 if the chain is broken.
pub fn next_place(bucket: &MemoryStore, partition: &TopicPartition) -> Place {
    let chain = Chains::new(bucket, Setup::shared()).of(partition).unwrap_or_default();
    place_after(partition, chain.last())
}

pub fn place_after(partition: &TopicPartition, head: Option<&SignedLink>) -> Place {
    let first = || Place {
        partition: partition.clone(),
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
    };
    head.map_or_else(first, |head| head.link.next_place())
}

/// An outsider with write access to the bucket, acting on one partition.
pub struct Outsider<'a> {
    pub bucket: &'a MemoryStore,
    pub kafka: &'a Kafka,
    pub setup: &'a Setup,
    pub chains: &'a Chains,
    pub partition: &'a TopicPartition,
}

impl Outsider<'_> {
    /// Plants an object that writers step over, so that the archive stays intact.
    pub fn plant_junk(&self, dice: &mut Dice) -> Result<(), String> {
        let head = self.head()?;
        let place = place_after(self.partition, head.as_ref());
        match dice.below(6) {
            0 => self.put(&self.free(|k| place.segment(k)), b"junk".to_vec()),
            1 => self.put(&self.free(|k| place.link(k)), b"junk\n".to_vec()),
            2 => self.put_checkpoint(),
            3 => self.put_segment_of_elsewhere(head.as_ref(), &place),
            // The segment of an earlier owner that died before it created the link.
            4 => self.put_segment(head.as_ref(), self.any_end(&place, dice), |_| {}),
            _ => self.put_segment(head.as_ref(), self.any_end(&place, dice), |records| {
                if let Some(record) = records.last_mut() {
                    record.value = Some(b"forged".to_vec());
                }
            }),
        }
        Ok(())
    }

    /// Plants an object that writers do not meet, and that the verifier must report.
    pub fn plant_tampering(&self, dice: &mut Dice) -> Result<(), String> {
        let head = self.head()?;
        let place = place_after(self.partition, head.as_ref());
        let far = |offset: i64| Place {
            first_offset: FirstOffset(offset),
            ..place.clone()
        };
        match dice.below(7) {
            6 => {
                let next_epoch = Place {
                    epoch: place.epoch.next(),
                    ..far(0)
                };
                self.put(&self.free(|k| next_epoch.segment(k)), b"junk".to_vec());
            }
            0 => self.put(
                &place.segment(Attempt(dice.between(2, 9) as u32)).to_string(),
                b"junk".to_vec(),
            ),
            1 => self.put(
                &place.link(Attempt(dice.between(2, 9) as u32)).to_string(),
                b"junk\n".to_vec(),
            ),
            2 => self.put(
                &far(dice.below(1 + place.first_offset.0 as usize) as i64)
                    .link(Attempt::PLAIN)
                    .to_string(),
                b"junk\n".to_vec(),
            ),
            3 => self.put(&far(1_000_000).link(Attempt::PLAIN).to_string(), b"junk\n".to_vec()),
            4 => {
                let epoch = *dice.pick(&[1, 2, 4_000_000_000]).unwrap_or(&1);
                let place = Place {
                    epoch: Epoch(epoch),
                    ..far(0)
                };
                self.put(&place.link(Attempt::PLAIN).to_string(), b"junk\n".to_vec());
            }
            // A valid link of this archive, at another place.
            _ => {
                if let Some(object) =
                    head.and_then(|head| self.bucket.bytes(&head.link.place().link(Attempt::PLAIN).to_string()))
                {
                    self.put(&self.free(|k| place.link(k)), object.to_vec());
                }
            }
        }
        Ok(())
    }

    pub fn head(&self) -> Result<Option<SignedLink>, String> {
        Ok(self.chains.of(self.partition)?.pop())
    }

    pub fn free(&self, key: impl Fn(Attempt) -> Key) -> String {
        let keys = (0..).map(|k| key(Attempt(k)).to_string());
        keys.into_iter()
            .find(|key| self.bucket.bytes(key).is_none())
            .unwrap_or_default()
    }

    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        if self.bucket.bytes(key).is_none() {
            self.bucket.plant(key, bytes);
        }
    }

    fn put_checkpoint(&self) {
        let taken = |number: &u64| {
            self.bucket
                .bytes(&Key::Checkpoint(*number, Attempt::PLAIN).to_string())
                .is_some()
        };
        let next = (0..).find(|number| !taken(number)).unwrap_or_default();
        self.put(&Key::Checkpoint(next, Attempt::PLAIN).to_string(), b"junk\n".to_vec());
    }

    fn put_segment_of_elsewhere(&self, head: Option<&SignedLink>, place: &Place) {
        let segment = head.and_then(|head| head.link.segment.as_ref());
        if let Some(object) = segment.and_then(|segment| self.bucket.bytes(&segment.key)) {
            self.put(&self.free(|k| place.segment(k)), object.to_vec());
        }
    }

    fn any_end(&self, place: &Place, dice: &mut Dice) -> i64 {
        let first = place.first_offset.0;
        let stable_end = self.kafka.log(self.partition, |log| log.stable_end());
        first + 1 + dice.below((stable_end - first).max(0) as usize + 2) as i64
    }

    /// Plants a segment of the records up to `end`, as a writer would make it, after `forge` has changed the records.
    pub fn put_segment(&self, head: Option<&SignedLink>, end: i64, forge: fn(&mut Vec<OwnedRecord>)) {
        let place = place_after(self.partition, head);
        let mut records: Vec<OwnedRecord> = self.kafka.log(self.partition, |log| {
            let range = log.acknowledged.records.range(place.first_offset.0..end);
            range.map(|(_, record)| record.clone()).collect()
        });
        forge(&mut records);
        if records.is_empty() {
            return;
        }
        let mut rows = Rows::new(self.partition);
        for record in &records {
            record.lend(|record| rows.push(record));
        }
        let identity = self.setup.trust().identity();
        let footer = Footer {
            topic_partition: self.partition.clone(),
            epoch: place.epoch,
            first_offset: place.first_offset,
            next_offset: NextOffset(end),
            record_count: rows.len() as u64,
            records_root: rows.root(),
            previous: head.map_or_else(|| genesis(&identity, self.partition), |head| head.hash),
        };
        if let Ok(bytes) = encode(rows, &footer, &Projection::none()) {
            self.put(&self.free(|k| place.segment(k)), bytes);
        }
    }
}
