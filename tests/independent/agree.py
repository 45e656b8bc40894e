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
import test_verify
from attacks import BROUGHT, CASES, Deed, Given
from findings import EXIT_CODES
from small_archive import SmallArchive
from verify import Archive

import verify_proof

try:  # attacks on the inside of segments, which need the writer of segments
    from test_segments import CASES as SEGMENT_CASES
except ImportError:
    SEGMENT_CASES = []

Told = tuple[str, list[str]]


def by_python(folder: Path, given: Given, saved: list[bytes]) -> Told:
    archive = Archive(folder, test_verify.read(given), saved)
    archive.run()
    return archive.verdict, ["{} {}: {}".format(*finding) for finding in archive.findings]


def arguments_of(keys: list[str], witnesses: list[str], quorum: int | None, origin: str | None) -> list[str]:
    """The options of `kivend verify` and `kivend verify-proof` for what is given."""
    words = [word for key in keys for word in ("--key", key)] + [word for witness in witnesses for word in ("--witness", witness)]
    words += ["--quorum", str(quorum)] if quorum is not None else []
    return words + (["--origin", origin] if origin is not None else [])


def by_kivend(kivend: str, folder: Path, given: Given, saved: list[bytes]) -> Told:
    words = arguments_of(given.keys, given.witnesses, given.quorum, given.origin)
    with tempfile.TemporaryDirectory() as elsewhere:
        for number, data in enumerate(saved):
            Path(elsewhere, str(number)).write_bytes(data)
            words += ["--checkpoint", str(Path(elsewhere, str(number)))]
        command = [kivend, "verify", "--offline", str(folder), "--format", "json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "the file is not a saved checkpoint" in done.stderr:  # refused like a wrong option: it proves nothing
        return "unverifiable", [done.stderr]
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


def proof_by_kivend(kivend: str, file: Path, given: dict[str, Any]) -> Told:
    command = [kivend, "verify-proof", str(file), "--format", "json", *arguments_of(**given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "not a proof file" in done.stderr:  # refused like a wrong option: it proves nothing
        return "tampered", [done.stderr]
    if done.returncode not in verify_proof.EXIT_CODES.values():
        return f"exit code {done.returncode}", [done.stderr]
    report: dict[str, Any] = json.loads(done.stdout)
    return report["verdict"], [f"{finding['code']} {finding['detail']}" for finding in report["findings"]]


def disagreements_on_proofs(kivend: str, rounds: int) -> int:
    """Compares every vector, and this many damaged files."""
    cases = list(test_proofs.cases()) + [(f"damaged proof {seed}", "", test_proofs.NOTHING, test_proofs.damaged(seed)[1]) for seed in range(rounds)]
    disagreements = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.proof")
        for name, _, given, data in cases:
            file.write_bytes(data)
            ours, theirs = verify_proof.verify(data, test_proofs.read(given)), proof_by_kivend(kivend, file, given)
            if ours[0] != theirs[0]:
                disagreements += 1
                print(f"{name}: verify_proof.py says {ours[0]} ({ours[1]}), kivend says {theirs[0]}", *theirs[1], sep="\n    ")
    print(f"{len(cases)} proofs, {disagreements} disagreements")
    return disagreements


def main() -> int:
    kivend, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    cases: list[tuple[str, Deed, Given]] = [(name, deed, Given()) for name, _, deed in [*CASES, *SEGMENT_CASES]]
    cases += [(name, deed, given) for name, _, deed, given in BROUGHT]
    cases += [(f"random damage {seed}", damage(seed), Given()) for seed in range(rounds)]
    disagreements = 0
    for name, deed, given in cases:
        with tempfile.TemporaryDirectory() as folder:
            made = SmallArchive(Path(folder))
            deed(made)
            saved = given.saved(made) if given.saved else []
            ours, theirs = by_python(Path(folder), given, saved), by_kivend(kivend, Path(folder), given, saved)
        if ours[0] != theirs[0]:
            disagreements += 1
            print(f"{name}: verify.py says {ours[0]}, kivend says {theirs[0]}", *["    verify.py: " + line for line in ours[1]], *["    kivend: " + line for line in theirs[1]], sep="\n")
    print(f"{len(cases)} archives, {disagreements} disagreements")
    disagreements += disagreements_on_proofs(kivend, 10 * rounds)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
