"""The report as Markdown and as a page: what data and models say stays text, whatever it says."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from memtrace.show.reporting.markdown import code, escape, report_markdown
from memtrace.show.reporting.page import report_html
from memtrace.show.reporting.types import Report

sys.path.insert(0, str(Path(__file__).parent))

from reporting_support import NASTY, Page, asked, hostile, section, wrong

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {"h1", "h2", "h3", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td",
        "strong", "code", "br"}  # fmt: skip
PLAIN = "plain words"


def one_line(text: str) -> str:
    shown = "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    return " ".join(shown.split())


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_text_in_markdown_is_shown_as_it_is(text: str) -> None:
    html = PARSER.renderInline(escape(text))
    assert not re.search(r"<[a-zA-Z/!]", html), html
    assert unescape(html) == one_line(text)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_in_markdown_is_one_paragraph_that_says_it(text: str) -> None:
    html = PARSER.render(escape(text)).strip()
    inner = html.removeprefix("<p>").removesuffix("</p>")
    assert not re.search(r"<[a-zA-Z/!]", inner), (escape(text), html)
    assert unescape(inner) == one_line(text)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_as_code_in_a_cell_stays_in_its_cell(text: str) -> None:
    html = PARSER.render(f"| a | b |\n| --- | --- |\n| {code(text, in_table=True)} | end |\n")
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(cells) == 2, html
    assert cells[1] == "end"
    assert unescape(re.sub("</?code>", "", cells[0])) == one_line(text)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_hostile_report_has_the_markdown_of_a_plain_one(text: str) -> None:
    found = Page(PARSER.render(report_markdown(hostile(text))))
    assert set(found.tags) <= OURS, set(found.tags) - OURS
    plain = Page(PARSER.render(report_markdown(hostile(PLAIN))))
    without = [[tag for tag in page.tags if tag != "code"] for page in (found, plain)]
    assert without[0] == without[1], "nothing of the structure comes from the data"
    assert not found.attributes or {name for name, _ in found.attributes} <= {"start"}


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_hostile_page_has_the_elements_of_a_plain_one(text: str) -> None:
    found, plain = Page(report_html(hostile(text))), Page(report_html(hostile(PLAIN)))
    assert found.tags == plain.tags
    names = [[name for name, _ in page.attributes] for page in (found, plain)]
    assert names[0] == names[1]


def test_the_page_has_no_script_and_loads_nothing() -> None:
    html = report_html(hostile(NASTY[0]))
    page = Page(html)
    assert "script" not in page.tags
    assert "default-src 'none'" in html
    loading = {"src", "action", "data", "poster", "srcset", "xlink:href"}
    assert not [pair for pair in page.attributes if pair[0] in loading]
    assert all((value or "").startswith("#") for name, value in page.attributes if name == "href")
    assert not re.findall(r"url\(|@import", html)
    assert "light-dark(" in html, "dark and light"


def test_what_steers_the_display_is_seen() -> None:
    html = report_html(hostile("\u202eevil\x1b[31m"))
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "\ufffdevil" in html


def test_bars_show_the_share_and_its_interval() -> None:
    made = section([asked(1), asked(2), asked(3), wrong(4)])
    html = report_html(Report(title="t", sections=(made,)))
    (row,) = made.types
    assert 'class="value" width="75.0"' in html
    assert f'x1="{100 * row.right.low:.2f}" x2="{100 * row.right.high:.2f}"' in html
    assert "3 of 4" in html


def test_figures_of_both_are_the_same() -> None:
    made = Report(title="t", sections=(section([asked(1), wrong(2, proved=True), wrong(3)]),))
    text, html = report_markdown(made), report_html(made)
    assert "**1 right, 2 wrong, 0 unscored**" in text
    assert re.search(r'<b class="wrong">2</b> wrong', html)
    assert "2 of 2" in text
    assert "2 of 2" in html


def test_a_report_of_failures_only_claims_no_accuracy() -> None:
    made = section([wrong(1)])
    studied = made.studied.__class__(
        system="s", data="d", model="-", runs=(), asked=made.studied.asked, is_whole=False
    )
    alone = Report(title="t", sections=(section([wrong(1)], studied=studied),))
    for written in (report_markdown(alone), report_html(alone)):
        assert "Only failures were handed in (1)" in written
        assert "unscored</div>" not in written
    assert "Accuracy by question type" not in report_html(alone)
