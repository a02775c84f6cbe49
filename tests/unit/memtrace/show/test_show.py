"""Explanations: right for people, harmless for browsers."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.judge.types import Verdict
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import TraceReader, attribute
from memtrace.evaluate import Episode
from memtrace.memory import LongContext, Query
from memtrace.show import Row, case_view, explain, write_html

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;{{ 7*7 }}"


def wrong_answer(path: Path, text: str, gold: str, reply: str) -> Row:
    """A trimmed fact, attributed."""
    first = Session(id="s1", turns=(Turn(id="D1:1", speaker="Ana", text=text),))
    later = Session(id="s2", turns=(Turn(id="D2:1", speaker="Bo", text="word " * 40),))
    with memtrace.record(path):
        system = LongContext(ScriptedModel({"": reply}), budget_tokens=50)
        system.add(first)
        system.add(later)
        answer = system.answer([Query(EVIL, id="q1")])[0]
    assert answer.variable is not None
    with memtrace.open(path) as trace:
        reader = TraceReader(trace)
        verdict = attribute(reader, answer.variable, gold=gold, evidence=["D1:1"])
        case = case_view(verdict, reader)
    episode = Episode(
        system=EVIL, conversation=EVIL, question=EVIL, text=EVIL, category=EVIL, gold=gold,
        evidence=("D1:1",), prediction=reply, answer=answer.variable,
        verdict=Verdict(satisfied=False, rationale=EVIL),
    )  # fmt: skip
    return Row(episode, case)


class Tags(HTMLParser):
    """Collects tags, attributes and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.seen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.seen += data


@pytest.fixture
def page(tmp_path: Path) -> str:
    row = wrong_answer(tmp_path / "t.db", f"I live in {EVIL} Lisbon.", "Lisbon", EVIL)
    path = write_html(
        tmp_path / "report.html", title=EVIL, facts={EVIL: EVIL}, systems=[{EVIL: EVIL}],
        rows=[row, Row(row.episode)],
    )  # fmt: skip
    return path.read_text(encoding="utf-8")


def test_untrusted_text_never_becomes_markup(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.tags.count("script") == 1, "only our own script"
    assert "img" not in tags.tags
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert EVIL in tags.seen, "shown as text, unchanged"


def test_the_page_asks_for_nothing_from_elsewhere(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    loading = {"src", "href", "action", "data", "poster", "srcset"}
    assert not [pair for pair in tags.attributes if pair[0] in loading]
    assert not re.findall(r"url\(|@import", page)


def test_the_page_shows_who_is_blamed(page: str) -> None:
    assert re.search(r"trim \(op-\d+\)", page)
    assert "<mark>Lisbon</mark>" in page


def test_the_terminal_shows_where_the_fact_lived_and_died(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    wrong_answer(path, "I live in Lisbon, by the sea.", "Lisbon", "Porto")
    with memtrace.open(path) as trace:
        answer = next(trace.variables(kind="answer"))
        verdict = attribute(trace, answer.id, gold="Lisbon", evidence=["D1:1"])
        shown = explain(verdict, trace).plain
    told = [line.split()[:2] for line in shown.splitlines() if line.split()[:1] in (["+"], ["x"])]
    assert told == [["+", "append"], ["x", "trim"]] or told[-1] == ["x", "trim"], shown
    assert "Ana: I live in Lisbon, by the sea." in shown


def test_a_path_ends_with_the_answer_when_the_fact_reached_the_model(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        system = LongContext(ScriptedModel({"": "Porto"}))
        turn = Turn(id="D1:1", speaker="Ana", text="I live in Lisbon, by the sea.")
        system.add(Session(id="s1", turns=(turn,)))
        answer = system.answer([Query("Where does Ana live?")])[0]
    assert answer.variable is not None
    with memtrace.open(path) as trace:
        reader = TraceReader(trace)
        verdict = attribute(reader, answer.variable, gold="Lisbon", evidence=["D1:1"])
        last = case_view(verdict, reader).facts[0].steps[-1]
    assert (last.name, last.kept, last.instead) == ("answer", False, "Porto")
