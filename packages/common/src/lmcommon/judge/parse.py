"""Strict reading of a judge's reply: a verdict, or a `ParseError` that keeps the reply.

Never by substring: a reason that says "incorrect" or "not satisfied" holds the words of the
opposite verdict. A reply is either a JSON object of a fixed form or ends in one tag line; anything
ambiguous (two tag lines that differ, a tag that is not last, a string for a boolean) is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lmcommon.errors import ParseError

__all__ = [
    "VERDICT_SCHEMA", "grade_schema", "parse_json_grade", "parse_json_verdict",
    "parse_json_verdicts", "parse_tag_verdict", "rubric_schema",
]  # fmt: skip

_TAG = re.compile(r"[*_`#\s]*VERDICT[*_`\s]*:[*_`\s]*(YES|NO)[*_`.\s]*", re.IGNORECASE)
_TAG_LIKE = re.compile(r"\bVERDICT\b[*_`\s]*:", re.IGNORECASE)

_ONE: Mapping[str, Any] = {"reason": {"type": "string"}, "satisfied": {"type": "boolean"}}

VERDICT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": _ONE,
    "required": ["reason", "satisfied"],
    "additionalProperties": False,
}
"""JSON schema of one verdict; the reason comes first, so that it is thought before it is said."""


def rubric_schema(count: int) -> Mapping[str, Any]:
    """JSON schema of the verdicts on `count` criteria."""
    item = {
        "type": "object",
        "properties": {"number": {"type": "integer"}, **_ONE},
        "required": ["number", "reason", "satisfied"],
        "additionalProperties": False,
    }
    verdicts = {"type": "array", "items": item, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"verdicts": verdicts},
        "required": ["verdicts"],
        "additionalProperties": False,
    }


def grade_schema(low: float, high: float) -> Mapping[str, Any]:
    """JSON schema of a grade; whole numbers where both ends of the scale are whole."""
    is_whole = float(low).is_integer() and float(high).is_integer()
    kind = {"type": "integer" if is_whole else "number", "minimum": low, "maximum": high}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "score": kind},
        "required": ["reason", "score"],
        "additionalProperties": False,
    }


def parse_tag_verdict(reply: str) -> tuple[bool, str]:
    """Read a reply whose last line is `VERDICT: YES` or `VERDICT: NO`.

    Returns:
        Whether the criterion is satisfied, and the text before the tag line.

    Raises:
        ParseError: No tag line at the end, or tag lines elsewhere that leave a doubt.
    """
    lines = [line for line in reply.strip().splitlines() if line.strip()]
    match = _TAG.fullmatch(lines[-1]) if lines else None
    if match is None:
        raise ParseError("expected a last line 'VERDICT: YES' or 'VERDICT: NO'", reply=reply)
    if any(_TAG_LIKE.search(line) for line in lines[:-1]):
        raise ParseError("expected one verdict line, found several", reply=reply)
    return match.group(1).upper() == "YES", "\n".join(lines[:-1]).strip()


def parse_json_verdict(reply: str) -> tuple[bool, str]:
    """Read a reply that is one JSON object of `VERDICT_SCHEMA`.

    Raises:
        ParseError: Not that.
    """
    from lmcommon.llm.structured import parse_reply

    value = parse_reply(reply, VERDICT_SCHEMA)
    return value["satisfied"], value["reason"]


def parse_json_verdicts(reply: str, count: int) -> list[tuple[bool, str]]:
    """Read the verdicts on `count` criteria, numbered from 1, each exactly once.

    Returns:
        In order of number.

    Raises:
        ParseError: Another form, another count, or wrong numbers.
    """
    from lmcommon.llm.structured import parse_reply

    verdicts = parse_reply(reply, rubric_schema(count))["verdicts"]
    numbers = sorted(verdict["number"] for verdict in verdicts)
    if numbers != list(range(1, count + 1)):
        raise ParseError(f"expected the numbers 1 to {count}, found {numbers}", reply=reply)
    verdicts.sort(key=lambda verdict: verdict["number"])
    return [(verdict["satisfied"], verdict["reason"]) for verdict in verdicts]


def parse_json_grade(reply: str, low: float, high: float) -> tuple[float, str]:
    """Read a reply that is one JSON object of `grade_schema`.

    Returns:
        The grade, in the units of the scale, and the reason.

    Raises:
        ParseError: Not that, or a grade off the scale.
    """
    from lmcommon.llm.structured import parse_reply

    value = parse_reply(reply, grade_schema(low, high))
    return float(value["score"]), value["reason"]
