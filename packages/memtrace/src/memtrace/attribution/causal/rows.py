"""Rows of what operations pass on: the text in them, rows like their neighbours, JSON in a reply.

In: values of any shape. Out: the parts a repair works on. Nothing here knows what a fact is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.attribution.causal.wording import Wording

__all__ = [
    "SLOT",
    "TEXT_KEYS",
    "are_groups",
    "are_rows",
    "as_line",
    "dressed_as",
    "fresh",
    "is_heading",
    "json_of",
    "number_of",
    "order",
    "text_in",
    "texts_in",
    "with_text",
]

TEXT_KEYS = ("text", "content", "memory", "data", "description", "fact", "value")
"""What the text of a row is called."""
_NUMBERS = re.compile(r"\d+")
SLOT = "\x00"
"""Where the JSON value of a reply stood, in the text around it."""


def json_of(text: str) -> tuple[str, Any] | None:
    """The text around a JSON value in it, and the value; None where there is none."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    if not starts:
        return None
    start = min(starts)
    try:
        value, end = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    return (f"{text[:start]}{SLOT}{text[start + end :]}", value) if value else None


def texts_in(value: Any) -> list[str]:
    """All texts in a value; what a row says of a deletion or a non-event does not count."""
    if isinstance(value, str):
        as_json = json_of(value)
        return texts_in(as_json[1]) if as_json is not None else [value]
    if isinstance(value, Mapping):
        if value.get("event") in ("NONE", "DELETE"):
            return []
        named = f"{value['speaker']}: {value['text']}" if {"speaker", "text"} <= set(value) else ""
        return [named, *(t for key, one in value.items() if key != "old_memory"
                         for t in texts_in(one))]  # fmt: skip
    if isinstance(value, list):
        return [text for one in value for text in texts_in(one)]
    return []


def number_of(value: Any) -> float:
    """A score; 0 for what is none."""
    try:
        return float(value or 0.0)
    except (TypeError, ValueError):
        return 0.0


def are_rows(value: Any) -> bool:
    """Whether a value is a list of rows."""
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def are_groups(value: Sequence[Any]) -> bool:
    """Whether a value is a list of lists of rows."""
    return all(map(are_rows, value))


def text_in(row: Any) -> str:
    """The text of a row: itself, the field that is called so, or its longest one."""
    if isinstance(row, str):
        return row
    if not isinstance(row, Mapping):
        return ""
    for key in TEXT_KEYS:
        if isinstance(row.get(key), str):
            return str(row[key])
    inner = [one for one in row.values() if isinstance(one, Mapping)]
    texts = [one for one in row.values() if isinstance(one, str)]
    return max((*texts, *map(text_in, inner)), key=len, default="")


def with_text(row: Any, text: str) -> Any:
    """A row with another text."""
    if not isinstance(row, Mapping):
        return text
    before = text_in(row)
    for key, one in row.items():
        if one == before:
            return {**row, key: text}
        if isinstance(one, Mapping) and text_in(one) == before:
            return {**row, key: with_text(one, text)}
    return {**row, "text": text}


def fresh(row: Any, rows: Sequence[Any]) -> Any:
    """A row like its neighbours that takes nothing of theirs away."""
    if not isinstance(row, Mapping):
        return row
    made = dict(row)
    if "event" in made:
        made["event"] = "ADD"
        made.pop("old_memory", None)
    if "id" in made:
        numbers = [int(str(one["id"])) for one in rows
                   if isinstance(one, Mapping) and str(one.get("id", "")).isdecimal()]  # fmt: skip
        made["id"] = str(max(numbers, default=-1) + 1)
    return made


def as_line(name: str, text: str, sample: Mapping[str, Any]) -> dict[str, str]:
    """A message as a line like its neighbours."""
    dated = re.match(r"\[([^\]]*)\]\s*", text)
    said = text[dated.end() :] if dated else text
    speaker, colon, own = said.partition(": ")
    line = {"turn": name, "date": dated[1] if dated else "", "text": said}
    if "speaker" in sample and colon:
        line |= {"speaker": speaker, "text": own}
    return {key: one for key, one in line.items() if not sample or key in sample}


def dressed_as(line: str, wording: Wording) -> str:
    """The fact, dated if the line it stands beside or for is dated in front."""
    return wording.dated if re.match(r"\s*\[[^\]]*\] \S", line) else wording.text


def is_heading(line: str) -> bool:
    """Whether a line is a date over other lines."""
    return line.startswith("[") and line.endswith("]")


def order(turn: str) -> tuple[int, ...]:
    """What turn ids are ordered by: the numbers in them."""
    return tuple(map(int, _NUMBERS.findall(turn)))
