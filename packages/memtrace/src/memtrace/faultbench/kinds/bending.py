"""Bends that several kinds share: words of a fact exchanged, statements left out."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from lmcommon.data.generated.small_talk import OUTSIDERS, PEOPLE
from memtrace.faultbench.kinds.point import Aim, Bend
from memtrace.faultbench.shapes import edited, rows_without, texts_in, without
from memtrace.faultbench.targets import another

__all__ = ["is_first", "losing", "losing_rows", "other_person", "renaming", "replacing", "told"]


def losing(aim: Aim, rng: random.Random) -> Bend:
    """The statements that tell the fact are left out."""
    return lambda value: without(value, aim.target.__contains__)


def losing_rows(aim: Aim, rng: random.Random) -> Bend:
    """The rows that tell the fact are left out, whatever else they hold."""
    return lambda value: rows_without(value, aim.target.__contains__)


def replacing(aim: Aim, rng: random.Random) -> Bend:
    """What counts in the fact becomes something else of its sort, said nowhere."""
    return told(aim, aim.target.needle, another(aim.target, aim.run.conversation, rng))


def renaming(aim: Aim, rng: random.Random) -> Bend | None:
    """Whoever the fact is about becomes somebody else; None where nobody is named."""
    fact = aim.target.fact
    lines = [text for text in texts_in(aim.seen.value) if text in aim.target]
    for name in dict.fromkeys((fact.subject, fact.speaker)):
        if any(_word(name).search(line) for line in lines):
            return told(aim, name, other_person(aim, name, rng))
    if _speakers(aim.seen.value) & {fact.subject}:
        return _respoken(aim, other_person(aim, fact.subject, rng))
    return None


def told(aim: Aim, old: str, new: str) -> Bend:
    """In the statements that tell the fact, some words are exchanged for others."""
    pattern = _word(old)

    def change(line: str) -> str:
        return pattern.sub(lambda _: new, line) if line in aim.target else line

    return lambda value: edited(value, change)


def other_person(aim: Aim, name: str, rng: random.Random) -> str:
    """Somebody else who comes up in the conversation, or could."""
    people: list[str] = [
        one for one in aim.run.conversation.metadata.get("people", ()) if one != name
    ]
    known = people if name in PEOPLE and people else [one for one in OUTSIDERS if one != name]
    return rng.choice(known)


def is_first(aim: Aim) -> bool:
    """Whether the fact comes to operations of this sort for the first time at this point."""
    for seen in aim.run.points:
        if (seen.name, seen.role) == (aim.seen.name, aim.seen.role) and any(
            text in aim.target for text in texts_in(seen.value)
        ):
            return seen is aim.seen
    return False


def _respoken(aim: Aim, name: str) -> Bend:
    """Rows that tell the fact get another speaker."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(one) for one in value]
        if isinstance(value, Mapping) and any(text in aim.target for text in texts_in(value)):
            return {key: name if key == "speaker" else one for key, one in value.items()}
        return value

    return changed


def _speakers(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for one in value for name in _speakers(one)}
    return {str(value["speaker"])} if isinstance(value, Mapping) and "speaker" in value else set()


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.I)
