"""The page of memtrace-view in a real browser: a failure is seen, followed, and looked into."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from page_support import Tab, chromium, needs_browser, real_trace, tab

import memtrace
from memtrace.viewing.opening import view

pytestmark = [pytest.mark.e2e, needs_browser]

CODE = "What is Yusuf's door code?"


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with view(real_trace()) as page:
        yield page.url


@pytest.fixture(scope="module")
def shared(opened: Any, url: str) -> Iterator[Tab]:
    with tab(opened, url) as made:
        made.see(".question .blame")
        yield made


@pytest.fixture
def seen(shared: Tab) -> Iterator[Tab]:
    shared.again()
    yield shared
    shared.check()


def failure(seen: Tab) -> str:
    """The address of the answer about the door code, lost when the window was trimmed."""
    href = seen.page.locator("a.question", has_text=CODE).first.get_attribute("href")
    return str(href)


def test_the_list_tells_verdict_and_blamed_operation(seen: Tab) -> None:
    row = seen.page.locator("a.question", has_text=CODE).first.inner_text()
    assert row.split("\n")[:2] == ["✗ wrong", CODE]
    assert "trim" in row
    assert "8439" in row
    assert "32 questions" in seen.text(".bar")


def test_filters_are_part_of_the_address(seen: Tab) -> None:
    seen.page.get_by_label("Verdict").select_option("wrong")
    seen.page.wait_for_url("**#questions&verdict=wrong")
    seen.until("!document.querySelector('a.question.right')")
    seen.page.get_by_label("Filter questions").fill("door code")
    seen.page.wait_for_url("**q=door+code**")
    seen.until("document.querySelectorAll('a.question').length < 3")
    seen.page.reload()
    seen.settle()
    assert seen.page.get_by_label("Verdict").input_value() == "wrong"
    assert CODE in seen.see("a.question").inner_text()
    seen.page.get_by_label("Filter questions").fill("no question says this")
    seen.page.get_by_role("button", name="Show all").click()
    seen.until("document.querySelectorAll('a.question.right').length > 3")


def test_the_blamed_operation_is_a_filter(seen: Tab) -> None:
    seen.page.get_by_label("Blamed operation").select_option("retrieve")
    seen.page.wait_for_url("**operation=retrieve")
    seen.until(
        "[...document.querySelectorAll('.blame .name')].every(n => n.textContent === 'retrieve')"
    )


def test_a_lineage_shows_where_each_fact_dies(seen: Tab) -> None:
    seen.go(failure(seen))
    assert seen.text("h1") == CODE
    box = seen.see("a.box.loses")
    assert "trim" in box.text_content()
    assert "A dies here" in box.text_content()
    assert "loses A, blamed" in str(box.get_attribute("aria-label"))
    assert seen.page.locator(f".death[data-death={box.get_attribute('data-node')}]").count() == 1
    assert seen.page.locator("a.box.said").count() == 1
    assert seen.page.locator("path.fact-line").count() >= 2
    heads = seen.page.locator(".lane-heads span").all_inner_texts()
    assert heads[:2] == ["Conversation", "Memory"]
    assert heads[-1] == "Judge"


def test_runs_of_like_operations_unfold(seen: Tab) -> None:
    seen.go(failure(seen))
    folded = seen.see("a.box.folded")
    before = seen.page.locator("a.box").count()
    assert "×" in folded.text_content()
    folded.click()
    assert seen.page.locator("a.box").count() > before
    seen.page.get_by_role("button", name="Fold").click()
    assert seen.page.locator("a.box").count() == before


def test_the_lineage_grows_and_shrinks(seen: Tab) -> None:
    seen.go(failure(seen))
    width = "Number(document.querySelector('svg.lineage').getAttribute('width'))"
    usual = seen.page.evaluate(width)
    seen.press("+")
    assert seen.page.evaluate(width) > usual
    seen.press("-", "-")
    assert seen.page.evaluate(width) < usual


def test_a_click_leads_to_any_value(seen: Tab) -> None:
    seen.go(failure(seen))
    seen.see("a.box.loses").click()
    panel = seen.see("#panel article")
    assert "trim" in panel.inner_text()
    assert "&op=op-" in seen.hash
    seen.page.locator("#panel .value-link").first.click()
    seen.see("#panel pre.value")
    assert "&var=var-" in seen.hash
    seen.page.go_back()
    seen.page.wait_for_url("**&op=op-**")
    assert "Outputs" in seen.see("#panel article").inner_text()


def test_an_operation_shows_the_prompt_as_sent_and_its_template(seen: Tab) -> None:
    seen.go(failure(seen))
    seen.see("a.box[aria-label^='answer,']").click()
    seen.see("#panel h3:has-text('Prompt, as it was sent')")
    assert CODE in seen.text("#panel section pre")
    seen.see("#panel summary:has-text('{question}')").click()
    assert "{question}" in seen.see("#panel mark:has-text('{question}')").inner_text()
    assert "prompt_tokens" in seen.text("#panel article")


def test_versions_of_an_item_show_what_changed(seen: Tab) -> None:
    seen.go("#memory&item=long_context/c1/window")
    seen.see("#panel del")
    assert "5 versions" in seen.text("#panel .status")
    gone = " ".join(seen.page.locator("#panel .version").first.locator("del").all_inner_texts())
    assert "8439" in gone, "what was trimmed is struck out"


def test_the_memory_at_any_moment(seen: Tab) -> None:
    seen.go("#memory&seq=0")
    seen.see("text=The memory is empty at this moment")
    seen.press("]")
    seen.see(".memory-row.fresh")
    first = seen.hash
    assert "1 item at" in seen.text("#view .bar")
    seen.press("]")
    seen.until("hash => location.hash !== hash", first)
    seen.see(".memory-row.fresh")
    seen.press("[")
    seen.until("hash => location.hash === hash", first)
    slider = seen.page.get_by_label("Moment, as a sequence number")
    slider.fill(str(slider.get_attribute("max")))
    seen.until("document.querySelectorAll('.memory-row').length > 10")


def test_search_finds_and_marks(seen: Tab) -> None:
    seen.press("/")
    assert seen.page.evaluate("document.activeElement.ariaLabel") == "Filter questions"
    seen.go("#search=door code")
    assert seen.see(".hit mark").inner_text().lower() in ("door", "code")
    hit = seen.page.locator(".hit").first
    hit.click()
    assert "door code" in seen.see("#panel pre.value").inner_text()
    seen.page.get_by_label("Search the trace").fill("quux")
    seen.see("text=No text of this trace holds these words")


def test_the_timeline_is_filtered_and_grows(seen: Tab) -> None:
    seen.go("#timeline")
    seen.see("a.row.operation")
    seen.page.get_by_label("Kind").select_option("answer")
    seen.until("[...document.querySelectorAll('.row .tag')].every(n => n.textContent === 'answer')")
    assert seen.page.locator("a.row.operation").count() == 32
    seen.go("#timeline&name=trim")
    seen.until("document.querySelectorAll('a.row.operation').length === 1")


def test_long_values_are_read_by_pages(opened: Any, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "long.db"):
        memtrace.variable("".join(f"line {n}\n" for n in range(20_000)), kind="message")
        memtrace.variable({"rows": [1, 2]}, kind="value")
    with view(tmp_path / "long.db") as page, tab(opened, page.url) as seen:
        seen.see("text=This trace holds no answered question")
        seen.go("#timeline&var=var-1")
        text = seen.see("#panel pre.value")
        assert len(str(text.text_content())) == 65_536
        seen.page.get_by_role("button", name="Read on").click()
        seen.until("document.querySelector('#panel pre').textContent.length > 65536")
        while seen.page.get_by_role("button", name="Read on").count():
            seen.page.get_by_role("button", name="Read on").click()
            seen.page.wait_for_timeout(80)
        assert str(text.text_content()).endswith("line 19999\n")
        seen.go("#timeline&var=var-2")
        seen.see("#panel .value-foot button:has-text('As recorded')")
        assert '"rows": [\n' in str(seen.see("#panel pre.value").text_content())
        seen.check()


def test_a_trace_without_questions_still_has_everything_else(opened: Any, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        said = memtrace.variable("Ana moved to Lisbon.", kind="message", name="D1")
        with memtrace.step("note", kind="extraction", inputs={"said": said}) as op:
            op.output("fact", "Ana lives in Lisbon.", kind="memory_item", item="fact-1")
    with view(tmp_path / "t.db") as page, tab(opened, page.url) as seen:
        seen.see("text=This trace holds no answered question")
        seen.press("t")
        assert "note" in seen.see("a.row.operation").inner_text()
        seen.press("m")
        assert "fact-1" in seen.see(".memory-row").inner_text()
        seen.go("#search=Lisbon")
        assert "Lisbon" in seen.see(".hit").inner_text()
        seen.go("#whatif")
        seen.see("text=This trace cannot be replayed")
        seen.go("#compare")
        seen.see("text=There is no other run to compare with")
        seen.check()
