"""Runs tools/verify.py on every case in a folder: see the script `judge`."""
from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from kinds import archive_key, witness_key  # noqa: E402
from trust import Given  # noqa: E402
from verify import Archive  # noqa: E402


def main() -> None:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for case in sorted(Path(sys.argv[1]).iterdir()):
        told = json.loads((case / "given.json").read_text())
        given = Given(map(archive_key, told["keys"]), map(witness_key, told["witnesses"]), origin=told["origin"])
        saved = [file.read_bytes() for file in sorted(case.glob("saved/*"))]
        archive = Archive(case / "archive", given, saved)
        archive.run()
        found = "; ".join("{} {}: {}".format(*finding) for finding in archive.findings)
        print(archive.verdict, found.replace("\n", " "), sep="\t")


if __name__ == "__main__":
    main()
