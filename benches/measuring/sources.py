"""The records that are measured: the shop's events, larger records, and the batches of many small producers."""

import base64
import random
import re
import subprocess
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from . import machine
from .kivend import TOPICS, Kivend

BASE = "events"
SMALL_BATCHES = "small-batches"
_SIZES = {"1kB": 1_000, "10kB": 10_000}
NAMES = (BASE, *_SIZES, SMALL_BATCHES)

# Many topics, each with few records at a time: what many small services produce.
_MANY = 100
_BATCH_BYTES = 16_384
_TYPE = re.compile(rb'"event_type": "[^"\\]*"')


@dataclass(frozen=True)
class Events:
    """One file of lines, and how kivend sends them: into which topics, with which settings."""

    path: Path
    count: int
    topics: tuple = TOPICS
    settings: Path | None = None

    @property
    def value_bytes(self):
        """Bytes of the values: the lines without their newlines."""
        return self.path.stat().st_size - self.count

    def kivend(self, name, work):
        return Kivend(name, work, {"KIVEND_CONFIG": str(self.settings)} if self.settings else None, self.topics)


def named(source, file):
    """The name of a source in results; none for the generated events."""
    if source == BASE:
        return file.name if file else ""
    return f"{source} of {file.name}" if file else source


def kind(name):
    """The source that has this name in results."""
    first = name.split(" of ")[0]
    return first if first in NAMES else BASE


def described(name):
    """The records of this name in a report."""
    source = kind(name)
    if source in _SIZES:
        return f"records of {source.removesuffix('kB')} kB"
    return f"events in batches of 16 KiB over {_MANY} topics" if source == SMALL_BATCHES else "events"


def count_of(name, events):
    """Larger records are fewer: about as many bytes in each source."""
    return events * 500 // _SIZES[name] if name in _SIZES else events


def made(name, work, count, file=None):
    """The events of a source. `file` stands for the generated events, and is repeated as often as needed."""
    path = Path(work, f"{name}-{count}.jsonl")
    if name == BASE:
        _write_base(path, count, file)
        return Events(path, count)
    base = Path(work, f"base-of-{path.name}")
    _write_base(base, count, file)
    change = _larger(_SIZES[name]) if name in _SIZES else _typed
    with base.open("rb") as lines, path.open("wb") as out:
        out.writelines(change(number, line.rstrip(b"\r\n")) + b"\n" for number, line in enumerate(lines))
    base.unlink()
    return Events(path, count) if name in _SIZES else Events(path, count, _many_topics(), _many_settings(work))


def _write_base(path, count, file):
    if file:
        with file.open("rb") as lines, path.open("wb") as out:
            out.writelines(islice(cycle(lines), count))
    else:
        command = [machine.kivend_binary(), "generate", "--events", str(count), "--seed", "42", "-o", path]
        subprocess.run(command, check=True, capture_output=True)


def _larger(size):
    """Fills events up to `size` bytes: a third of them random, as base64, the rest words."""
    chance = random.Random(42)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(256)]
    frame = len(b', "blob": "", "note": ""')

    def larger(_, line):
        blob = base64.b64encode(chance.randbytes(size // 4))[: size // 3]
        room = size - len(line) - len(blob) - frame
        if room < 0:
            raise SystemExit(f"an event of {len(line)} bytes cannot be filled up to {size}")
        note = b" ".join(map(words.__getitem__, chance.randbytes(room // 3)))[:room]
        return line[:-1] + b', "blob": "' + blob + b'", "note": "' + note + b'"}'

    return larger


def _typed(number, line):
    """Another type of event for each line in turn, because the type decides the topic."""
    typed, changed = _TYPE.subn(b'"event_type": "type-%03d"' % (number % _MANY), line, count=1)
    if not changed:
        raise SystemExit(f"line {number + 1} has no event_type")
    return typed


def _many_topics():
    return tuple(f"many-{number:03}" for number in range(_MANY))


def _many_settings(work):
    path = Path(work, f"{SMALL_BATCHES}.toml")
    topics = "".join(f'[[topics]]\nname = "{topic}"\npartitions = 2\n' for topic in _many_topics())
    rules = "".join(f'[[routing.rules]]\ntopic = "{topic}"\nevent_types = ["type-{topic[-3:]}"]\n' for topic in _many_topics())
    # A batch is sent when it is full.
    ingest = f'[ingest]\nbatch_size = "{_BATCH_BYTES}B"\nlinger_ms = 100\n'
    path.write_text(f'{topics}[routing]\ndefault = "many-000"\n{rules}{ingest}')
    return path
