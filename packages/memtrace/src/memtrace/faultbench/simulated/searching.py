"""What helps to answer a question: passages in order, and other words for a query."""

from __future__ import annotations

import re
from functools import lru_cache

from lmcommon.data.generated.plan import ATTRIBUTES
from memtrace.faultbench.simulated.asking import asked_in, clauses_in
from memtrace.faultbench.simulated.notes import statements_of
from memtrace.faultbench.simulated.reading import RELATION
from memtrace.faultbench.simulated.types import Statement
from memtrace.testing.rules import content_words

__all__ = ["helpfulness", "query_for"]

_FIELD = re.compile(r"\{\w+\}")
_WHO = "the person who "


def helpfulness(question: str, passage: str) -> float:
    """How much a passage helps to answer a question; ties are broken by the words they share."""
    wanted = _wanted(question)
    stated = statements_of(passage)
    best = max((_fit(one, wanted) for one in stated), default=0)
    return best + len(content_words(question) & content_words(passage)) / 1000


def query_for(question: str) -> str:
    """A question with the words in which a note would speak of what it asks."""
    words: dict[str, None] = {}
    for attribute, _, _ in _wanted(question):
        if topic := ATTRIBUTES.get(attribute):
            for template in (*topic.state[:1], *topic.start[:1], *topic.update[:1]):
                words |= dict.fromkeys(_FIELD.sub(" ", template).split())
        elif attribute.startswith(RELATION):
            words |= dict.fromkeys(["My", attribute.removeprefix(RELATION), "is", "called"])
    return " ".join([question, *words])


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


def _fit(statement: Statement, wanted: tuple[tuple[str, str, str], ...]) -> int:
    """2 for a statement of the wanted topic, 3 if the person or the value is the wanted one too."""
    fits = [
        2 + bool(person or value)
        for attribute, person, value in wanted
        if statement.said.attribute == attribute
        and person in ("", statement.subject)
        and value in ("", statement.said.value)
    ]
    return max(fits, default=0)
