"""On what it was measured, and with which versions: without that a figure says nothing."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def _said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=TOP).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _found(pattern, text):
    found = re.search(pattern, text, re.M)
    return found[1].strip() if found else None


def kivend_binary():
    """`$KIVEND`, or the release build."""
    target = os.environ.get("CARGO_TARGET_DIR", TOP / "target")
    path = Path(os.environ.get("KIVEND", Path(target, "release", "kivend"))).resolve()
    if not os.access(path, os.X_OK):
        raise SystemExit(f"no {path}: run cargo build --release first, or set KIVEND")
    return path


def example(name):
    """A program of benches/programs, built beside the binary."""
    path = kivend_binary().parent / "examples" / name
    if not path.exists():
        raise SystemExit(f"no {path}: run cargo build --release --example {name} first")
    return path


def commit():
    """The commit in the checkout, with `-changed` where what is built differs from it."""
    changed = _said("git", "status", "--porcelain", "--", "src", "config", "Cargo.toml", "Cargo.lock")
    return f"{_said('git', 'describe', '--always')}{'-changed' if changed else ''}"


def _peers():
    """The peers with their versions, as their lists name them."""
    folder = Path(TOP, "benches/peers")
    lines = [line for name in ("requirements", "requirements-spark") for line in Path(folder, f"{name}.txt").read_text().split("\n")]
    iceberg = _found("<iceberg.version>(.*)<", Path(folder, "jars/iceberg.pom.xml").read_text())
    backup = _found('^kafka-backup-core = "=(.*)"', Path(folder, "kafka_backup/Cargo.toml").read_text())
    return [line for line in lines if "==" in line] + [f"iceberg-kafka-connect=={iceberg}", f"kafka-backup-core=={backup}"]


def described():
    """Machine, versions, date."""
    servers = Path(TOP, "deploy/local/servers.sh").read_text()
    cpu = Path("/proc/cpuinfo").read_text()
    memory = Path("/proc/meminfo").read_text()
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False, cwd=TOP).stderr
    kivend = kivend_binary()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        "cpu": _found(r"model name\s*: (.*)", cpu),
        "cores": os.cpu_count(),
        "memory_gib": round(int(_found(r"MemTotal:\s*(\d+)", memory)) / (1 << 20), 1),
        "kernel": platform.release(),
        "kivend": _said(str(kivend), "--version"),
        "kivend_build": "release" if "release" in kivend.parts else f"not a release build: {kivend}",
        "commit": commit(),
        "kafka": _found(r"^KAFKA_VERSION=(.*)", servers) + ", three brokers",
        "minio": _found(r"is (RELEASE\S+?)\.?$", servers),
        "java": _found(r'version "([^"]*)"', java),
        "python": platform.python_version(),
        "peers": _peers(),
    }
