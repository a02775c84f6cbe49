"""How the prompted model words queries and orders passages under a brief."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from memtrace.faultbench.prompting.types import Brief
from memtrace.faultbench.simulated.notes import notes_of
from memtrace.faultbench.simulated.searching import helpfulness, query_for
from memtrace.testing.rules import content_words

__all__ = ["query_under", "scores_under"]

_WORD = re.compile(r"[A-Za-z0-9][\w'-]*")
_NAME = re.compile(r"\b[A-Z][\w-]*(?:'s)?")
_FEW = 3
_LATE = "9999"


def query_under(question: str, brief: Brief) -> str:
    """The query for a question.

    A vague prompt gets a few keywords without names; only what is asked to stay whole stays so.
    """
    names = brief.way("names", careless="drop", careful="keep")
    size = brief.way("size", careless="few", careful="full")
    more = brief.way("more", careless="no", careful="yes")
    text = query_for(question) if more == "yes" and size == "full" else question
    if size == "full" and names == "keep":
        return text
    called = _NAME.findall(question.partition(" ")[2])
    keywords = [word for word in _WORD.findall(text) if _tells(word) and word not in called]
    if size != "full":
        longest = sorted(dict.fromkeys(keywords), key=len, reverse=True)
        keywords = longest[: 1 if size == "one" else _FEW]
    return " ".join([*(called if names == "keep" and size != "one" else ()), *keywords])


def scores_under(question: str, passages: list[str], brief: Brief) -> list[float]:
    """How far in front each passage belongs; a vague prompt leaves the order as it is."""
    order = brief.way("order", careless="given", careful="helpful")
    return _ORDERS[order](question, passages)


def _tells(word: str) -> bool:
    return bool(content_words(word))


def _by_day(passages: list[str]) -> list[float]:
    days = [next((note.day for note in notes_of(one) if note.day), _LATE) for one in passages]
    return [float(day.replace("-", "")) for day in days]


_ORDERS: Mapping[str, Callable[[str, list[str]], list[float]]] = {
    "helpful": helpfulness,
    "oldest": lambda question, passages: [-day for day in _by_day(passages)],
    "newest": lambda question, passages: _by_day(passages),
    "shortest": lambda question, passages: [-float(len(one)) for one in passages],
    "longest": lambda question, passages: [float(len(one)) for one in passages],
    "given": lambda question, passages: [-float(place) for place in range(len(passages))],
}
