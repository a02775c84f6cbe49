"""The page of memtrace-view in a real browser: what-if, two runs, annotations."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from page_support import Tab, chromium, needs_browser, real_trace, tab

import memtrace
from memtrace.faultbench.simulated.model import simulated_model
from memtrace.viewing.opening import view

pytestmark = [pytest.mark.e2e, needs_browser]

CODE = "What is Yusuf's door code?"
SAID = "[8 October 2024]\nYusuf: Keep it to yourself, but my door code is 8439."


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def trace() -> Path:
    return real_trace()


@pytest.fixture
def url(trace: Path, tmp_path: Path) -> Iterator[str]:
    with view(trace, replay=True, model=simulated_model(), folder=tmp_path) as page:
        yield page.url


@pytest.fixture
def seen(opened: Any, url: str) -> Iterator[Tab]:
    with tab(opened, url) as made:
        yield made
        made.check()


def failure(seen: Tab) -> str:
    """The variable of the answer about the door code, lost when the window was trimmed."""
    seen.see(f'a.question:has-text("{CODE}")')
    href = seen.page.locator("a.question", has_text=CODE).first.get_attribute("href")
    return str(href).removeprefix("#answer=")


def replayed(seen: Tab) -> list[str]:
    """Press Replay; the answer before and after, each with its verdict."""
    seen.see("#replay:enabled").click()
    seen.see("#after")
    return [seen.text("#before").replace("\n", " "), seen.text("#after").replace("\n", " ")]


def test_an_edited_value_is_priced_replayed_and_seen(seen: Tab) -> None:
    answer = failure(seen)
    seen.go(f"#answer={answer}")
    seen.see("a.box[aria-label^='read_window,']").click()
    seen.see("#panel a:has-text('What if')").click()
    editor = seen.see(".point textarea")
    assert "8439" not in editor.input_value()
    editor.fill(SAID)
    seen.see(".price")
    assert "1 model call" in seen.text("section[aria-label=Price]")
    assert "read_window: context" in seen.text("section[aria-label=Changes]")
    before, after = replayed(seen)
    assert "I do not know." in before
    assert "✗ wrong" in before
    assert "8439" in after
    assert "✓ right" in after
    seen.see("a:has-text('Open beside')").click()
    seen.see(".pair-row:has-text('8439')")
    assert "≠ changed" in seen.text(".pair-row")
    assert "1 fixed, 0 broken" in seen.text("#view .bar")


def test_both_sides_of_the_first_difference_open_beside_each_other(seen: Tab) -> None:
    answer = failure(seen)
    seen.go(f"#answer={answer}")
    seen.see("a.box[aria-label^='read_window,']").click()
    seen.press("w")
    seen.see(".point textarea").fill(SAID)
    replayed(seen)
    seen.see("a:has-text('Open beside')").click()
    seen.see(".first a:has-text('both')").click()
    seen.see(".twins article + article")
    here, there = seen.page.locator(".twins article").all_inner_texts()
    assert "of replay-1" in there
    assert "of replay-1" not in here
    assert "8439" in there.partition("Outputs")[2]


def test_a_setting_is_changed_for_one_question(seen: Tab) -> None:
    answer = failure(seen)
    seen.go(f"#whatif&answer={answer}")
    seen.page.get_by_label("budget_tokens").fill("4000")
    before, after = replayed(seen)
    assert "✗ wrong" in before
    assert "✓ right" in after
    seen.see("a:has-text('Open beside')").click()
    assert "trim (only here)" in seen.see(".first").inner_text()


def test_items_of_a_list_are_dropped_moved_and_added(seen: Tab) -> None:
    answer = failure(seen)
    row = seen.page.locator("a.question .where", has_text="rag_bm25").first
    row.wait_for()
    seen.go(f"#answer={answer}")
    seen.go("#timeline&name=retrieve")
    at = str(seen.see("a.row.operation").get_attribute("data-op"))
    seen.go(f"#whatif&at={at}&scope=rag_bm25/c1")
    seen.see(".items li + li")
    seen.see(".items .drop").click()
    seen.see("text=item 1 is dropped")
    seen.page.get_by_role("button", name="Take back").click()
    seen.see(".items li + li")
    seen.see(".items .down").click()
    seen.see("text=in the order 2, 1")
    seen.page.get_by_role("button", name="+ Item").click()
    area = seen.page.locator(".items li").last.locator("textarea")
    area.fill("{ no json")
    seen.see("text=This is no JSON yet")
    area.fill('{"item": "x", "text": "y", "score": 1}')
    seen.see("text=3 items, 3 of them not as before")
    seen.page.get_by_role("button", name="Pass nothing on").click()
    seen.see("text=nothing is passed on")


def test_a_prompt_is_edited_and_a_bad_one_is_told(seen: Tab) -> None:
    answer = failure(seen)
    seen.go(f"#whatif&answer={answer}")
    seen.see(".prompts summary").click()
    area = seen.see(".prompts textarea")
    wording = area.input_value()
    assert "{question}" in wording
    area.fill("no placeholder at all")
    assert "{question}" in seen.see("section[aria-label=Price] .failed").inner_text() or (
        "question" in seen.text("section[aria-label=Price] .failed")
    )
    seen.page.get_by_role("button", name="Take back").click()
    seen.see("text=None yet: edit something")
    seen.see(".prompts summary").click()
    seen.see(".prompts textarea").fill(wording + "\nBe brief.")
    seen.see(".price")
    assert "1 model call" in seen.text("section[aria-label=Price]")
    seen.complaints.clear()  # a refused wording is a 400, which the browser's log names


def test_a_page_that_only_looks_says_how_to_do_more(opened: Any, trace: Path) -> None:
    with view(trace) as page, tab(opened, page.url) as seen:
        answer = failure(seen)
        seen.go(f"#whatif&answer={answer}")
        seen.see(".settings input")
        assert "replay=true" in seen.text("section[aria-label=Price]")
        assert seen.page.locator("#replay").count() == 0
        seen.go(f"#answer={answer}&note={answer}")
        assert "annotate=" in seen.see("#panel .state").inner_text()
        seen.go("#annotations")
        seen.see("text=Nobody has annotated an answer yet")
        seen.check()


def test_two_traces_side_by_side(opened: Any, trace: Path) -> None:
    with view(trace, others=[real_trace(4000)]) as page, tab(opened, page.url) as seen:
        seen.press("c")
        seen.see(".pair-row")
        assert "#compare=window-4000" in seen.hash
        assert "32 questions in both" in seen.text("#view .bar")
        seen.page.get_by_role("button", name="only changed").click()
        seen.until("!document.querySelector('.pair-row .pair-question > .dim')")
        assert seen.hash.endswith("changed=yes")
        seen.see(".first")
        assert "part at trim (only here)" in seen.text(".first")
        seen.see(".pair-row .side:last-child a").click()
        assert "of window-4000" in seen.see("#panel article").inner_text()
        seen.check()


def test_annotators_work_apart_agree_and_export(opened: Any, trace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "t.db"
    with memtrace.open(trace):
        copy.write_bytes(trace.read_bytes())
    with view(copy, annotate=["ana", "bo"]) as page, tab(opened, page.url) as seen:
        answer = failure(seen)
        for name in ("ana", "bo"):
            seen.go("#annotations")
            seen.go(f"#answer={answer}")
            seen.press("a")
            seen.page.get_by_label("Annotator").select_option(name)
            if name == "bo":
                seen.see("text=1 annotation hidden until you have saved yours")
            if not seen.page.locator(".picked-list li").count():
                seen.see("a.box.loses").click()
            assert "☑" in str(seen.see("a.box.picked").text_content())
            assert seen.page.get_by_label("Error type of").input_value() == "update"
            seen.page.get_by_label("Reason").fill(f"{name}: it was trimmed")
            seen.page.get_by_role("button", name="Save").click()
            seen.see("text=✓ saved")
        assert "ana: it was trimmed" in seen.text("#panel")
        seen.go("#annotations")
        assert "100 %" in seen.see("#view table").inner_text()
        seen.page.get_by_role("button", name="Export as MemTraceBench").click()
        written = Path(seen.see("#view code").inner_text())
        label = json.loads(written.read_text(encoding="utf-8"))
        assert "it was trimmed" in json.dumps(label)
        seen.check()


def test_a_contradiction_is_refused_with_the_reason(
    opened: Any, trace: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "t.db"
    copy.write_bytes(trace.read_bytes())
    with view(copy, annotate=["ana"]) as page, tab(opened, page.url) as seen:
        answer = failure(seen)
        seen.go(f"#answer={answer}&note={answer}")
        seen.page.get_by_role("button", name="Save").click()
        assert "at least one operation" in seen.see(".annotate .failed").inner_text()
        seen.page.get_by_label("Verdict").select_option("judge error")
        seen.page.get_by_role("button", name="Save").click()
        seen.see("text=✓ saved")
        seen.complaints.clear()  # the refusal is a 400, which the browser's log names
