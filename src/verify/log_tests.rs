//! Tests of the walk of the log and of what given keys and checkpoints prove in it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::log::change::{Change, ChangeType, KeysChange, KeysOf};
use crate::log::checkpoint::Checkpoint;
use crate::log::entry::Entry;
use crate::log::head::Head;
use crate::log::history::{Draft, History};
use crate::log::identity::{FirstKeys, Identity};
use crate::log::object_key::{Attempt, Key};
use crate::log::proposal::Proposal;
use crate::log::signed_note::{SigningKey, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset, TopicPartition};
use crate::record::utc::UtcSeconds;
use crate::verify::candidates::RawObject;
use crate::verify::findings::{Code, Findings};
use crate::verify::log_walk::LogWalk;
use crate::verify::saved::SavedCheckpoint;
use crate::verify::trust::{ArchiveIdentity, Basis, Brought, Trust};
use crate::verify::verdict::Verdict;

const ORIGIN: &str = "shop/0123456789abcdef";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn public(seed: u8) -> VerifyingKey {
    key(seed).verifying_key().clone()
}

fn now() -> UtcSeconds {
    UtcSeconds::from_unix(1_770_113_700)
}

/// A log in memory.
struct Log {
    archive: Vec<u8>,
    history: History,
    entries: Vec<Vec<u8>>,
    checkpoints: Vec<Vec<u8>>,
}

impl Log {
    /// An archive whose key is that of seed 1, with these change keys, and its entry 0.
    fn new(change: &[u8], first: u8) -> Log {
        let change: Vec<VerifyingKey> = change.iter().map(|seed| public(*seed)).collect();
        let signing = public(1);
        let keys = FirstKeys {
            signing: &signing,
            change: &change,
        };
        let identity = Identity::new("shop", [7; 16], now(), &keys).unwrap();
        let archive = identity.to_bytes().unwrap();
        let history = History::new(&identity, Hash::of(&archive)).unwrap();
        let mut log = Log {
            archive,
            history,
            entries: Vec::new(),
            checkpoints: Vec::new(),
        };
        log.push(1, None, None);
        log.checkpoint(first);
        log
    }

    fn draft(&self, height: Option<u64>, change: Option<String>) -> Entry {
        let head = height.map(|height| Head {
            partition: TopicPartition::new("payments", 0),
            epoch: Epoch(0),
            height: Height(height),
            next_offset: NextOffset(i64::try_from(height).unwrap() + 1),
            link: Hash::of(&height.to_be_bytes()),
            log_root: Hash::ZERO,
        });
        self.history.draft(Draft {
            at: now(),
            heads: head.into_iter().collect(),
            groups: Some(vec![]),
            change,
        })
    }

    fn push(&mut self, signer: u8, height: Option<u64>, change: Option<String>) {
        let object = self.draft(height, change).seal(&key(signer)).unwrap().object;
        let signed = self.history.open_entry(&object).unwrap();
        self.history.apply(&signed);
        self.entries.push(object);
    }

    fn checkpoint(&mut self, signer: u8) {
        let named = self.history.checkpoint().unwrap();
        let sealed = Checkpoint::of(ORIGIN, named).seal(&key(signer)).unwrap();
        self.checkpoints.push(sealed.object);
    }

    fn next(&mut self, signer: u8, height: u64, change: Option<String>) {
        self.push(signer, Some(height), change);
        self.checkpoint(signer);
    }

    /// A change of keys.
    fn change(&self, signer: u8, add: &[u8], retire: &[u8]) -> String {
        let before = self.history.changes();
        let named = |seeds: &[u8]| seeds.iter().map(|seed| public(*seed).to_string()).collect();
        let change = Change::Keys(KeysChange {
            r#type: ChangeType::V1,
            archive_id: self.history.archive_id().to_owned(),
            sequence: before.sequence + 1,
            previous: before.sha256,
            at: now(),
            of: KeysOf::Keys,
            add: named(add),
            retire: named(retire),
        });
        let mut proposal = Proposal::new(ORIGIN, &change).unwrap().sign(&key(signer)).unwrap();
        for added in add {
            proposal = proposal.sign(&key(*added)).unwrap();
        }
        proposal.arranged(&self.history.before_change()).unwrap()
    }

    fn begin(&self) -> (ArchiveIdentity, LogWalk) {
        let (of, history) = ArchiveIdentity::open(&self.archive).unwrap();
        (of, LogWalk::new(history))
    }

    /// Places the objects of a number; `None` for one that is missing.
    fn place(&self, walk: &mut LogWalk, number: usize, entry: Option<&[u8]>, checkpoint: Option<&[u8]>) {
        let number = number as u64;
        let entry: Vec<RawObject> = entry
            .iter()
            .map(|object| raw(Key::Entry(number, Attempt::PLAIN), object))
            .collect();
        let checkpoint: Vec<RawObject> = checkpoint
            .iter()
            .map(|object| raw(Key::Checkpoint(number, Attempt::PLAIN), object))
            .collect();
        walk.place(number, &entry, &checkpoint);
    }

    fn walked(&self) -> (ArchiveIdentity, LogWalk) {
        let (of, mut walk) = self.begin();
        for number in 0..self.entries.len() {
            let checkpoint = self.checkpoints.get(number).map(Vec::as_slice);
            self.place(&mut walk, number, Some(&self.entries[number]), checkpoint);
        }
        (of, walk)
    }
}

fn raw(key: Key, object: &[u8]) -> RawObject {
    RawObject {
        attempt: Attempt::PLAIN,
        key: key.to_string(),
        object: Ok(Bytes::copy_from_slice(object)),
    }
}

fn codes(findings: &Findings) -> Vec<Code> {
    findings.counts().keys().copied().collect()
}

fn end(mut walk: LogWalk) -> Findings {
    walk.finish(&BTreeMap::new())
}

/// Entries 0 to 3 by key 1; the heads move with each.
fn four() -> Log {
    let mut log = Log::new(&[], 1);
    for height in 0..3 {
        log.next(1, height, None);
    }
    log
}

#[test]
fn an_honest_log_has_no_finding_and_its_heads_are_known_at_each_entry() {
    let (_, walk) = four().walked();
    assert_eq!((walk.newest_entry(), walk.newest_checkpoint()), (Some(3), Some(3)));
    let heights = |number| walk.heads_at(number).map(|head| head.height.0).collect::<Vec<_>>();
    assert_eq!([heights(0), heights(1), heights(3)], [vec![], vec![0], vec![2]]);
    let partition = TopicPartition::new("payments", 0);
    assert_eq!(walk.first_covering(&partition, Height(1)), Some(2));
    assert_eq!(walk.first_covering(&partition, Height(3)), None);
    assert_eq!(codes(&end(walk)), []);
}

#[test]
fn the_newest_entry_may_be_without_its_checkpoint_and_no_other() {
    let mut log = four();
    log.checkpoints.pop();
    assert_eq!(codes(&end(log.walked().1)), []);
    log.checkpoints.clear();
    assert_eq!(codes(&end(log.walked().1)), [Code::CheckpointMissing]);
}

#[test]
fn an_entry_that_is_missing_ends_the_log_there() {
    let log = four();
    let (_, mut walk) = log.begin();
    for number in [0, 1, 3] {
        log.place(
            &mut walk,
            number,
            Some(&log.entries[number]),
            Some(&log.checkpoints[number]),
        );
    }
    assert_eq!(walk.newest_entry(), Some(1));
    let findings = end(walk);
    assert_eq!(codes(&findings), [Code::EntryMissing]);
    assert_eq!(Verdict::of(&findings), Verdict::Incomplete);
}

#[test]
fn junk_in_the_place_of_an_entry_is_passed_over_only_where_the_next_one_would_stand() {
    let log = four();
    for (place, expected) in [(4, Code::EntryPassedOver), (5, Code::StrayEntry)] {
        let (_, mut walk) = log.walked();
        log.place(&mut walk, place, Some(b"junk"), None);
        assert_eq!(codes(&end(walk)), [expected]);
    }
    let (_, mut walk) = log.begin();
    log.place(&mut walk, 0, Some(&log.entries[0]), Some(&log.checkpoints[0]));
    log.place(&mut walk, 1, Some(b"junk"), None);
    log.place(&mut walk, 2, Some(&log.entries[2]), None);
    assert_eq!(codes(&end(walk)), [Code::EntryMissing, Code::EntryAltered]);
}

#[test]
fn what_a_link_names_must_be_in_the_log() {
    let log = four();
    let (_, walk) = log.walked();
    let root = walk.root(2).unwrap();
    for (named, expected) in [
        ((2, root), vec![]),
        ((2, Hash::ZERO), vec![Code::LinkCheckpointDiffers]),
        ((9, root), vec![Code::LinkCheckpointMissing, Code::EntryMissing]),
    ] {
        let (_, mut walk) = log.walked();
        let findings = walk.finish(&BTreeMap::from([(named, "links/x".to_owned())]));
        assert_eq!(codes(&findings), expected);
    }
}

#[test]
fn heads_that_go_back_are_tampering() {
    let mut log = four();
    log.next(1, 1, None);
    let findings = end(log.walked().1);
    assert_eq!(codes(&findings), [Code::EntryHeadsFalse]);
}

#[test]
fn what_is_listed_again_is_judged_again() {
    let mut log = four();
    let (_, mut walk) = log.walked();
    log.place(&mut walk, 4, Some(b"junk"), None);
    walk.list_again();
    log.next(1, 3, None);
    let number = 4;
    log.place(
        &mut walk,
        number,
        Some(&log.entries[number]),
        Some(&log.checkpoints[number]),
    );
    assert_eq!(walk.newest_entry(), Some(4));
    assert_eq!(codes(&end(walk)), []);
}

/// Key 1 signs until entry 1, whose change adds key 2 by a key of the change keys; key 2 signs from then on.
fn rotated(change_keys: &[u8], changer: u8) -> Log {
    let mut log = Log::new(change_keys, *change_keys.first().unwrap_or(&1));
    let change = log.change(changer, &[2], &[]);
    log.next(1, 0, Some(change));
    log.next(2, 1, None);
    log.next(2, 2, None);
    log
}

fn judged(log: &Log, brought: Brought) -> (Basis, Vec<Code>, Option<u64>) {
    let (of, walk) = log.walked();
    let trust = Trust::new(of, &walk, &brought);
    let findings = trust.findings(&walk, false);
    let codes = findings.iter().map(|finding| finding.code).collect();
    (trust.basis(), codes, trust.proved_size())
}

fn keys(seeds: &[u8]) -> Brought {
    Brought {
        keys: seeds.iter().map(|seed| public(*seed)).collect(),
        ..Brought::default()
    }
}

#[test]
fn a_given_key_proves_what_it_and_its_descendants_signed_and_what_checkpoints_cover() {
    let log = rotated(&[], 1);
    assert_eq!(judged(&log, Brought::default()), (Basis::FirstUse, vec![], None));
    assert_eq!(judged(&log, keys(&[1])), (Basis::KeysGiven, vec![], Some(4)));
    assert_eq!(judged(&log, keys(&[2])), (Basis::KeysGiven, vec![], Some(4)));
}

#[test]
fn where_change_keys_are_a_member_of_keys_has_no_descendants_and_a_change_key_all() {
    let log = rotated(&[9], 9);
    let (_, codes, proved) = judged(&log, keys(&[1]));
    assert_eq!((codes, proved), (vec![Code::EntryNotProved], Some(2)));
    assert_eq!(judged(&log, keys(&[9])).1, []);
    assert_eq!(judged(&log, keys(&[2])).1, []);
}

#[test]
fn keys_that_are_not_of_the_archive_or_signed_nothing_are_tampering() {
    let log = rotated(&[9, 8], 9);
    for unknown in [5, 8] {
        let (_, codes, _) = judged(&log, keys(&[unknown]));
        assert!(codes.contains(&Code::KeyNotOfArchive), "{codes:?}");
    }
}

#[test]
fn a_saved_checkpoint_proves_what_it_covers_and_the_keys_after_it_the_rest() {
    let log = rotated(&[9], 9);
    let saved = |proved| Brought {
        has_checkpoints: true,
        proved,
        ..Brought::default()
    };
    assert_eq!(judged(&log, saved(Some(1))), (Basis::CheckpointsGiven, vec![], Some(4)));
    let (_, codes, proved) = judged(&log, saved(None));
    assert_eq!(
        (codes, proved),
        (vec![Code::EntryNotProved, Code::EntryNotProved], Some(0))
    );
}

#[test]
fn a_saved_checkpoint_with_its_entry_is_compared_with_the_log() {
    let log = four();
    let mut other = Log::new(&[], 1);
    for height in [0, 5, 6] {
        other.next(1, height, None);
    }
    let foreign = rotated(&[], 1);
    let compared = |checkpoint: &[u8], entry: Option<&[u8]>, walk: &mut LogWalk| {
        let saved = SavedCheckpoint::parse(checkpoint, entry).unwrap();
        let mut findings = Findings::default();
        saved.compare(walk, &mut findings);
        (codes(&findings), saved.heads(walk).len())
    };
    let (_, mut walk) = log.walked();
    assert_eq!(compared(&log.checkpoints[2], None, &mut walk), (vec![], 1));
    let entry = Some(other.entries[2].as_slice());
    let (found, heads) = compared(&other.checkpoints[2], entry, &mut walk);
    assert_eq!((found, heads), (vec![Code::SavedCheckpointDiffers], 1));
    let entry = Some(foreign.entries[2].as_slice());
    let (found, _) = compared(&foreign.checkpoints[2], entry, &mut walk);
    assert_eq!(found, [Code::SavedCheckpointForeign]);
    // Its entry was cut off in the bucket.
    let (_, mut cut) = log.begin();
    for number in 0..2 {
        log.place(
            &mut cut,
            number,
            Some(&log.entries[number]),
            Some(&log.checkpoints[number]),
        );
    }
    let entry = Some(log.entries[3].as_slice());
    let (found, heads) = compared(&log.checkpoints[3], entry, &mut cut);
    assert_eq!((found, heads), (vec![Code::SavedCheckpointMissing], 1));
    assert_eq!(codes(&end(cut)), [Code::EntryMissing]);
}
