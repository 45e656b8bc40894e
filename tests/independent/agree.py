"""Checks that `kivend verify` and tools/verify.py give the same verdict on every tampered archive of the tests, and
`kivend verify-proof` and tools/verify_proof.py on every vector of a proof file. Both also get randomly damaged input.

    python tests/independent/agree.py KIVEND [ROUNDS]        KIVEND is the binary; ROUNDS of random damage after the known cases

Exit code 1 where they disagree; each disagreement is printed with the findings of both. Random damage has fixed seeds.
"""
from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import test_proofs
from test_verify import BROUGHT, CASES, Deed
from small_archive import SmallArchive

import verify_proof
from notes import public_key
from verify import Archive, EXIT_CODES

Told = tuple[str, list[str]]


def by_python(folder: Path, keys: list[str]) -> Told:
    archive = Archive(folder, [public_key(key) for key in keys])
    archive.run()
    return archive.verdict, ["{} {}: {}".format(*finding) for finding in archive.findings]


def by_kivend(kivend: str, folder: Path, keys: list[str]) -> Told:
    arguments = [kivend, "verify", "--offline", str(folder), "--format", "json", *[word for key in keys for word in ("--key", key)]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in EXIT_CODES.values():
        return f"exit code {done.returncode}", [done.stderr]
    report: dict[str, Any] = json.loads(done.stdout)
    return report["verdict"], [f"{finding['severity']} {finding['code']} {finding['object']}: {finding['detail']}" for finding in report["findings"]]


def damage(seed: int) -> Deed:
    """Removes, truncates, changes, copies or moves one or two objects at random."""
    def deed(archive: SmallArchive) -> None:
        chance = random.Random(seed)
        for _ in range(chance.choice((1, 1, 2))):
            paths = sorted(path for path in archive.folder.rglob("*") if path.is_file())
            path, other = chance.choice(paths), chance.choice(paths)
            data = bytearray(path.read_bytes())
            match chance.randrange(5):
                case 0:
                    path.unlink()
                case 1 if data:
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                    path.write_bytes(data)
                case 2:
                    path.write_bytes(data[:chance.randrange(len(data) + 1)])
                case 3:
                    other.write_bytes(data)
                case _:
                    path.rename(path.with_stem(path.stem + "-r1"))
    return deed


def proof_by_kivend(kivend: str, file: Path, keys: list[str]) -> Told:
    arguments = [kivend, "verify-proof", str(file), "--format", "json", *[word for key in keys for word in ("--key", key)]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in verify_proof.EXIT_CODES.values():
        return f"exit code {done.returncode}", [done.stderr]
    report: dict[str, Any] = json.loads(done.stdout)
    return report["verdict"], [f"{finding['code']} {finding['detail']}" for finding in report["findings"]]


def disagreements_on_proofs(kivend: str, rounds: int) -> int:
    """Compares every vector, and this many damaged files."""
    cases = list(test_proofs.cases()) + [(f"damaged proof {seed}", "", [], test_proofs.damaged(seed)[1]) for seed in range(rounds)]
    disagreements = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.proof")
        for name, _, keys, data in cases:
            file.write_bytes(data)
            ours, theirs = verify_proof.verify(data, [public_key(key) for key in keys]), proof_by_kivend(kivend, file, keys)
            if ours[0] != theirs[0]:
                disagreements += 1
                print(f"{name}: verify_proof.py says {ours[0]} ({ours[1]}), kivend says {theirs[0]}", *theirs[1], sep="\n    ")
    print(f"{len(cases)} proofs, {disagreements} disagreements")
    return disagreements


def main() -> int:
    kivend, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    cases: list[tuple[str, Deed, list[str]]] = [(name, deed, []) for name, _, deed in CASES]
    cases += [(name, deed, [key.public_text for key in keys]) for name, deed, keys, _ in BROUGHT]
    cases += [(f"random damage {seed}", damage(seed), []) for seed in range(rounds)]
    disagreements = 0
    for name, deed, keys in cases:
        with tempfile.TemporaryDirectory() as folder:
            deed(SmallArchive(Path(folder)))
            ours, theirs = by_python(Path(folder), keys), by_kivend(kivend, Path(folder), keys)
        if ours[0] != theirs[0]:
            disagreements += 1
            print(f"{name}: verify.py says {ours[0]}, kivend says {theirs[0]}", *["    verify.py: " + line for line in ours[1]], *["    kivend: " + line for line in theirs[1]], sep="\n")
    print(f"{len(cases)} archives, {disagreements} disagreements")
    disagreements += disagreements_on_proofs(kivend, 10 * rounds)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
