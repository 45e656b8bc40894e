"""Runs tools/verify.py on every archive in a folder: see the script `judge`."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from notes import public_key  # noqa: E402
from verify import Archive  # noqa: E402


def main() -> None:
    folder, key = Path(sys.argv[1]), public_key(sys.argv[2])
    for path in sorted(folder.iterdir()):
        archive = Archive(path, [key])
        archive.run()
        found = "; ".join("{} {}: {}".format(*finding) for finding in archive.findings)
        print(archive.verdict, found.replace("\n", " "), sep="\t")


if __name__ == "__main__":
    main()
