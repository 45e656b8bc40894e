//! The attacks of [`super::given`] on archives with change keys or several signing keys.

use kivend::log::change::{Below, Change, KeysChange, KeysOf};
use kivend::log::entry::Entry;
use kivend::log::object_key::Key;
use kivend::record::position::Height;
use kivend::verify::findings::Code;

use super::given::{Case, With, adding, enter, first_retry, force, link_by, retiring, with_change_key};
use super::scene::{checkpoint, entry};
use crate::fixture::{Archive, key};

pub const fn case(name: &'static str, code: Option<Code>, make: fn() -> (Archive, With)) -> Case {
    Case { name, make, code }
}

pub const CASES: &[Case] = &[
    // Keys that sign changes.
    case("a key added by a change key", None, || {
        let mut archive = with_change_key();
        let change = adding(&archive, KeysOf::Keys, 8);
        enter(&mut archive, change, &[5, 8]);
        archive.key = key(8);
        archive.seal("payments", 0, 3);
        archive.checkpoint();
        (archive, With::keys(&[5]))
    }),
    case(
        "a key added by a signing key where change keys exist",
        Some(Code::EntryBreaksRule),
        || {
            let archive = with_change_key();
            force(&archive, adding(&archive, KeysOf::Keys, 8), &[7, 8]);
            (archive, With::default())
        },
    ),
    case(
        "retention changed by a signing key where change keys exist",
        Some(Code::EntryBreaksRule),
        || {
            let archive = with_change_key();
            let below = vec![Below("payments".to_owned(), 0, Height(1))];
            let change = Change::Retention(archive.next_removal(below, "no"));
            let next = Entry {
                change: Some(archive.signed_change(&change, &[&key(7)])),
                ..archive.next_entry()
            };
            archive.forge_entry(&next, &key(7), &entry(next.number));
            (archive, With::default())
        },
    ),
    case(
        "a signing key added to the change keys",
        Some(Code::EntryBreaksRule),
        || {
            let archive = with_change_key();
            force(&archive, adding(&archive, KeysOf::ChangeKeys, 7), &[5, 7]);
            (archive, With::default())
        },
    ),
    case(
        "a change key added to the signing keys",
        Some(Code::EntryBreaksRule),
        || {
            let archive = Archive::with_change_keys(&[key(5), key(6)]).filled();
            force(&archive, adding(&archive, KeysOf::Keys, 6), &[5, 6]);
            (archive, With::default())
        },
    ),
    case("a change key retired by itself", Some(Code::EntryBreaksRule), || {
        let archive = Archive::with_change_keys(&[key(5), key(6)]).filled();
        force(&archive, retiring(&archive, KeysOf::ChangeKeys, &[5]), &[5]);
        (archive, With::default())
    }),
    case("all change keys retired", Some(Code::EntryBreaksRule), || {
        let archive = Archive::with_change_keys(&[key(5), key(6)]).filled();
        force(&archive, retiring(&archive, KeysOf::ChangeKeys, &[5, 6]), &[5]);
        (archive, With::default())
    }),
    case(
        "all signing keys retired by a change key",
        Some(Code::EntryBreaksRule),
        || {
            let archive = with_change_key();
            force(&archive, retiring(&archive, KeysOf::Keys, &[7]), &[5]);
            (archive, With::default())
        },
    ),
    case(
        "a signing key retired as if it were a change key",
        Some(Code::EntryBreaksRule),
        || {
            let archive = with_change_key();
            force(&archive, retiring(&archive, KeysOf::ChangeKeys, &[7]), &[5]);
            (archive, With::default())
        },
    ),
    case("a change by a retired change key", Some(Code::EntryBreaksRule), || {
        let mut archive = Archive::with_change_keys(&[key(5), key(6)]).filled();
        let change = retiring(&archive, KeysOf::ChangeKeys, &[5]);
        enter(&mut archive, change, &[6]);
        force(&archive, adding(&archive, KeysOf::Keys, 8), &[5, 8]);
        (archive, With::default())
    }),
    case("an entry signed by a change key", Some(Code::EntryBreaksRule), || {
        let archive = with_change_key();
        let next = archive.next_entry();
        archive.forge_entry(&next, &key(5), &entry(next.number));
        (archive, With::default())
    }),
    case("a link signed by a change key", None, || {
        let mut archive = with_change_key();
        link_by(&mut archive, &key(5));
        (archive, With::default())
    }),
    case("a checkpoint signed by a change key", None, || {
        let archive = with_change_key();
        archive.forge_checkpoint(archive.checkpoint_named(1), &key(5), &checkpoint(1));
        (archive, With::keys(&[5]))
    }),
    case(
        "checkpoint 0 signed by a signing key where change keys exist",
        Some(Code::CheckpointAltered),
        || {
            let archive = with_change_key();
            archive.forge_checkpoint(archive.checkpoint_named(0), &key(7), &checkpoint(0));
            (archive, With::default())
        },
    ),
    case(
        "a given change key whose checkpoint was deleted",
        Some(Code::KeyNotOfArchive),
        || {
            let archive = with_change_key();
            archive.store.vanish(&checkpoint(0));
            (archive, With::keys(&[5]))
        },
    ),
    // What a given key proves.
    case("a key that is not the archive's", Some(Code::KeyNotOfArchive), || {
        (Archive::usual(), With::keys(&[66]))
    }),
    case(
        "the given key is one of two and signed nothing",
        Some(Code::KeyNotOfArchive),
        || (Archive::of_two_keys(&key(6)), With::keys(&[6])),
    ),
    case(
        "entries by the other of two keys above",
        Some(Code::EntryNotProved),
        || {
            let mut archive = Archive::of_two_keys(&key(6));
            archive.key = key(6);
            archive.seal("payments", 0, 3);
            archive.checkpoint();
            (archive, With::keys(&[7]))
        },
    ),
    case(
        "a link by the other of two keys above",
        Some(Code::LinkNotProved),
        || {
            let mut archive = Archive::of_two_keys(&key(6));
            link_by(&mut archive, &key(6));
            (archive, With::keys(&[7]))
        },
    ),
    case(
        "the given key retired by the other of two",
        Some(Code::EntryNotProved),
        || {
            let mut archive = Archive::of_two_keys(&key(6));
            archive.key = key(6);
            archive.retire(&key(7));
            (archive, With::keys(&[7]))
        },
    ),
    case(
        "a key added by the other of two keys",
        Some(Code::LinkNotProved),
        || {
            let mut archive = Archive::of_two_keys(&key(6));
            let change = adding(&archive, KeysOf::Keys, 8);
            enter(&mut archive, change, &[6, 8]);
            archive.key = key(8);
            archive.seal("payments", 0, 3);
            (archive, With::keys(&[7]))
        },
    ),
    case(
        "a key added by a change key, and a signing key given",
        Some(Code::EntryNotProved),
        || {
            let mut archive = with_change_key();
            let change = adding(&archive, KeysOf::Keys, 8);
            enter(&mut archive, change, &[5, 8]);
            archive.key = key(8);
            archive.checkpoint();
            (archive, With::keys(&[7]))
        },
    ),
    case(
        "the log cut before a key was retired, and continued by that key",
        Some(Code::EntryNotProved),
        || {
            let mut archive = Archive::usual();
            archive.rotate(&key(8));
            link_by(&mut archive, &key(8));
            archive.key = key(7);
            archive.seal("payments", 0, 3);
            archive.checkpoint();
            archive.checkpoint();
            (archive, With::keys(&[8]))
        },
    ),
    case(
        "the log cut before the entry after a key's addition, and continued by the old key",
        Some(Code::KeyNotOfArchive),
        || {
            let mut archive = Archive::usual();
            archive.rotate(&key(8));
            archive.key = key(7);
            archive.seal("payments", 0, 3);
            archive.checkpoint();
            (archive, With::keys(&[8]))
        },
    ),
    case("one text signed by two keys", None, || {
        let archive = Archive::of_two_keys(&key(6));
        let again = first_retry(|attempt| Key::Checkpoint(1, attempt));
        archive.forge_checkpoint(archive.checkpoint_named(1), &key(6), &again);
        (archive, With::keys(&[7]))
    }),
    case(
        "a change of another kind than the keys it names",
        Some(Code::EntryBreaksRule),
        || {
            let archive = Archive::of_two_keys(&key(6));
            let change = KeysChange {
                retire: vec![key(6).verifying_key().to_string()],
                ..archive.next_change(KeysOf::ChangeKeys)
            };
            force(&archive, change, &[7]);
            (archive, With::default())
        },
    ),
];
