"""The JSON that operations pass on, edited without knowing which operation it is.

Texts stand in lists, in rows (`{"item", "score", "text"}`), in lists of rows, in pages of lines and
in replies that are JSON themselves. In: such a value. Out: another one of the same shape; the
value given is never changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lmcommon.errors import ParseError

__all__ = ["LABELS", "edited", "in_reply", "rows_without", "texts_in", "without"]

LABELS = frozenset({
    "action", "attributed_to", "category", "date", "event", "id", "index", "item", "owner_id",
    "reasoning", "role", "score", "speaker", "time", "timestamp", "turn", "type", "user_id",
})  # fmt: skip
"""Keys whose values name things and say nothing."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_GONE: Any = object()

Test = Callable[[str], bool]


def texts_in(value: Any) -> Iterator[str]:
    """Every statement of a value: the lines of texts, wherever they stand."""
    if isinstance(value, str):
        read = _read(value)
        if read is not None:
            yield from texts_in(read)
        else:
            yield from value.splitlines()
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in LABELS:
                yield from texts_in(one)


def edited(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every statement changed; labels, numbers and structure stay.

    Args:
        value: JSON.
        change: From one line to another.
    """
    if isinstance(value, str):
        read = _read(value)
        if read is not None:
            changed = edited(read, change)
            return value if changed == read else _written(changed)
        return "\n".join(change(line) for line in value.split("\n"))
    if isinstance(value, list):
        return [edited(one, change) for one in value]
    if isinstance(value, Mapping):
        return {key: one if key in LABELS else edited(one, change) for key, one in value.items()}
    return value


def without(value: Any, unwanted: Test) -> Any:
    """The value without the statements that are unwanted; rows that lose all they say go too."""
    left = _without(value, unwanted)
    return _nothing(value) if left is _GONE else left


def rows_without(value: Any, unwanted: Test) -> Any:
    """A list without the rows that hold an unwanted statement; whole rows, never parts of them."""
    if isinstance(value, str):
        read = _read(value)
        if read is None:
            return value
        left = rows_without(read, unwanted)
        return value if left == read else _written(left)
    if isinstance(value, Mapping):
        return {
            key: rows_without(one, unwanted) if isinstance(one, (list, Mapping)) else one
            for key, one in value.items()
        }
    if not isinstance(value, list):
        return value
    return [one for one in value if not any(map(unwanted, texts_in(one)))]


def in_reply(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value changed as a whole; of a reply that is JSON, the JSON in it."""
    if not isinstance(value, str):
        return change(value)
    read = _read(value)
    if read is None:
        return value
    changed = change(read)
    return value if changed == read else _written(changed)


def _without(value: Any, unwanted: Test) -> Any:
    if isinstance(value, str):
        return _text_without(value, unwanted)
    if isinstance(value, list):
        left = [_without(one, unwanted) for one in value]
        kept = [one for one in left if one is not _GONE]
        return kept if kept or not value else _GONE
    if isinstance(value, Mapping):
        row = {key: one if key in LABELS else _without(one, unwanted) for key, one in value.items()}
        said = [key for key in row if key not in LABELS]
        if said and all(row[key] is _GONE or row[key] in ("", [], None) for key in said):
            return _GONE if any(row[key] is _GONE for key in said) else row
        return {key: _nothing(value[key]) if one is _GONE else one for key, one in row.items()}
    return value


def _text_without(text: str, unwanted: Test) -> Any:
    read = _read(text)
    if read is not None:
        left = without(read, unwanted)
        return text if left == read else _written(left)
    lines = []
    for line in text.split("\n"):
        if not unwanted(line):
            lines.append(line)
            continue
        kept = [one for one in _SENTENCE.split(line) if not unwanted(one)]
        if kept and not unwanted(" ".join(kept)):
            lines.append(" ".join(kept))
    left = "\n".join(lines)
    return left if left.strip() or left == text else _GONE


def _nothing(value: Any) -> Any:
    """What stands for a value that lost all it said."""
    if isinstance(value, str):
        return ""
    if isinstance(value, list):
        return []
    if isinstance(value, Mapping):
        return {key: one if key in LABELS else _nothing(one) for key, one in value.items()}
    return value


def _read(text: str) -> Any:
    """The JSON object or list that a reply is; None for plain text."""
    bare = text.lstrip()
    if not bare.startswith(("{", "[", "```")):
        return None
    from lmcommon.llm.structured import extract_json

    try:
        found = extract_json(bare)
    except ParseError:
        return None
    return found if isinstance(found, (dict, list)) else None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
