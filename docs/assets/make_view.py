"""Take the pictures of `docs/view.md`: the page of memtrace-view over the trace of a real run.

Run from anywhere: `python docs/assets/make_view.py RUN_FOLDER QUESTION TEXT [llm=...]`, where
RUN_FOLDER is of memtrace-trace, QUESTION was answered wrong since a retrieval missed what it needs,
and TEXT is what the context is changed to. Needs Playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chrome")
PATIENCE_MS = 100_000


def main(run: str, question: str, text: str, *more: str) -> None:
    """Open the page, go through one failure, take a picture at each stop."""
    with served(Path(run) / "trace.db", *more) as url, browsed() as page:
        page.goto(url)
        page.locator(".question .blame .name").first.wait_for()
        page.locator("a.question", has_text=question).first.wait_for()
        picture(page, "questions")
        row = page.locator("a.question:has(.blame .name:text-is('retrieve'))", has_text=question)
        row.first.click()
        page.locator("a.box.loses").first.wait_for()
        picture(page, "lineage")
        page.emulate_media(color_scheme="dark")
        page.locator("a.box.loses").first.click()
        page.locator("#panel article").wait_for()
        page.wait_for_timeout(400)
        picture(page, "dark")
        page.emulate_media(color_scheme="light")
        page.locator("a.box[aria-label^='build_context,']").click()
        page.locator("#panel h2:has-text('build_context')").wait_for()
        page.locator("#panel a:has-text('What if')").click()
        page.locator(".point textarea").first.fill(text)
        page.locator(".price").wait_for()
        picture(page, "whatif-before")
        page.locator("#replay").click()
        page.locator("#after").wait_for()
        page.wait_for_selector("#told:empty", state="attached")
        print(page.locator(".result").inner_text())
        picture(page, "whatif-after")


def picture(page: Any, name: str) -> None:
    """What is seen now, as `view-<name>.png`."""
    page.evaluate("document.activeElement?.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=HERE / f"view-{name}.png")


@contextmanager
def served(trace: Path, *more: str) -> Iterator[str]:
    """The page, as the verb serves it; gives its start address."""
    command = [sys.executable, "-m", "memtrace.run.view", str(trace), "replay=true", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield line.rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def browsed() -> Iterator[Any]:
    """A tab of a headless browser."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        page = opened.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        opened.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
