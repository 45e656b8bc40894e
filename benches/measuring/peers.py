"""Where the peers live: a Python environment and jars outside the checkout, made on first use."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from .machine import TOP

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kivend"
FOLDER = TOP / "benches" / "peers"


def python():
    """The interpreter that has what peers/requirements.txt lists."""
    wanted = FOLDER / "requirements.txt"
    environment = CACHE / f"peers-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    if not (environment / "complete").exists():
        print("installing the peers' Python packages (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        subprocess.run(pip, check=True)
        (environment / "complete").touch()
    return environment / "bin" / "python"


def peer(name, *arguments):
    """The command that runs a peer written in Python."""
    return [python(), FOLDER / f"{name}.py", *arguments]


def kafka_tool(name, *arguments):
    """The command that runs a tool of Kafka's own, from the jars that deploy/local/cluster fetched."""
    jars = sorted(CACHE.glob("kafka-*/kafka-tools-*.jar"))
    if not jars:
        raise SystemExit("no Kafka jars: run deploy/local/cluster up first")
    config = f"-Dlog4j2.configurationFile={TOP / 'deploy/local/log4j2.properties'}"
    return ["java", "-Xmx512m", config, "-cp", f"{jars[-1].parent}/*", f"org.apache.kafka.tools.{name}", *arguments]
