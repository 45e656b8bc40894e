"""Runs one process and tells what it cost: wall time, its own CPU and memory, and the CPU of the servers meanwhile.

Peak memory is the kernel's own figure (`ru_maxrss`). It cannot be below that of this interpreter, some 20 MiB.
"""

import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_QUIET_CORES, _QUIET_FOR_S, _QUIET_LIMIT_S = 0.2, 0.5, 10


class Failed(Exception):
    """A process that did not end well, or not in time."""


def _cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def servers_cpu_s():
    """CPU seconds that the brokers and MinIO have used since they started; none where deploy/local/cluster runs none."""
    pids = Path(os.environ["CLUSTER_STATE"], "run")
    used = {"brokers": 0.0, "minio": 0.0}
    for file in pids.glob("*.pid"):
        used["minio" if file.stem == "minio" else "brokers"] += _cpu_s(file.read_text().split()[0])
    return used


def await_quiet():
    """Waits until brokers and MinIO use less than a fifth of a core, so that nobody pays for the one before; no longer than
    10 s, because idle brokers elect and clean up too."""
    before, deadline = servers_cpu_s(), time.perf_counter() + _QUIET_LIMIT_S
    while time.perf_counter() < deadline:
        time.sleep(_QUIET_FOR_S)
        after = servers_cpu_s()
        if sum(after.values()) - sum(before.values()) < _QUIET_CORES * _QUIET_FOR_S:
            return
        before = after


def said(command):
    """The standard output of a command that is not measured."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(done.args)}\nexit code {done.returncode}\n{done.stderr[-2_000:]}")
    return done.stdout


def run(command, env=None, timeout_s=1_800, accept=(0,)):
    """Runs `command` to its end. Answers its standard output and its cost."""
    return together([command], env, timeout_s, accept)


def together(commands, env=None, timeout_s=1_800, accept=(0,)):
    """Runs commands at the same time, each to its end. Wall time is that of the longest, CPU that of all, memory the most
    that one of them used. Answers the standard output of the first, and the cost; with `stdouts`, of all."""
    await_quiet()
    before, load = servers_cpu_s(), os.getloadavg()[0]
    begun = time.perf_counter()
    running = [_start(command, env) for command in commands]
    usages = [_wait(process, begun + timeout_s) for process in running]
    wall_s = time.perf_counter() - begun
    after = servers_cpu_s()
    stdouts = []
    for (process, out, err), (status, _) in zip(running, usages):
        stdouts.append(_text(out))
        code, said = os.waitstatus_to_exitcode(status), _text(err)
        if code not in accept:
            raise Failed(f"{' '.join(map(str, process.args))}\nexit code {code}\n{said[-2_000:]}\n{stdouts[-1][-1_000:]}")
    return stdouts[0], {
        "wall_s": round(wall_s, 4),
        "cpu_s": round(sum(usage.ru_utime + usage.ru_stime for _, usage in usages), 4),
        "peak_rss_bytes": max(usage.ru_maxrss for _, usage in usages) * 1024,
        "brokers_cpu_s": round(after["brokers"] - before["brokers"], 2),
        "minio_cpu_s": round(after["minio"] - before["minio"], 2),
        "load_before": round(load, 2),
        "stdouts": stdouts,
    }


def _start(command, env):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=os.environ | (env or {}),
        start_new_session=True,
    )
    return process, out, err


def _wait(started, deadline):
    """Waits by `wait4`, which alone tells what exactly this child used."""
    process = started[0]
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.perf_counter()))
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return status, usage


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def json_of(text):
    """The last line that is a JSON object, or the whole text."""
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.startswith("{")]
        if not lines:
            raise Failed(f"no JSON in: {text[-1_000:]}") from None
        return json.loads(lines[-1])


def own_memory_bytes():
    """Below this no peak can be told."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
