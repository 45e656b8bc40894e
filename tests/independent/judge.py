"""tools/verify.py on every archive in a folder of folders: see the script `judge` beside this file."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import verify  # noqa: E402
from verify_notes import PublicKey  # noqa: E402


def main() -> None:
    folder, key = Path(sys.argv[1]), PublicKey(sys.argv[2])
    for archive in sorted(folder.iterdir()):
        verification = verify.Verification(archive, [key])
        verification.run()
        found = "; ".join(f"{finding.severity} {finding.object}: {finding.detail}" for finding in verification.findings)
        print(verification.verdict, found.replace("\n", " "), sep="\t")


if __name__ == "__main__":
    main()
