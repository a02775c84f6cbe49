"""The page of memtrace-view in a real browser: traces to show, and a tab that is watched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium_support import browser

import memtrace
from lmcommon.data.generated import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate.evaluating import evaluate
from memtrace.faultbench.simulated.model import simulated_model
from memtrace.memory.config import LongContextConfig, RagConfig

playwright = pytest.importorskip("playwright.sync_api")

_FOLDER = TemporaryDirectory(prefix="memtrace-view-test-")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_GO = """hash => new Promise(done => {
    if (decodeURIComponent(location.hash) === decodeURIComponent(hash)) return done();
    addEventListener("hashchange", () => setTimeout(done), { once: true });
    location.hash = hash;
})"""
needs_browser = pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")


@cache
def real_trace(budget_tokens: int = 400) -> Path:
    """Two real systems over one history: a window that trims too much, and a search for too few.

    Recorded once for all tests of the process. Nobody writes to it.
    """
    path = Path(_FOLDER.name) / f"window-{budget_tokens}.db"
    history = generate_conversation(
        3, num_sessions=4, turns_per_session=10, num_people=3, num_questions=16, id="c1"
    )
    systems = {
        "long_context": LongContextConfig(budget_tokens=budget_tokens),
        "rag_bm25": RagConfig(retriever="bm25", top_k=2, context_tokens=120),
    }
    with memtrace.record(path):
        for name, config in systems.items():
            memory = config.build(simulated_model())(f"{name}/c1")
            assert len(list(evaluate(memory, history, NormalizedAnswerJudge()))) == 16
    return path


@dataclass
class Tab:
    """A page of a browser, with all that it complained of or asked for."""

    page: Any
    origin: str
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(25_000)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def go(self, place: str) -> None:
        """To a place of the page, by its address alone."""
        self.page.evaluate(_GO, place)
        self.settle()

    def settle(self) -> None:
        """Wait until the view is there."""
        self.page.wait_for_selector("main[aria-busy=false]")

    @property
    def hash(self) -> str:
        """Where the page is."""
        return str(self.page.evaluate("location.hash"))

    def text(self, selector: str) -> str:
        """Text of the first element that fits."""
        return str(self.page.locator(selector).first.inner_text())

    def see(self, selector: str) -> Any:
        """Wait for an element; gives it."""
        found = self.page.locator(selector).first
        found.wait_for()
        return found

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until an expression holds. The page forbids `eval`, so it is asked from outside."""
        ends = time.monotonic() + 8
        while not self.page.evaluate(expression, argument):
            assert time.monotonic() < ends, f"never came true: {expression}"
            self.page.wait_for_timeout(40)

    def press(self, *keys: str) -> None:
        """One key after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(60)

    def strangers(self) -> list[str]:
        """Requests that left this server; data in the page's own source is none."""
        own = urlsplit(self.origin).netloc
        return [
            url
            for url in self.requests
            if urlsplit(url).netloc != own and urlsplit(url).scheme != "data"
        ]

    def again(self) -> None:
        """As if it had just been opened, without opening it anew."""
        self.page.keyboard.press("Escape")
        self.go("#questions")
        for told in (self.complaints, self.dialogs, self.requests):
            told.clear()

    def check(self) -> None:
        """Nothing was complained of, nothing popped up, nothing was asked of anybody else."""
        assert self.complaints == []
        assert self.dialogs == []
        assert self.strangers() == []


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a network."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser(), args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def tab(opened: Any, url: str, **options: Any) -> Iterator[Tab]:
    """A tab with a profile of its own, at the start address of a page."""
    options.setdefault("viewport", {"width": 1280, "height": 800})
    context = opened.new_context(**options)
    made = Tab(context.new_page(), f"http://{urlsplit(url).netloc}")
    try:
        made.page.goto(url)
        made.settle()
        yield made
    finally:
        context.close()
