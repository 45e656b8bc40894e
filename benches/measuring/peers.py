"""Where the peers live: a Python environment, jars and a program in Rust outside the checkout, made on first use."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .machine import TOP

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kivend"
FOLDER = TOP / "benches" / "peers"


def python(wanted=FOLDER / "requirements.txt"):
    """The interpreter that has what this list names."""
    environment = _place("peers", wanted)
    if not (environment / "complete").exists():
        print(f"installing the Python packages of {wanted.name} (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        subprocess.run(pip, check=True)
        (environment / "complete").touch()
    return environment / "bin" / "python"


def _place(kind, *wanted):
    """Where things made from these files lie: other files, another place."""
    return CACHE / f"{kind}-{hashlib.sha256(b''.join(file.read_bytes() for file in wanted)).hexdigest()[:12]}"


def spark():
    """The folder of Spark, which the package pyspark holds whole."""
    environment = python(FOLDER / "requirements-spark.txt").parent.parent
    return next(environment.glob("lib/python*/site-packages/pyspark"))


def jars(name):
    """The folder with the jars that peers/jars/NAME.pom.xml lists."""
    wanted = FOLDER / "jars" / f"{name}.pom.xml"
    place = _place(f"jars-{name}", wanted)
    if not (place / "complete").exists():
        print(f"fetching the jars of {wanted.name} (once)", file=sys.stderr)
        copy = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={place / name}")
        subprocess.run(["mvn", "--batch-mode", "--quiet", "--file", wanted, *copy], check=True, stdout=sys.stderr)
        (place / "complete").touch()
    return place / name


def kafka_backup():
    """The program of peers/kafka_backup."""
    folder = FOLDER / "kafka_backup"
    place = _place("kafka-backup", *(folder / name for name in ("Cargo.toml", "Cargo.lock", "main.rs")))
    program = place / "kafka-backup-peer"
    if not program.exists():
        print("building kafka-backup (once, some minutes)", file=sys.stderr)
        # A build that was broken off goes on from here.
        target = place / "target"
        build = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", target]
        subprocess.run(build, check=True, cwd=folder, stdout=sys.stderr)
        (target / "release" / program.name).rename(program)
        shutil.rmtree(target)
    return program


def peer(name, *arguments):
    """The command that runs a peer written in Python."""
    return [python(), FOLDER / f"{name}.py", *arguments]


def kafka_classpath():
    """The jars that deploy/local/cluster fetched."""
    found = sorted(CACHE.glob("kafka-*/kafka-tools-*.jar"))
    if not found:
        raise SystemExit("no Kafka jars: run deploy/local/cluster up first")
    return f"{found[-1].parent}/*"


def kafka_tool(name, *arguments):
    """The command that runs a tool of Kafka's own."""
    config = f"-Dlog4j2.configurationFile={TOP / 'deploy/local/log4j2.properties'}"
    return ["java", "-Xmx512m", config, "-cp", kafka_classpath(), f"org.apache.kafka.tools.{name}", *arguments]
