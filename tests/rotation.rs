//! Rotation of signing keys: every step may be interrupted and repeated, nothing is lost, and the archive verifies as
//! intact with the old public key, the new one, or none.

use std::path::Path;
use std::sync::Arc;

use kivend::app::keys::{Idle, Rotated, retire, rotate, show};
use kivend::app::verify::Request;
use kivend::archive::step::{Event, Look, Object, Slot, Ticket};
use kivend::archiver::backends::Backends;
use kivend::archiver::requests::{self, Creation};
use kivend::error::{Explain as _, Kind};
use kivend::log::keyring::Role;
use kivend::log::object_key::Attempt;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer;
use kivend::record::utc::UtcSeconds;
use kivend::verify::given::Given;
use kivend::writing::entry_writer::{EntryWriter, Moment};
use kivend::writing::key_file;
use kivend::writing::key_source::KeySource;
use kivend::writing::log_start;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;
use tokio::runtime::Runtime;

use crate::fixture::{Archive, NoKafka, ORIGIN};
use crate::verify::expect_intact;

fn backends<'a>(setup: &'a Setup, log: &'a WriterLog) -> Backends<'a> {
    Backends {
        store: &setup.archive.store,
        offsets: &NoKafka,
        log,
        signer: &setup.signer,
    }
}

/// An archive whose writer reads its key from a file.
struct Setup {
    archive: Archive,
    source: KeySource,
    /// The key at the start.
    signer: Arc<dyn Signer>,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Setup {
    fn open() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::usual();
        let file = folder.path().join("kivend.key");
        write_key(&file, &archive.key);
        Setup {
            signer: Arc::new(archive.key.clone()),
            archive,
            source: KeySource::of_file(file),
            runtime: Runtime::new().unwrap(),
            _folder: folder,
        }
    }

    fn rotate(&self) -> kivend::app::keys::RotateReport {
        self.runtime
            .block_on(rotate(&self.archive.store, &self.source, None))
            .unwrap()
    }

    fn retire(&self, idle: Idle) -> Result<kivend::app::keys::RetireReport, kivend::task::error::AppError> {
        self.runtime
            .block_on(retire(&self.archive.store, &self.source, None, idle))
    }

    fn trust(&self) -> WriterTrust {
        let object = self.archive.store.bytes("archive.json").unwrap();
        let first = WriterTrust::of_identity(&self.archive.identity, &object).unwrap();
        self.runtime
            .block_on(log_start::read(&self.archive.store, first, None))
            .unwrap()
    }

    /// Restarts the writers with the key in the file. Each partition gets a link.
    fn restart_writers(&mut self) {
        self.archive.read_log();
        self.archive.key = key_file::read(self.source.key_file().unwrap()).unwrap();
        self.archive.seal("payments", 0, 5);
        self.archive.seal("user-events", 1, 5);
        self.archive.checkpoint();
    }

    fn expect_intact_with_any_keys(&mut self, old: &SigningKey) {
        self.archive.read_log();
        self.archive.commit();
        let new = key_file::read(self.source.key_file().unwrap()).unwrap();
        for keys in [&[][..], &[old], &[&new], &[old, &new]] {
            let request = Request {
                given: Given {
                    keys: keys.iter().map(|key| key.verifying_key().clone()).collect(),
                    ..Given::default()
                },
                ..self.archive.request()
            };
            let report = self.archive.verify(Some(self.archive.broker.clone()), request);
            expect_intact(&report, &[]);
        }
    }
}

pub fn write_key(file: &Path, key: &SigningKey) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut opened = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .unwrap();
    writeln!(opened, "{}", key.to_secret_text()).unwrap();
}

#[test]
fn a_rotation_ends_with_only_the_new_key_and_an_intact_archive() {
    let mut setup = Setup::open();
    let old = setup.archive.key.clone();
    let rotated = setup.rotate();
    assert_eq!(rotated.done, Rotated::Added);
    assert_eq!(rotated.to_retire, [old.verifying_key().to_string()]);
    let kept = key_file::read(&rotated.old_key_file.unwrap()).unwrap();
    assert_eq!(kept.to_secret_text(), old.to_secret_text());
    setup.restart_writers();
    setup.expect_intact_with_any_keys(&old);

    let retired = setup.retire(Idle::Refused).unwrap();
    assert_eq!((retired.entry, retired.late.len()), (Some(4), 0));
    setup.archive.read_log();
    setup.restart_writers();
    setup.expect_intact_with_any_keys(&old);
    let shown = setup
        .runtime
        .block_on(show(&setup.archive.store, &setup.source))
        .unwrap();
    let terms: Vec<_> = shown
        .keys
        .iter()
        .map(|key| (key.added_by, key.retired_by, key.signs_here))
        .collect();
    assert_eq!(terms, [(None, Some(4), false), (Some(2), None, true)]);
    setup.archive.store.check_unchanged().unwrap();
}

#[test]
fn each_interrupted_step_is_completed_once_by_the_next_run() {
    // Interrupted after the file of the new key was created.
    let setup = Setup::open();
    let next = key_file::make(&key_file::beside(setup.source.key_file().unwrap(), "next"), ORIGIN).unwrap();
    assert_eq!(setup.rotate().key, next.verifying_key().to_string());
    assert_eq!(setup.trust().history.changes().sequence, 1);

    // Interrupted after the key change was written, before the new file replaced the old one.
    let setup = Setup::open();
    let old = setup.archive.key.clone();
    let rotated = setup.rotate();
    std::fs::rename(
        setup.source.key_file().unwrap(),
        key_file::beside(setup.source.key_file().unwrap(), "next"),
    )
    .unwrap();
    write_key(setup.source.key_file().unwrap(), &old);
    assert_eq!(setup.rotate().key, rotated.key);
    assert_eq!(setup.trust().history.changes().sequence, 1);

    // Repeated without an interruption: both keys stay in force, and no third key is added.
    let again = setup.rotate();
    assert_eq!((again.done, again.key), (Rotated::OverlapOpen, rotated.key));
    assert_eq!(setup.trust().history.changes().sequence, 1);
}

#[test]
fn a_key_is_retired_only_once_every_writer_uses_the_new_one() {
    let mut setup = Setup::open();
    setup.rotate();
    let refused = setup.retire(Idle::Refused).unwrap_err();
    assert!(refused.to_string().contains("the newest link"), "{refused}");
    setup.archive.read_log();
    setup.archive.key = key_file::read(setup.source.key_file().unwrap()).unwrap();
    setup.archive.seal("payments", 0, 5);
    setup.archive.checkpoint();
    let refused = setup.retire(Idle::Refused).unwrap_err();
    assert!(refused.to_string().contains("links/user-events/1/"), "{refused}");
    assert_eq!(setup.trust().history.changes().sequence, 1);

    let retired = setup.retire(Idle::Accepted).unwrap();
    assert_eq!(setup.trust().history.changes().sequence, 2);
    // A run that was interrupted after writing the change is repeated with the name of the key.
    let key = retired.retired[0].parse().unwrap();
    let again = retire(&setup.archive.store, &setup.source, Some(&key), Idle::Refused);
    let again = setup.runtime.block_on(again).unwrap();
    assert_eq!(again.entry, retired.entry);
    assert_eq!(setup.trust().history.changes().sequence, 2);
}

#[test]
fn a_writer_whose_key_was_retired_stops_before_its_next_note() {
    let mut setup = Setup::open();
    let old = setup.archive.key.clone();
    let retired = Arc::new(WriterLog::new(setup.trust(), old.verifying_key()));
    let mut writer = EntryWriter::new(Arc::clone(&retired), Arc::new(old.clone()));
    setup.rotate();
    setup.restart_writers();
    setup.retire(Idle::Refused).unwrap();
    setup.archive.read_log();
    setup.archive.seal("payments", 0, 5);

    let link = setup
        .archive
        .next_link(&kivend::record::position::TopicPartition::new("payments", 0), 999);
    let sealed = link.seal(&old).unwrap();
    let object = Object {
        bytes: sealed.object.into(),
        sha256: sealed.hash,
    };
    let ticket = Ticket { slot: Slot(0), turn: 1 };
    for key in [link.place().segment(Attempt::PLAIN), link.place().link(Attempt::PLAIN)] {
        let keys = setup.archive.store.keys();
        let creation = Creation {
            key,
            object: object.clone(),
            topic_id: None,
        };
        let refused = setup.runtime.block_on(async {
            match creation.key {
                kivend::log::object_key::Key::Link(..) => {
                    requests::create_link(backends(&setup, &retired), ticket, &creation).await
                }
                _ => requests::create_segment(backends(&setup, &retired), ticket, &creation, Look::Needed).await,
            }
        });
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), Kind::Config);
        assert!(refused.remedy().unwrap().contains("kivend keys show"));
        assert_eq!(setup.archive.store.keys(), keys);
    }
    let now = Moment::at(UtcSeconds::from_unix(1_770_113_800));
    let refused = setup
        .runtime
        .block_on(writer.advance(&setup.archive.store, &now))
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Config);
    setup.expect_intact_with_any_keys(&old);
}

#[test]
fn a_writer_that_has_not_seen_the_new_key_yet_accepts_its_link() {
    let mut setup = Setup::open();
    let old = setup.archive.key.clone();
    let behind = WriterLog::new(setup.trust(), old.verifying_key());
    setup.rotate();
    let before = setup
        .archive
        .next_link(&kivend::record::position::TopicPartition::new("payments", 0), 999);
    setup.restart_writers();
    let sealed = before.seal(&old).unwrap();
    let object = Object {
        bytes: sealed.object.into(),
        sha256: sealed.hash,
    };
    let ticket = Ticket { slot: Slot(0), turn: 1 };
    let creation = Creation {
        key: before.place().link(Attempt::PLAIN),
        object,
        topic_id: None,
    };
    let taken = requests::create_link(backends(&setup, &behind), ticket, &creation);
    let taken = setup.runtime.block_on(taken).unwrap();
    assert!(matches!(taken, Event::LinkTaken(..)), "{taken:?}");
    assert_eq!(behind.trust().history.changes().sequence, 1);
}

#[test]
fn junk_in_the_log_is_passed_over() {
    let setup = Setup::open();
    setup.archive.store.plant("log/0000000002.note", "junk");
    setup.archive.store.plant("log/what", "junk");
    let old = setup.archive.key.clone();
    let keys = WriterLog::new(setup.trust(), old.verifying_key());
    for _ in 0..2 {
        let known = setup.runtime.block_on(keys.refresh(&setup.archive.store)).unwrap();
        assert_eq!(known.history.changes().sequence, 0);
    }
    let rotated = setup.rotate();
    assert!(setup.archive.store.bytes("log/0000000002-r1.note").is_some());
    let known = setup.runtime.block_on(keys.refresh(&setup.archive.store)).unwrap();
    assert_eq!(
        known.keyring().in_force(Role::Signing).last().unwrap().to_string(),
        rotated.key
    );
}
