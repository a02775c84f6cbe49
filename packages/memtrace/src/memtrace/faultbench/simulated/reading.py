"""Reading statements: from an utterance to what it says, by the templates of the language.

Whole templates first, the longest wording first; what is left is read sentence by sentence, so
that half of a remark is still understood where its value leaves no doubt about the topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from lmcommon.data.generated.attributes import Attribute
from lmcommon.data.generated.facts import Operation
from lmcommon.data.generated.plan import ATTRIBUTES
from memtrace.faultbench.simulated.calendar import iso
from memtrace.faultbench.simulated.templates import Pattern, pattern_of
from memtrace.faultbench.simulated.types import Said

__all__ = ["RELATION", "read"]

RELATION = "relation "
"""Stands before the name of a relation in `Said.attribute`."""

_RELATIONS = (
    re.compile(r"\bMy (?P<relation>[a-z]+(?: [a-z]+)?) is called (?P<value>[A-Z][\w-]+)"),
    re.compile(r"\bYou should meet (?P<value>[A-Z][\w-]+), my (?P<relation>[a-z]+(?: [a-z]+)?)\b"),
)
_SENTENCE = re.compile(r"(?<=[.!?:]) ")
_END = re.compile(r"[.!?](?= |$)")


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to say one thing."""

    attribute: Attribute
    operation: Operation
    pattern: Pattern
    fate: str
    is_part: bool


@lru_cache(maxsize=65536)
def read(text: str) -> tuple[Said, ...]:
    """What an utterance says, in order; small talk says nothing.

    Args:
        text: Without the name of its speaker.
    """
    found = [*_matches(text, _wholes()), *_relations(text)]
    kept = _apart(found, [])
    parts = [(weight, said) for weight, said in _matches(text, _parts()) if _is_clear(said)]
    # A sentence that several topics claim tells none of them.
    topics = {(said.start, said.attribute) for _, said in parts}
    starts = [start for start, _ in topics]
    clear = [(weight, said) for weight, said in parts if starts.count(said.start) == 1]
    return tuple(sorted(_apart(clear, kept), key=lambda said: said.start))


def _apart(found: list[tuple[int, Said]], kept: list[Said]) -> list[Said]:
    """Those that do not overlap, the surest first."""
    kept = list(kept)
    for _, said in sorted(found, key=lambda one: -one[0]):
        if all(said.end <= other.start or other.end <= said.start for other in kept):
            kept.append(said)
    return kept


def _matches(text: str, ways: tuple[_Way, ...]) -> Iterator[tuple[int, Said]]:
    for way in ways:
        for match in way.pattern.all(text):
            given = match.groupdict()
            yield (
                way.pattern.weight,
                Said(
                    attribute=way.attribute.key,
                    operation=way.operation,
                    value=given["value"],
                    old=given.get("old") or "",
                    when=iso(given.get("when") or ""),
                    fate=way.fate,
                    other=given.get("other") or "",
                    start=match.start(),
                    end=_sentence_end(text, match.end()) if way.is_part else match.end(),
                ),
            )


def _relations(text: str) -> Iterator[tuple[int, Said]]:
    for regex in _RELATIONS:
        for match in regex.finditer(text):
            key = RELATION + match["relation"]
            end = _sentence_end(text, match.end())
            yield len(match[0]), Said(key, "state", match["value"], start=match.start(), end=end)


def _sentence_end(text: str, start: int) -> int:
    found = _END.search(text, start)
    return found.end() if found else len(text)


def _is_clear(said: Said) -> bool:
    """Whether the value alone tells the topic."""
    attribute = ATTRIBUTES[said.attribute]
    return attribute.is_date or said.value in attribute.values


@cache
def _wholes() -> tuple[_Way, ...]:
    return tuple(
        _Way(attribute, operation, pattern_of(text, is_date=attribute.is_date), fate, False)
        for attribute, operation, text, fate in _templates()
    )


@cache
def _parts() -> tuple[_Way, ...]:
    """The sentence of each template that holds the value, up to the end of the value's clause."""
    made = []
    for attribute, operation, text, fate in _templates():
        sentence = next(one for one in _SENTENCE.split(text) if "value}" in one)
        end = sentence.index("value}") + len("value}")
        if sentence.startswith("{when}", end):
            end += len("{when}")
        pattern = pattern_of(sentence[:end], is_date=attribute.is_date)
        closed = Pattern(
            re.compile(pattern.regex.pattern + r"(?=[.,!?;]|$)"), pattern.hint, pattern.weight
        )
        known = fate if fate and fate in sentence[:end] else ""
        made.append(_Way(attribute, operation, closed, known, True))
    return tuple(made)


def _templates() -> Iterator[tuple[Attribute, Operation, str, str]]:
    """Topic, operation, template and fate of everything that can be said."""
    for attribute in ATTRIBUTES.values():
        for text in (*attribute.state, *attribute.start, *attribute.other):
            yield attribute, "state", text, ""
        for text in attribute.update:
            yield attribute, "update", text, ""
        for text in attribute.correction:
            yield attribute, "correct", text, ""
        for deletion in attribute.deletion:
            yield attribute, "delete", deletion.text, deletion.fate
