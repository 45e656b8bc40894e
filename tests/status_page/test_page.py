"""Opens the status page of real archivers in headless Chromium. See `run`.

    python test_page.py FOLDER_OF_KIVEND PICTURES
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sample
from archiver import Archiver, Passage
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

WIDTHS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


class Visit:
    """A page that is watched for errors, and photographed."""

    def __init__(self, browser: Browser, pictures: Path, name: str) -> None:
        self.page: Page = browser.new_page(viewport=WIDTHS["desk"])
        self.pictures, self.name, self.errors = pictures, name, list[str]()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)

    def photograph(self, picture: str) -> None:
        """Pictures at both widths, light and dark, each without a problem of accessibility and without sideways scrolling."""
        for width, size in WIDTHS.items():
            self.page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.wait_for_function("document.querySelectorAll('svg[role=img]').length === 2")
                name = f"{self.name}-{picture}-{width}-{scheme}"
                self.page.screenshot(path=self.pictures / f"{name}.png")
                self.page.screenshot(path=self.pictures / f"{name}-full.png", full_page=True)
                found = Axe().run(self.page)
                assert found.violations_count == 0, f"{name}: {found.generate_report()}"
                wide = self.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size["width"], f"{name}: the page is {wide} pixels wide"
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(WIDTHS["desk"])

    def cells(self, partition: str) -> list[str]:
        return self.page.locator("#partitions tbody tr").filter(has=self.page.get_by_role("rowheader", name=partition)).locator("td").all_inner_texts()

    def close(self) -> None:
        assert not self.errors, f"{self.name}: {self.errors}"
        self.page.close()


def idle(browser: Browser, programs: Path, work: Path, pictures: Path) -> None:
    with Archiver(programs, work / "idle", partitions=3) as archiver:
        visit = Visit(browser, pictures, "idle")
        page = visit.page
        page.goto(archiver.page)
        expect(page.locator("#state")).to_have_text("Archiving")
        expect(page.locator("#reasons")).to_be_hidden()
        expect(page.locator("#partitions tbody tr")).to_have_count(3)
        expect(page.locator("#partitions tbody .badge")).to_have_text(["up to date"] * 3)
        expect(page.locator("#until dd").first).to_have_text("now")
        expect(page.locator("#lag dd").first).to_have_text("0")
        expect(page.locator("#nowhere")).to_be_visible()
        expect(page.locator("nav")).to_be_hidden()
        expect(page.get_by_role("columnheader")).to_have_count(9)
        visit.photograph("idle")
        # Without an answer the page says since when.
        visit.close()
        gone = Visit(browser, pictures, "gone")
        gone.page.goto(archiver.page)
        expect(gone.page.locator("#state")).to_have_text("Archiving")
        archiver.end()
        expect(gone.page.get_by_role("alert")).to_contain_text("has not answered since")
        expect(gone.page.locator("#state")).to_have_text("■ No answer")
        gone.photograph("gone")
        gone.page.close()


def busy(browser: Browser, programs: Path, work: Path, pictures: Path) -> None:
    mirror = f'checkpoint_copies = [{{ directory = "{work}/mirror" }}]'
    (work / "mirror").mkdir()
    with Archiver(programs, work / "busy", partitions=6, archive=mirror) as archiver:
        visit = Visit(browser, pictures, "busy")
        page = visit.page
        page.goto(archiver.page)
        expect(page.locator("#partitions tbody tr")).to_have_count(6)
        events = archiver.run("generate", "--events", "60000", "--seed", "1")
        sending = subprocess.Popen(archiver.command("kivend", "--quiet", "ingest", "--rate", "6000"), env=archiver.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert sending.stdin
        sending.stdin.write(events)
        sending.stdin.close()
        # The page follows by itself.
        expect(page.locator("#partitions tbody .badge", has_text="archiving").first).to_be_visible()
        expect(page.locator("#rate dd").first).not_to_have_text("0/s")
        expect(page.locator("#rate-plot path.line")).not_to_have_count(0)
        expect(page.locator("#checkpoint dd").last).to_contain_text("covers")
        expect(page.locator("#elsewhere tbody th")).to_have_text([f"mirror folder {work}/mirror"])
        visit.photograph("busy")
        assert sending.wait() == 0
        expect(page.locator("#partitions tbody .badge")).to_have_text(["up to date"] * 6)
        expect(page.locator("#rate dd").last).to_contain_text("60,000 records")
        heads = [int(visit.cells(f"events/{number}")[3].replace(",", "")) for number in range(6)]
        assert sum(heads) == 60_000, heads
        visit.close()


def broken(browser: Browser, programs: Path, work: Path, pictures: Path) -> None:
    passage = Passage(os.environ["KIVEND_STORE__ENDPOINT"])
    with Archiver(programs, work / "broken", partitions=3, endpoint=passage.endpoint) as archiver:
        visit = Visit(browser, pictures, "broken")
        page = visit.page
        page.goto(archiver.page)
        expect(page.locator("#state")).to_have_text("Archiving")
        passage.cut()
        archiver.ingest(500, seed=2)
        expect(page.locator("#state")).to_have_text("■ Not ready")
        expect(page.locator("#reasons li").first).to_contain_text("create a segment: ")
        expect(page.locator("#store dd").first).to_contain_text("error")
        expect(page.locator("#lag dd").first).to_have_text("500")
        expect(page.locator("#partitions tbody td:nth-child(6)").first).to_have_text("progress")
        expect(page.locator("#partitions tbody .badge").first).to_have_text("not up to date")
        # The next sample shows the time as not ready.
        expect(page.locator("#lag-plot .unready")).not_to_have_count(0)
        visit.photograph("broken")
        visit.close()


def thousand(browser: Browser, programs: Path, work: Path, pictures: Path) -> None:
    with Archiver(programs, work / "thousand", partitions=1_000) as archiver:
        archiver.ingest(1_000, seed=3)
        visit = Visit(browser, pictures, "thousand")
        page = visit.page
        page.goto(archiver.page)
        expect(page.locator("#rate dd").last).to_contain_text("1,000 records")
        expect(page.locator("#counts")).to_have_text("1 to 50 of 1,000")
        expect(page.locator("#partitions tbody tr")).to_have_count(50)
        expect(page.locator("#page")).to_have_text("Page 1 of 20")
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#counts")).to_have_text("51 to 100 of 1,000")
        page.get_by_label("Filter").fill("EVENTS/99")
        expect(page.locator("#counts")).to_have_text("1 to 11 of 11")
        expect(page.locator("nav")).to_be_hidden()
        page.get_by_label("Filter").fill("no such topic")
        expect(page.locator("#none")).to_have_text("No partition has “no such topic” in its name.")
        page.get_by_label("Filter").fill("")
        expect(page.locator("#counts")).to_have_text("1 to 50 of 1,000")
        visit.photograph("thousand")
        took_ms = page.evaluate("async () => { const t = performance.now(); await (await fetch('status.json')).json(); return performance.now() - t }")
        print(f"status_page: 1,000 partitions are answered in {took_ms:.0f} ms")
        visit.close()


def rare(browser: Browser, programs: Path, work: Path, pictures: Path) -> None:
    """The real page with an answer that has everything: names of others stay text, and an hour is drawn."""
    with Archiver(programs, work / "rare", partitions=1) as archiver:
        visit = Visit(browser, pictures, "rare")
        page, now = visit.page, int(time.time())

        def made_up(route: Route) -> None:
            route.fulfill(body=json.dumps(sample.answer(now)), content_type="application/json")

        page.route("**/status.json*", made_up)
        page.goto(archiver.page)
        expect(page.locator("#state")).to_have_text("■ Not ready")
        expect(page.locator("#partitions tbody th", has_text=sample.HOSTILE)).to_have_count(1)
        expect(page.locator("#reasons li").nth(1)).to_have_text(sample.HOSTILE)
        assert page.locator("body img").count() == 0 and "run" not in page.title().split()
        expect(page.locator("#rate-plot path.line")).to_have_count(2)
        expect(page.locator("#partitions tbody .badge").nth(1)).to_have_text("■ Kafka deletes soon")
        page.locator("#rate-plot svg").hover()
        expect(page.locator("#rate-plot figcaption span")).to_contain_text("UTC: ")
        page.mouse.move(0, 0)
        visit.photograph("rare")
        visit.close()


def main() -> None:
    programs, pictures = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    pictures.mkdir(parents=True, exist_ok=True)
    cases: list[Callable[[Browser, Path, Path, Path], None]] = [idle, busy, broken, thousand, rare]
    chosen = os.environ.get("STATUS_PAGE_CASES", "").split()
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        passed = 0
        for case in cases:
            if chosen and case.__name__ not in chosen:
                continue
            since = time.monotonic()
            case(browser, programs, Path(work), pictures)
            passed += 1
            print(f"status_page: {case.__name__} passed in {time.monotonic() - since:.0f} s", flush=True)
        browser.close()
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
