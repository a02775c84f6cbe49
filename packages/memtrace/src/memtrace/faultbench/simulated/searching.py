"""What helps to answer a question: passages in order, and other words for a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from lmcommon.data.generated.plan import ATTRIBUTES
from memtrace.faultbench.simulated.answering import knowledge_of, person_meant
from memtrace.faultbench.simulated.asking import asked_in, clauses_in
from memtrace.faultbench.simulated.notes import statements_of
from memtrace.faultbench.simulated.reading import RELATION
from memtrace.faultbench.simulated.types import Statement
from memtrace.testing.rules import content_words

__all__ = ["further_queries", "helpfulness", "query_for"]

_FIELD = re.compile(r"\{\w+\}")
_WHO = "the person who "


def helpfulness(question: str, passages: list[str]) -> list[float]:
    """How much each passage helps to answer a question, a number each.

    What counts is the best statement in it; a passage that states nothing new to those before it
    comes behind them, and ties are broken by the words it shares with the question. If the
    passages together tell whom the question means, that person's statements count.
    """
    wanted = [*_wanted(question)]
    known = knowledge_of("\n".join(passages))
    for asked in asked_in(question):
        if name := person_meant(known, asked.person):
            wanted.append((asked.attribute, name, ""))
    words = content_words(question)
    scores: list[float] = []
    seen: set[Statement] = set()
    for passage in passages:
        stated = statements_of(passage)
        best = max((_fit(one, wanted) for one in stated), default=0)
        helpful = {one for one in stated if _fit(one, wanted) == best} if best else set()
        repeats = bool(helpful) and helpful <= seen
        seen |= helpful
        scores.append(best - repeats / 2 + len(words & content_words(passage)) / 1000)
    return scores


def query_for(question: str) -> str:
    """A question with the words in which notes would speak of what it asks."""
    ended = any(asked.kind in ("still", "gone") for asked in asked_in(question))
    words: dict[str, None] = {}
    for attribute, _, _ in _wanted(question):
        if topic := ATTRIBUTES.get(attribute):
            ways = (*topic.state, *topic.start, *topic.update, *topic.correction)
            if ended:
                ways = (*ways, *(deletion.text for deletion in topic.deletion))
            words |= dict.fromkeys(sorted(content_words(" ".join(map(_plain, ways)))))
        elif attribute.startswith(RELATION):
            words |= dict.fromkeys([attribute.removeprefix(RELATION), "called", "meet"])
    return " ".join([question, *words])


def further_queries(question: str, documents: str) -> list[str]:
    """Short queries for what a question needs and documents do not tell.

    Where they tell who is meant by "Ana's flatmate", the name is asked for.
    """
    known = knowledge_of(documents)
    queries: dict[str, None] = {}
    for asked in asked_in(question)[:1]:
        if name := person_meant(known, asked.person):
            topic = ATTRIBUTES[asked.attribute]
            for template in (*topic.start[:1], *topic.state[:1], *topic.other[:1]):
                queries[f"{name}: {_plain(template)}"] = None
    for attribute, person, value in _wanted(question):
        if attribute.startswith(RELATION):
            queries[f"{person}: My {attribute.removeprefix(RELATION)} is called"] = None
        elif value:
            queries[f"{_plain(ATTRIBUTES[attribute].who)} {value}"] = None
    return list(queries)[:3] or [question]


def _plain(template: str) -> str:
    return " ".join(_FIELD.sub(" ", template).split())


@lru_cache(maxsize=4096)
def _wanted(question: str) -> tuple[tuple[str, str, str], ...]:
    """Attribute, person and value of the statements that a question needs; empty is any."""
    found: dict[tuple[str, str, str], None] = {}
    for asked in asked_in(question):
        for one in (asked, *asked.until):
            person = one.person
            if person.startswith(_WHO):
                clauses = clauses_in(person.removeprefix(_WHO))
                found |= dict.fromkeys((key, "", value) for key, value in clauses)
                person = ""
            elif "'s " in person:
                name, _, relation = person.partition("'s ")
                found[RELATION + relation, name, ""] = None
                person = ""
            found[one.attribute, person, ""] = None
    return tuple(found)


def _fit(statement: Statement, wanted: Sequence[tuple[str, str, str]]) -> int:
    """2 for a statement of the wanted topic, 3 if the person or the value is the wanted one too."""
    fits = [
        2 + bool(person or value)
        for attribute, person, value in wanted
        if statement.said.attribute == attribute
        and person in ("", statement.subject)
        and value in ("", statement.said.value)
    ]
    return max(fits, default=0)
