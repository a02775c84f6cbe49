"""Reading questions: from a question to what it asks, by the templates of the language.

A wording can fit several topics (`the day Ana got the Vespa`), so a question is read as a tuple of
ways to understand it, the surest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Literal

from lmcommon.data.generated.plan import ATTRIBUTES
from memtrace.faultbench.simulated.templates import PERSON, Pattern, pattern_of
from memtrace.faultbench.simulated.types import Asked

__all__ = ["asked_in", "clauses_in"]

Kind = Literal["now", "before", "when", "first", "still", "gone"]

_KINDS: tuple[Kind, ...] = ("now", "before", "when", "first", "still", "gone")
_DURATION = re.compile(
    r"^How many days passed between the day (?P<one>.+?) and the day (?P<two>.+?)\?$"
)
_PERSON_DOES = re.compile(rf"^(?P<person>{PERSON}) (?P<event>[a-z].+)$")


@lru_cache(maxsize=16384)
def asked_in(question: str) -> tuple[Asked, ...]:
    """The ways to understand a question, the surest first; none for a question of another kind."""
    question = " ".join(question.split())
    if spans := _DURATION.match(question):
        return tuple(
            replace(one, kind="duration", until=tuple(_events(spans["two"])))
            for one in _events(spans["one"])
        )
    found = []
    for kind, attribute, pattern in _questions():
        if match := pattern.search(question):
            given = match.groupdict()
            found.append((
                pattern.weight,
                Asked(
                    kind=kind, attribute=attribute, person=given["person"],
                    value=given.get("value") or given.get("x") or "", other=given.get("y") or "",
                ),
            ))  # fmt: skip
    return tuple(asked for _, asked in sorted(found, key=lambda one: -one[0]))


@lru_cache(maxsize=16384)
def clauses_in(clause: str) -> tuple[tuple[str, str], ...]:
    """Attribute and value by which a person is told: `plays the oboe` -> `("instrument", "oboe")`.

    Several if the words fit several topics.
    """
    found = []
    for attribute, pattern in _clauses():
        if match := pattern.search(clause):
            found.append((pattern.weight, attribute, match["value"]))
    return tuple((attribute, value) for _, attribute, value in sorted(found, key=lambda f: -f[0]))


def _events(words: str) -> Iterator[Asked]:
    """`Ana moved to Oslo` as a question for its day."""
    found = _PERSON_DOES.match(words)
    if found is None:
        return
    for attribute, pattern in _happenings():
        if match := pattern.search(found["event"]):
            yield Asked(
                kind="when", attribute=attribute, person=found["person"], value=match["value"]
            )


@cache
def _questions() -> tuple[tuple[Kind, str, Pattern], ...]:
    return tuple(
        (kind, attribute.key, pattern_of(template, is_date=attribute.is_date, whole=True))
        for attribute in ATTRIBUTES.values()
        for kind in _KINDS
        if (template := getattr(attribute, kind))
    )


@cache
def _clauses() -> tuple[tuple[str, Pattern], ...]:
    return tuple(
        (one.key, pattern_of(one.who, is_date=one.is_date, whole=True))
        for one in ATTRIBUTES.values()
        if one.who
    )


@cache
def _happenings() -> tuple[tuple[str, Pattern], ...]:
    return tuple(
        (one.key, pattern_of(one.event, is_date=one.is_date, whole=True))
        for one in ATTRIBUTES.values()
        if one.event
    )
