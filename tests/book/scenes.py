"""What the reader of a page has when the page begins: programs, settings, an archive."""
from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pages import TOP

# Why a block is not run, by page and the beginning of the block. The test of the documents parses its commands all the same.
NOT_RUN = {
    ("TUTORIAL.md", "cargo build"): "the programs that are tested are built already",
    ("TUTORIAL.md", "cluster down"): "other tests use the servers",
    ("../README.md", "cargo build"): "the demo is run by tools/record_demo.py",
    ("../README.md", "deploy/local/cluster up"): "the test runs under these servers",
    ("README.md", "cargo install"): "`run` installs the same version, and builds the book",
    ("OPERATE.md", "apt-get install ./kivend_*"): "needs a system under systemd: tests/debian/run does it",
    ("OPERATE.md", "export KIVEND_CONFIG=/etc/kivend/kivend.toml HOME"): "as above",
    ("OPERATE.md", "kivend config check\n"): "as above",
    ("OPERATE.md", "kafka-transactions.sh"): "needs a transaction that a producer left open",
    ("RESTORE.md", "export KIVEND_KAFKA__BROKERS"): "needs a second cluster: the tests real_pipeline::restores restore beside the archived topics",
}
# Pages whose blocks have tests of their own.
ELSEWHERE = {
    "QUERYING.md": "tests/querying/run", "ICEBERG.md": "tests/iceberg/run",
    "COMMANDS.md": "the help of each command; its examples are parsed, and its commands are run by the tests of the programs",
}


@dataclass
class Scene:
    """Where a page is run, and how words of the page are replaced so that runs do not disturb each other."""

    folder: Path
    environment: Mapping[str, str]
    before: str = ""
    after: str = ""
    preparations: Mapping[str, str] = field(default_factory=dict)  # by the heading of the block that they precede
    words: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""  # of names in outputs, where the page has none

    def as_typed(self, text: str) -> str:
        for word, actual in self.words.items():
            text = text.replace(word, actual)
        return text

    def as_shown(self, output: str) -> str:
        for word, actual in self.words.items():
            output = output.replace(actual, word)
        return output.replace(self.prefix, "")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(work: Path, programs: Path, port: int) -> dict[str, str]:
    """Keys and settings of the user who runs the test are out of sight."""
    return os.environ | {
        "PATH": f"{programs}:{TOP}/deploy/local:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(work / "config"),
        "KIVEND_TELEMETRY__LISTEN": f"127.0.0.1:{port}",
    }


def tutorial(work: Path, programs: Path, name: str) -> Scene:
    """A checkout, in which nothing is, and nothing else. `name` is as long as `tutorial`, so that tables have the same widths."""
    folder, port = work / "kivend", free_port()
    folder.mkdir()
    return Scene(folder, environment(work, programs, port), words={"tutorial": name, "localhost:9464": f"localhost:{port}"})



def readme(work: Path, programs: Path, name: str) -> Scene:
    """A checkout, with topics, a group and an archive that no other test uses."""
    folder, port = work / "kivend", free_port()
    folder.mkdir()
    own = {"KIVEND_TOPIC_PREFIX": f"{name}-", "KIVEND_KAFKA__GROUP_ID": name, "KIVEND_STORE__PREFIX": name}
    return Scene(folder, environment(work, programs, port) | own, prefix=f"{name}-")
