"""Faults of extraction and segmentation: what is made of the messages lacks or spoils the fact."""

from __future__ import annotations

import random
import re

from memtrace.faultbench.kinds.bending import losing, renaming, replacing
from memtrace.faultbench.kinds.point import Aim, Bend, PointKind, Site
from memtrace.faultbench.shapes import edited
from memtrace.faultbench.targets import days_off

__all__ = ["EXTRACTING"]

_EXTRACT = Site(kinds=("extraction",), roles=("reply", "facts", "episode"))
_SEGMENT = Site(kinds=("chunking", "segmentation"), roles=("chunks", "cells"))

_PROMPT_TEXTS = (
    "You read conversations and keep what is worth knowing about the people in them.",
    "Return the facts as a JSON list of strings, and nothing else.",
    "Do not keep greetings, and do not answer questions that come up in the conversation.",
)


def _unqualified(aim: Aim, rng: random.Random) -> Bend | None:
    if not aim.target.is_date:
        return None
    pattern = re.compile(rf"\s*\b(?:(?:on|by|since|for) )?{re.escape(aim.target.needle)}", re.I)

    def change(line: str) -> str:
        return pattern.sub("", line) if line in aim.target else line

    return lambda value: edited(value, change)


def _misdated(aim: Aim, rng: random.Random) -> Bend | None:
    if not aim.target.is_date:
        return None
    days = rng.choice([one for one in range(-9, 10) if one])

    def change(line: str) -> str:
        return days_off(line, days) if line in aim.target else line

    return lambda value: edited(value, change)


def _prompted(aim: Aim, rng: random.Random) -> Bend:
    text = rng.choice(_PROMPT_TEXTS)
    return lambda value: edited(value, lambda line: text if line in aim.target else line)


def _split(aim: Aim, rng: random.Random) -> Bend:
    pattern = re.compile(re.escape(aim.target.needle), re.I)

    def change(line: str) -> str:
        if line not in aim.target:
            return line
        found = pattern.search(line)
        return line if found is None else line[: found.start()].rstrip(" ,.:;") or line[:1]

    return lambda value: edited(value, change)


EXTRACTING = (
    PointKind(
        name="drop_fact", sites=(_EXTRACT, _SEGMENT), bend=losing,
        in_words="the fact is left out",
    ),
    PointKind(
        name="drop_qualifier", sites=(_EXTRACT, _SEGMENT), bend=_unqualified,
        in_words="the date is cut from the fact",
    ),
    PointKind(
        name="wrong_entity", sites=(_EXTRACT, _SEGMENT), bend=renaming,
        in_words="the fact is told of somebody else",
    ),
    PointKind(
        name="wrong_date", sites=(_EXTRACT, _SEGMENT), bend=_misdated,
        in_words="the fact gets another date",
    ),
    PointKind(
        name="store_prompt_text", sites=(_EXTRACT,), bend=_prompted,
        in_words="a sentence of the prompt stands where the fact should",
    ),
    PointKind(
        name="hallucinate", sites=(_EXTRACT,), bend=replacing,
        in_words="the fact holds a value that nobody said",
    ),
    PointKind(
        name="boundary_split", sites=(_SEGMENT,), bend=_split,
        in_words="the message is cut at a boundary, and its rest is lost",
    ),
)  # fmt: skip
