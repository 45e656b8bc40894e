#!/usr/bin/env python3
"""Verifies an archive on a Spark cluster: executors verify its shards, and the driver joins their reports.

    spark-submit deploy/spark/verify.py --shards 64 --config kivend.toml -- --key PUBLIC

Spark copies the program and the settings file to the executors. What follows `--` goes to every `kivend verify`; a file that it
names must be at the same path on every node. Executors take credentials of the store from their environment
(`spark.executorEnv.AWS_ACCESS_KEY_ID`) or from the role of their machine.

The exit code is the verdict: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import SparkSession

# Exit codes of `kivend verify` with which it has written a report.
VERDICTS = {0, 10, 11, 12}
# How much of an error message a failed task repeats.
MESSAGE_CHARS = 4000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, required=True, metavar="N", help="the number of shards; a few for each core")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings file")
    parser.add_argument("--kivend", default="kivend", metavar="PROGRAM", help="the program, by default the one on the PATH")
    parser.add_argument("--reports", type=Path, metavar="DIR", help="keep the reports of the shards in this folder")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the joined report as an HTML page")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="options of `kivend verify`, after `--`")
    given = parser.parse_args()
    program = shutil.which(given.kivend)
    if program is None:
        parser.error(f"there is no program {given.kivend}: name it with --kivend")
    if given.shards < 1:
        parser.error("--shards is at least 1")
    given.kivend = program
    return given


def verify_shard(shard: str, program: str, config: str | None, options: list[str]) -> bytes:
    """Runs on an executor; returns the report. A failure without a report is raised, so that Spark tries the shard again."""
    command = [SparkFiles.get(program), "verify", "--shard", shard, "--format", "json", *options]
    if config is not None:
        command += ["--config", SparkFiles.get(config)]
    # Executors may run without a home folder.
    environment = {"HOME": SparkFiles.getRootDirectory(), **os.environ}
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment)
    if run.returncode not in VERDICTS:
        message = run.stderr.decode(errors="replace")[-MESSAGE_CHARS:]
        raise RuntimeError(f"shard {shard} was not verified, exit code {run.returncode}: {message}")
    return run.stdout


def join(given: argparse.Namespace, folder: Path, reports: list[bytes]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, report in enumerate(reports, start=1):
        files.append(folder / f"{number}.json")
        files[-1].write_bytes(report)
    html = [] if given.html is None else ["--html", given.html]
    return subprocess.run([given.kivend, "verify", "--merge", *files, *html]).returncode


def main() -> int:
    given = arguments()
    session = SparkSession.builder.appName("kivend verify").getOrCreate()
    context = session.sparkContext
    context.addFile(given.kivend)
    config = None
    if given.config is not None:
        context.addFile(str(given.config.resolve()))
        config = given.config.name
    # Executors unpickle these values, so no function of theirs may refer to `given`.
    program, options, count = Path(given.kivend).name, given.options, given.shards
    shards = context.parallelize([f"{number}/{count}" for number in range(1, count + 1)], count)
    reports = shards.map(lambda shard: verify_shard(shard, program, config, options)).collect()
    session.stop()
    if given.reports is not None:
        return join(given, given.reports, reports)
    with tempfile.TemporaryDirectory() as folder:
        return join(given, Path(folder), reports)


if __name__ == "__main__":
    sys.exit(main())
