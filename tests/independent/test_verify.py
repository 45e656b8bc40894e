"""Tests tools/verify.py with a small valid archive and with many ways to tamper with it (attacks.py).

    python -m unittest discover -s tests/independent        (in the environment of tools/requirements.txt)
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "independent")]

import trust  # noqa: E402
from attacks import BROUGHT, CASES, DATA, Deed, Given, changing, entry, keeping, remove  # noqa: E402
from folder import Unreadable, read_file  # noqa: E402
from format_writer import KEY  # noqa: E402
from kinds import archive_key, witness_key  # noqa: E402
from small_archive import SmallArchive  # noqa: E402
from verify import Archive  # noqa: E402


def verified(folder: Path, deed: Deed, given: Given) -> Archive:
    """Writes the archive, changes it, and verifies it with what is given."""
    made = SmallArchive(folder)
    deed(made)
    saved = given.saved(made) if given.saved else []
    archive = Archive(folder, read(given), saved)
    archive.run()
    return archive


def read(given: Given) -> trust.Given:
    return trust.Given(map(archive_key, given.keys), map(witness_key, given.witnesses), given.quorum, given.origin)


class Tampering(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name, "archive")

    def test_each_tampered_archive_gets_its_verdict(self) -> None:
        for number, (name, verdict, deed) in enumerate(CASES):
            with self.subTest(name):
                archive = verified(self.folder.with_name(str(number)), deed, Given())
                self.assertEqual(archive.verdict, verdict, "\n".join(map(str, archive.findings)))

    def test_what_is_given_decides_what_is_proved(self) -> None:
        for number, (name, verdict, deed, given) in enumerate(BROUGHT):
            with self.subTest(name):
                archive = verified(self.folder.with_name(str(number)), deed, given)
                self.assertEqual(archive.verdict, verdict, "\n".join(map(str, archive.findings)))

    def test_records_are_counted(self) -> None:
        self.assertEqual(verified(self.folder, lambda archive: None, Given()).records, {"payments": 147})

    def test_what_is_missing_is_looked_for_again_where_the_log_grew(self) -> None:
        """A retention change arrives, and the segment goes, after the log was listed."""
        made = SmallArchive(self.folder)
        archive = Archive(self.folder)
        listed, passes = archive.list_keys, []

        def list_keys() -> None:
            listed()
            if not passes:
                changing(keeping(("payments", 1, 1)))(made)
                remove(DATA)(made)
            passes.append(1)

        archive.list_keys = list_keys  # type: ignore[method-assign]
        archive.run()
        self.assertEqual((len(passes), archive.verdict), (2, "intact"), "\n".join(map(str, archive.findings)))

    def test_a_log_that_never_stops_growing_does_not_hold_the_verifier(self) -> None:
        made = SmallArchive(self.folder)
        remove(DATA)(made)
        archive = Archive(self.folder)
        archive.log_grew = lambda: True  # type: ignore[method-assign]
        archive.run()
        self.assertEqual(archive.verdict, "incomplete")

    def test_exit_codes_and_output_of_the_command(self) -> None:
        made = SmallArchive(self.folder)
        command = [sys.executable, str(ROOT / "tools" / "verify.py"), str(self.folder), "--key", KEY.public_text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.split()), (0, ["147", "payments", "intact"]), done.stderr)
        remove(entry(1))(made)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.split()[-1]), (11, "incomplete"))
        self.assertEqual(subprocess.run([*command, "--quorum", "2"], capture_output=True, check=False).returncode, 2)
        self.assertEqual(subprocess.run([*command[:2], str(self.folder / "nowhere")], capture_output=True, check=False).returncode, 2)


class Folders(unittest.TestCase):
    def test_a_file_exchanged_for_a_fifo_after_it_was_looked_at_does_not_block(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x")
            path.write_bytes(b"x")
            looked = os.lstat(path)
            path.unlink()
            os.mkfifo(path)
            real, os.lstat = os.lstat, lambda *_: looked  # type: ignore[assignment]
            try:
                failed: list[Exception] = []

                def attempt() -> None:
                    try:
                        read_file(path, 10)
                    except Unreadable as why:
                        failed.append(why)
                thread = threading.Thread(target=attempt, daemon=True)
                thread.start()
                thread.join(10)
                self.assertTrue(failed)
            finally:
                os.lstat = real


if __name__ == "__main__":
    unittest.main()
