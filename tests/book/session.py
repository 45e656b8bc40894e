"""Runs blocks of shell one after the other in one shell, as a reader does who types them into one terminal."""
from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LIMIT_SECONDS = 120
# `ERR` records each command that fails, so that a failure in the middle of a block is not lost.
PROLOGUE = "set -o pipefail; set -E; trap 'printf \"%s\\t%s\\n\" \"$?\" \"$BASH_COMMAND\" >> \"$SESSION/failed\"' ERR\n"


class Outcome(NamedTuple):
    output: str
    errors: str
    failed: list[tuple[int, str]]  # exit codes and commands

    def codes(self) -> list[int]:
        return [code for code, _ in self.failed]


class Session:
    """A shell in a folder."""

    def __init__(self, work: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.work = work / "session"
        self.work.mkdir()
        self.shell = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env={**environment, "SESSION": str(self.work)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        self.send(PROLOGUE)

    def send(self, text: str) -> None:
        assert self.shell.stdin
        self.shell.stdin.write(text)
        self.shell.stdin.flush()

    def run(self, text: str) -> Outcome:
        paths = [self.work / name for name in ("block", "output", "errors", "failed")]
        block, output, errors, failed = paths
        block.write_text(text)
        for path in (output, errors, failed):
            path.write_text("")
        # Appended, because what a block leaves in the background writes there too.
        self.send(f"source {block} >> {output} 2>> {errors} < /dev/null; echo done\n")
        self.await_end(text)
        lines = [line.split("\t", 1) for line in failed.read_text().splitlines() if "\t" in line]
        # The sourcing itself fails with the code of its last command.
        found = [(int(code), command) for code, command in lines if not command.startswith("source ")]
        return Outcome(output.read_text(), errors.read_text(), found)

    def await_end(self, text: str) -> None:
        assert self.shell.stdout
        if not select.select([self.shell.stdout], [], [], LIMIT_SECONDS)[0]:
            self.end()
            raise SystemExit(f"not ended within {LIMIT_SECONDS} s:\n{text}\n{(self.work / 'errors').read_text()[-2000:]}")
        if self.shell.stdout.readline() != "done\n":
            raise SystemExit(f"the shell ended:\n{text}\n{(self.work / 'errors').read_text()[-2000:]}")

    def end(self) -> None:
        """Ends the shell and what it started."""
        try:
            os.killpg(self.shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.shell.wait()
