"""An archiver with an archive and topics of its own on the servers of deploy/local, and a way to take its store away."""
from __future__ import annotations

import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

PATIENCE_S = 60
SETTINGS = """
[[topics]]
name = "events"
partitions = {partitions}
[routing]
default = "events"
rules = []
[topic_defaults]
replication_factor = 1
[topic_defaults.properties]
min.insync.replicas = 1
[store]
attempts = 3
attempt_timeout = "2s"
operation_timeout = "10s"
[archive]
seal_max_age = "2s"
seal_max_idle = "1s"
checkpoint_interval = "2s"
key_file = "{work}/archive.key"
projection = []
{archive}
[telemetry]
listen = "127.0.0.1:0"
"""


class Archiver:
    """`kivend-archiver` on a topic with so many partitions; ends with the block."""

    def __init__(self, programs: Path, work: Path, partitions: int, archive: str = "", endpoint: str = "") -> None:
        self.programs, self.work = programs, work
        work.mkdir()
        (work / "kivend.toml").write_text(SETTINGS.format(work=work, partitions=partitions, archive=archive))
        self.name = f"page-{secrets.token_hex(4)}"
        self.environment: Mapping[str, str] = os.environ | {
            "KIVEND_TOPIC_PREFIX": f"{self.name}-", "KIVEND_STORE__PREFIX": self.name, "KIVEND_KAFKA__GROUP_ID": self.name,
        }
        self.run("topics", "create")
        self.run("init")
        own = self.environment | ({"KIVEND_STORE__ENDPOINT": endpoint, "AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        self.process = subprocess.Popen(
            self.command("kivend-archiver", "--log-format", "json"), env=own, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.log = queue.Queue[str]()
        threading.Thread(target=self.read, daemon=True).start()
        self.page = f"http://{self.listening()}/"

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.programs / program), "--config", str(self.work / "kivend.toml"), *arguments]

    def run(self, *arguments: str, given: str | None = None) -> str:
        ended = subprocess.run(
            self.command("kivend", "--quiet", *arguments), input=given, capture_output=True, text=True, env=self.environment, check=False)
        assert ended.returncode == 0, f"{arguments}: {ended.stderr}{ended.stdout}"
        return ended.stdout

    def ingest(self, events: int, seed: int) -> None:
        self.run("ingest", given=self.run("generate", "--events", str(events), "--seed", str(seed)))

    def listening(self) -> str:
        """The address of its port."""
        while '"listening"' not in (line := self.log.get(timeout=PATIENCE_S)):
            assert line, "the archiver ended before it opened its port"
        said = json.loads(line)
        return str(said.get("address") or said["fields"]["address"])

    def read(self) -> None:
        """Reads its log, so that the pipe never fills."""
        assert self.process.stderr
        with (self.work / "archiver.log").open("w") as copy:
            for line in self.process.stderr:
                copy.write(line)
                copy.flush()
                self.log.put(line)
        self.log.put("")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Archiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
        if error:
            print((self.work / "archiver.log").read_text()[-3000:], file=sys.stderr)


class Passage:
    """A port that leads to the store until it is cut."""

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one: socket.socket, other: socket.socket) -> None:
        try:
            while part := one.recv(65536):
                other.sendall(part)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self) -> None:
        """Refuses connections from here on, and ends those that are open."""
        for each in [self.listener, *self.open]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
