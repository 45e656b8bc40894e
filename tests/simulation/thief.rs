//! Somebody who has a key that was retired, and may create objects. Honest writers must not take over anything of his, nor stop
//! for it; the verifier must name his objects and nothing else. He acts once the entry after the retirement stands: before it, his
//! links are those of an honest archiver that has not heard of its retirement (FORMAT.md section 4, rule 8).

use kivend::log::change::{Change, ChangeType, KeysChange, KeysOf};
use kivend::log::checkpoint::{Checkpoint, CheckpointRef};
use kivend::log::entry::Entry;
use kivend::log::history::Draft;
use kivend::log::keyring::Role;
use kivend::log::link::{Link, LinkType, LossReason, Lost, RECORD_ENCODING, SealReason, SegmentRef, SignedLink};
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::log::proposal::Proposal;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::record::position::{FirstOffset, Height, NextOffset};
use kivend::record::utc::UtcSeconds;

use super::dice::Dice;
use super::junk::{Outsider, place_after};

/// A holder of a retired key, acting on one partition.
pub struct Thief<'a> {
    outsider: &'a Outsider<'a>,
    key: &'a SigningKey,
}

/// A time that no honest writer's clock shows.
fn at() -> UtcSeconds {
    UtcSeconds::from_unix(1_790_000_000)
}

/// Acts once, if a key was retired and it is decided which of its links count.
pub fn act(outsider: &Outsider<'_>, dice: &mut Dice) -> Result<(), String> {
    let retired: Vec<&SigningKey> = {
        let log = outsider.chains.log();
        let is_over = |key: &&SigningKey| {
            let term = log.history.keyring().term(key.verifying_key());
            let retired = term.and_then(|term| term.retired.as_ref());
            retired.is_some_and(|retired| retired.until.is_some())
        };
        outsider.setup.keys.iter().filter(is_over).collect()
    };
    match dice.pick(&retired) {
        Some(key) => Thief { outsider, key }.steal(dice),
        None => Ok(()),
    }
}

impl Thief<'_> {
    fn steal(&self, dice: &mut Dice) -> Result<(), String> {
        let next = self.outsider.chains.log().history.next_number();
        let old = dice.below(next as usize) as u64;
        match dice.below(15) {
            0 | 1 => self.put_entry(next, None),
            2 => self.put_entry(next + dice.between(1, 3) as u64, None),
            3 => self.put_entry(old, None),
            4 => self.put_entry(next, Some(self.own_return())),
            5 => self.put_checkpoint(next - 1, 0),
            6 => self.put_checkpoint(next + dice.below(3) as u64, dice.below(2)),
            7 => self.put_checkpoint(old, dice.below(2)),
            8 => self.put_unknown(next, dice)?,
            9 => self.put_copy(next, dice)?,
            10 => self.put_next_link(dice)?,
            11 => self.put_second_copy(next, dice)?,
            12 | 13 => self.put_false_height(dice)?,
            _ => self.put_old_link(dice)?,
        }
        Ok(())
    }

    fn put_note(&self, key_of: impl Fn(Attempt) -> Key, text: String) {
        let Ok(note) = self.key.sign(text) else { return };
        self.outsider.put(&self.outsider.free(key_of), note.to_bytes());
    }

    /// An entry that continues the log as far as its text says.
    fn put_entry(&self, number: u64, change: Option<String>) {
        let draft = {
            let log = self.outsider.chains.log();
            let draft = Draft {
                at: at(),
                heads: log.history.heads().to_vec(),
                groups: Some(Vec::new()),
                change,
            };
            Entry {
                number,
                ..log.history.draft(draft)
            }
        };
        if let Ok(sealed) = draft.seal(self.key) {
            let key = self.outsider.free(|attempt| Key::Entry(number, attempt));
            self.outsider.put(&key, sealed.object);
        }
    }

    /// A change that adds a key of his own.
    fn own_return(&self) -> String {
        let (log, stranger) = (self.outsider.chains.log(), &self.outsider.setup.stranger);
        let newest = log.history.changes();
        let change = Change::Keys(KeysChange {
            r#type: ChangeType::V1,
            archive_id: log.history.archive_id().to_owned(),
            sequence: newest.sequence + 1,
            previous: newest.sha256,
            at: at(),
            of: match log.history.keyring().change_role() {
                Role::Change => KeysOf::ChangeKeys,
                Role::Signing => KeysOf::Keys,
            },
            add: vec![stranger.verifying_key().to_string()],
            retire: Vec::new(),
        });
        let proposal = Proposal::new(self.outsider.setup.identity.origin(), &change).unwrap();
        let signed = proposal.sign(self.key).unwrap().sign(stranger).unwrap().to_bytes();
        let file = String::from_utf8(signed).unwrap();
        file.split_once('\n').unwrap_or_default().1.to_owned()
    }

    /// A checkpoint with another root than that of the entries.
    fn put_checkpoint(&self, number: u64, further_lines: usize) {
        let origin = self.outsider.setup.identity.origin();
        let root = Hash::of(b"another tree");
        let checkpoint = Checkpoint::of(origin, CheckpointRef { number, root });
        let text = format!("{checkpoint}{}", "further\n".repeat(further_lines));
        self.put_note(|attempt| Key::Checkpoint(number, attempt), text);
    }

    /// A note of a newer version, or of a type that nobody knows.
    fn put_unknown(&self, number: u64, dice: &mut Dice) -> Result<(), String> {
        let place = place_after(self.outsider.partition, self.outsider.head()?.as_ref());
        let id = self.outsider.setup.identity.id();
        let at_entry = |attempt| Key::Entry(number, attempt);
        match dice.below(4) {
            0 => {
                let text = format!("{{\"type\":\"kivend.entry/v2\",\"archive_id\":\"{id}\",\"number\":{number}}}\n");
                self.put_note(at_entry, text);
            }
            1 => self.put_note(at_entry, "{\"type\":\"another.log/v1\"}\n".to_owned()),
            2 => {
                let text = format!("{{\"type\":\"kivend.link/v2\",\"archive_id\":\"{id}\"}}\n");
                self.put_note(|attempt| place.link(attempt), text);
            }
            _ => self.put_note(
                |attempt| place.link(attempt),
                "{\"type\":\"another.chain/v1\"}\n".to_owned(),
            ),
        }
        Ok(())
    }

    /// A valid note of another place, as an old copy of the bucket has it.
    fn put_copy(&self, next: u64, dice: &mut Dice) -> Result<(), String> {
        let head = self.outsider.head()?;
        let place = place_after(self.outsider.partition, head.as_ref());
        let entry = Key::Entry(dice.below(next as usize) as u64, Attempt::PLAIN);
        let checkpoint = Key::Checkpoint(dice.below(next as usize) as u64, Attempt::PLAIN);
        let link = head.map(|head| head.link.place().link(Attempt::PLAIN));
        let from = [Some(entry), Some(checkpoint), link];
        let from = from[dice.below(3)].as_ref();
        let Some(object) = from.and_then(|key| self.outsider.bucket.bytes(&key.to_string())) else {
            return Ok(());
        };
        let number = next - dice.below(2) as u64;
        let to = match dice.below(3) {
            0 => self.outsider.free(|attempt| Key::Entry(next, attempt)),
            1 => self.outsider.free(|attempt| Key::Checkpoint(number, attempt)),
            _ => self.outsider.free(|attempt| place.link(attempt)),
        };
        self.outsider.put(&to, object.to_vec());
        Ok(())
    }

    /// A valid note once more at its own place, which anybody can add.
    fn put_second_copy(&self, next: u64, dice: &mut Dice) -> Result<(), String> {
        let number = dice.below(next as usize) as u64;
        let chain = self.outsider.chains.of(self.outsider.partition)?;
        let place = dice.pick(&chain).map(|signed| signed.link.place());
        let (of, place) = (dice.below(4), place.as_ref());
        let key_of = |attempt| match (of, place) {
            (0, _) | (_, None) => Key::Entry(number, attempt),
            (1, _) => Key::Checkpoint(number, attempt),
            (_, Some(place)) => place.link(attempt),
        };
        if let Some(object) = self.outsider.bucket.bytes(&key_of(Attempt::PLAIN).to_string()) {
            self.outsider.put(&self.outsider.free(key_of), object.to_vec());
        }
        Ok(())
    }

    /// A link that claims a height at which the key counted, at another place.
    fn put_false_height(&self, dice: &mut Dice) -> Result<(), String> {
        let Some(head) = self.outsider.head()? else {
            return Ok(());
        };
        let next = place_after(self.outsider.partition, Some(&head));
        let first = head.link.first_offset.0;
        let (epoch, first) = match dice.below(4) {
            0 => (next.epoch.next(), 0),
            1 => (head.link.epoch, first + dice.between(1, 3) as i64),
            _ => (next.epoch, next.first_offset.0 + dice.below(2) as i64),
        };
        let place = Place {
            epoch,
            first_offset: FirstOffset(first),
            ..next
        };
        let end = NextOffset(first + 3);
        let link = Link {
            height: Height(dice.below(head.link.height.0 as usize + 1) as u64),
            next_offset: end,
            absent: vec![(first, end.0)],
            ..self.draft(&place, Some(&head))
        };
        self.put_link(&place, &link);
        Ok(())
    }

    /// A link at the place of the next one. Whoever took it over would lose records.
    fn put_next_link(&self, dice: &mut Dice) -> Result<(), String> {
        let head = self.outsider.head()?;
        let place = place_after(self.outsider.partition, head.as_ref());
        let draft = self.draft(&place, head.as_ref());
        let end = NextOffset(place.first_offset.0 + dice.between(1, 9) as i64);
        let link = match dice.below(3) {
            0 => Link {
                next_offset: end,
                lost: Some(Lost {
                    first_offset: place.first_offset,
                    next_offset: end,
                    log_start_offset: end.0,
                    observed_at: at(),
                    reason: LossReason::Retention,
                }),
                seal_reason: SealReason::Lost,
                ..draft
            },
            1 if head.is_some() => Link {
                seal_reason: SealReason::Recreated,
                next_epoch_at: Some(0),
                ..draft
            },
            _ => Link {
                next_offset: end,
                record_count: (end.0 - place.first_offset.0) as u64,
                records_root: Hash::of(b"other records"),
                segment: Some(SegmentRef {
                    key: place.segment(Attempt::PLAIN).to_string(),
                    bytes: 4,
                    sha256: Hash::of(b"junk"),
                }),
                min_timestamp_ms: Some(1),
                max_timestamp_ms: Some(1),
                ..draft
            },
        };
        self.put_link(&place, &link);
        Ok(())
    }

    /// A second link at the place of an old one, where the key may have been in force.
    fn put_old_link(&self, dice: &mut Dice) -> Result<(), String> {
        let chain = self.outsider.chains.of(self.outsider.partition)?;
        let Some(SignedLink { link, .. }) = dice.pick(&chain) else {
            return Ok(());
        };
        let link = Link {
            sealed_at: at(),
            sealed_by: "somebody else".to_owned(),
            ..link.clone()
        };
        self.put_link(&link.place(), &link);
        Ok(())
    }

    fn put_link(&self, place: &Place, link: &Link) {
        if let Ok(sealed) = link.seal(self.key) {
            self.outsider
                .put(&self.outsider.free(|attempt| place.link(attempt)), sealed.object);
        }
    }

    /// A link for an empty range.
    fn draft(&self, place: &Place, head: Option<&SignedLink>) -> Link {
        let log = self.outsider.chains.log();
        let author = self.outsider.setup.author();
        let checkpoint = log.history.checkpoint_before().unwrap_or(author.checkpoint);
        Link {
            r#type: LinkType::V1,
            archive_id: author.archive_id.clone(),
            cluster_id: author.cluster_id.clone(),
            topic: place.partition.topic.to_string(),
            topic_id: head.and_then(|head| head.link.topic_id.clone()),
            partition: place.partition.partition,
            epoch: place.epoch,
            height: head.map_or(Height(0), |head| head.link.height.next()),
            first_offset: place.first_offset,
            next_offset: place.first_offset.next_offset(),
            record_count: 0,
            encoding: RECORD_ENCODING,
            leader_epoch: None,
            absent: Vec::new(),
            lost: None,
            min_timestamp_ms: None,
            max_timestamp_ms: None,
            records_root: Hash::of(b""),
            segment: None,
            rejected: Vec::new(),
            checkpoint,
            sealed_at: at(),
            seal_reason: SealReason::Records,
            next_epoch_at: None,
            sealed_by: author.sealed_by.clone(),
            previous: head.map_or_else(|| author.genesis(&place.partition), |head| head.hash),
        }
    }
}
