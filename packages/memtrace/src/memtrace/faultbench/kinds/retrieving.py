"""Faults of retrieval and of the context: the memory holds the fact, the model never sees it."""

from __future__ import annotations

import random
import re
from typing import Any

from memtrace.faultbench.kinds.bending import losing, losing_rows, replacing
from memtrace.faultbench.kinds.point import Aim, Bend, PointKind, Site
from memtrace.faultbench.shapes import texts_in

__all__ = ["RETRIEVING"]

_HITS = Site(kinds=("retrieval", "rerank"), roles=("hits",), asked=True)
_RERANK = Site(kinds=("rerank",), roles=("reply", "hits"), asked=True)
_QUERY = Site(kinds=("rewrite",), roles=("reply", "query"), asked=True)
_CONTEXT = Site(kinds=("context", "retrieval"), roles=("context",), asked=True)

_NUMBERS = re.compile(r"\[?\s*\d+(?:\s*,\s*\d+)*\s*\]?\.?")


def _holds(aim: Aim, row: Any) -> bool:
    return any(text in aim.target for text in texts_in(row))


def _cut(aim: Aim, rng: random.Random) -> Bend | None:
    rows = aim.seen.value
    rank = next((n for n, row in enumerate(rows) if _holds(aim, row)), 0)
    if rank == 0:
        return None  # the best hit would go, and that is no smaller k
    keep = rng.randint(1, rank)
    return lambda value: value[:keep]


def _crowded(aim: Aim, rng: random.Random) -> Bend | None:
    def bend(value: Any) -> Any:
        others = [row for row in value if not _holds(aim, row)]
        return [others[0]] * len(value) if others else value

    return None if bend(aim.seen.value) == aim.seen.value else bend


def _inverted(aim: Aim, rng: random.Random) -> Bend | None:
    if aim.seen.role == "hits":
        is_asked = any(one.place == aim.seen.place and one.role == "reply"
                       for one in aim.run.points)  # fmt: skip
        return None if is_asked else lambda value: value[::-1]
    count = _candidates(aim)

    def bend(value: Any) -> Any:
        if not isinstance(value, str) or _NUMBERS.fullmatch(value.strip()) is None:
            return value
        named = [int(number) for number in re.findall(r"\d+", value)]
        rest = [number for number in range(1, count + 1) if number not in named]
        return ", ".join(map(str, [*rest, *named[::-1]]))

    return None if bend(aim.seen.value) == aim.seen.value else bend


def _candidates(aim: Aim) -> int:
    """How many hits the reranker was given: those of the last retrieval before it."""
    count = 0
    for seen in aim.run.passing(aim.question):
        if seen.place == aim.seen.place:
            break
        if seen.question is not None and seen.kind == "retrieval" and seen.role == "hits":
            count = len(seen.value)
    return count


def _drifted(aim: Aim, rng: random.Random) -> Bend | None:
    """The query is about something else that is asked of this history."""
    about = aim.question.metadata
    others = [
        one.text for one in aim.run.conversation.questions
        if one.metadata.get("attribute") != about.get("attribute")
        and one.metadata.get("person") != about.get("person")
    ]  # fmt: skip
    if not others:
        return None
    drifted = rng.choice(others)
    return lambda value: drifted if isinstance(value, str) and value.strip() else value


RETRIEVING = (
    PointKind(
        name="topk_cut", sites=(_HITS,), bend=_cut, in_words="fewer hits are kept than asked for",
    ),
    PointKind(
        name="filter_bug", sites=(_HITS,), bend=losing_rows,
        in_words="a filter takes the right hits out",
    ),
    PointKind(
        name="rerank_inversion", sites=(_RERANK,), bend=_inverted, is_seen=False,
        in_words="the worst candidates come first",
    ),
    PointKind(
        name="query_drift", sites=(_QUERY,), bend=_drifted, is_seen=False,
        in_words="the query asks for something else",
    ),
    PointKind(
        name="duplicate_crowding", sites=(_HITS,), bend=_crowded,
        in_words="copies of one hit take the places of the others",
    ),
    PointKind(
        name="context_cut", sites=(_CONTEXT,), bend=losing,
        in_words="lines of the context are cut",
    ),
    PointKind(
        name="context_garble", sites=(_CONTEXT,), bend=replacing,
        in_words="the context holds another value than the hit",
    ),
)  # fmt: skip
