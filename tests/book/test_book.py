"""Runs the commands of the tutorial, of the how-to pages and of the README on real servers, and compares the outputs that the pages show.

    python test_book.py FOLDER_OF_KIVEND [PAGE…]      needs the servers of deploy/local

A page runs in one shell from top to bottom. `scenes.py` has what a page finds when its reader begins, and which blocks are not run.
"""
from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import how_to
from pages import TOP, Block, blocks, difference
from scenes import ELSEWHERE, NOT_RUN, Scene, readme, tutorial
from session import Session

SCENES: dict[str, Callable[[Path, Path, str], Scene]] = {
    # The longest first.
    "OPERATE.md": how_to.operate, "WITNESSES.md": how_to.witnesses, "TUTORIAL.md": tutorial, "KEYS.md": how_to.keys,
    "RESTORE.md": how_to.restore, "AUDIT.md": how_to.audit, "RETENTION.md": how_to.retention, "REPORT.md": how_to.how_to,
    "STATUS.md": how_to.status, "SETTINGS.md": how_to.how_to, "METRICS.md": how_to.how_to, "README.md": how_to.how_to,
    "VERIFY.md": how_to.verify, "../README.md": readme,
}


def faults(page: str, programs: Path) -> list[str]:
    """What is wrong with a page."""
    with tempfile.TemporaryDirectory() as work:
        scene = SCENES[page](Path(work), programs, f"b{secrets.token_hex(4)[:7]}")
        session = Session(Path(work), scene.folder, scene.environment)
        try:
            begun = session.run(scene.before)
            if begun.failed:
                return [f"the scene: {begun.failed}: {begun.errors[-2000:]}"]
            of_blocks = (fault_of(page, block, scene, session) for block in blocks(page))
            return [fault for fault in of_blocks if fault]
        finally:
            session.end()
            # In a shell of its own, because that of the page may have ended.
            subprocess.run(["bash", "-euo", "pipefail", "-c", scene.after], cwd=scene.folder, env=scene.environment, check=True, stderr=subprocess.DEVNULL)


def fault_of(page: str, block: Block, scene: Scene, session: Session) -> str | None:
    if reason(page, block):
        return None
    if preparation := scene.preparations.get(block.heading):
        prepared = session.run(preparation)
        if prepared.failed:
            return f"{block.heading}: its preparation: {prepared.failed}: {prepared.errors[-2000:]}"
    outcome = session.run(scene.as_typed(block.text))
    if outcome.codes() != block.exit_codes():
        return f"{block.heading}: {outcome.failed} instead of {block.exit_codes()}: {outcome.errors[-2000:]}{outcome.output[-2000:]}"
    wrong = difference(block.shown, scene.as_shown(outcome.output)) if block.shown else None
    return f"{block.heading}: {wrong}" if wrong else None


def reason(page: str, block: Block) -> str | None:
    """Why a block is not run."""
    return next((why for (of, start), why in NOT_RUN.items() if of == page and block.text.startswith(start)), None)


def main(programs: str, *pages: str) -> int:
    without = [f"{page}: {start}" for page, start in NOT_RUN if not any(block.text.startswith(start) for block in blocks(page))]
    if without:
        raise SystemExit(f"named as not run, and in no page: {without}")
    missing = [page.name for page in (TOP / "docs").glob("*.md") if blocks(page.name) and page.name not in SCENES.keys() | ELSEWHERE.keys()]
    if missing:
        raise SystemExit(f"pages with commands that nobody runs: {missing}")
    wrong = dict[str, list[str]]()

    def timed(page: str) -> tuple[str, list[str]]:
        began = time.monotonic()
        found = faults(page, Path(programs).resolve())
        run = sum(not reason(page, block) for block in blocks(page))
        state = "FAILED" if found else "ok"
        print(f"{page:<14}{run:>3} of {len(blocks(page)):>2} blocks run  {state:<8}{time.monotonic() - began:5.1f} s", flush=True)
        return page, found

    with ThreadPoolExecutor(2) as pool:
        wrong = dict(pool.map(timed, pages or SCENES))
    for page, found in wrong.items():
        for fault in found:
            print(f"docs/{page}: {fault}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
