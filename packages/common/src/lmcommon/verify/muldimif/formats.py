"""Format: Markdown headings and quotes, tables, JSON and XML."""

from __future__ import annotations

import json
import re
from typing import Any

from lmcommon.verify.fields import choice
from lmcommon.verify.muldimif.forms import BOUNDS, FLAG, LEVELS, NAMES, PHRASE, say_bounds
from lmcommon.verify.muldimif.parts import Heading, Table, fenced, find_headings, find_tables, lines
from lmcommon.verify.muldimif.quantities import Bounds, within
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_TAG = re.compile(r"<\s*[a-zA-Z_:][\w:.-]*(?:\s+[\w:.-]+\s*=\s*(?:'[^']*'|\"[^\"]*\"))*\s*/?>")
_ATTRIBUTE = re.compile(r"(?<![\w:.-])[\w:.-]+\s*=\s*(?:'[^']*'|\"[^\"]*\")")


def _say_headings(
    *, levels: tuple[int, ...], distinct: Bounds, count: Bounds, deepest: Bounds, first: Bounds,
    title: str,
) -> str:  # fmt: skip
    said = []
    if levels:
        said.append("headings of level " + ", ".join(map(str, levels)))
    if distinct != (None, None):
        said.append(f"headings of {say_bounds(distinct, 'levels')}")
    if count != (None, None):
        said.append(say_bounds(count, "headings"))
    if deepest != (None, None):
        said.append(f"no heading below level {deepest[1]}")
    if first != (None, None):
        said.append(f"a heading of level {first[0]} at the beginning")
    if title:
        said.append(f'a heading "{title}"')
    return f"The response has, in Markdown, {', '.join(said)}."


@checker("muldimif:markdown", _say_headings, levels=LEVELS, distinct=BOUNDS, count=BOUNDS,
         deepest=BOUNDS, first=BOUNDS, title=PHRASE)  # fmt: skip
def markdown(
    response: str, *, levels: tuple[int, ...], distinct: Bounds, count: Bounds, deepest: Bounds,
    first: Bounds, title: str,
) -> Finding:  # fmt: skip
    """Headings of these levels are there, in this number and order.

    Args:
        response: The text.
        levels: Each of them occurs; of a title, it has one of them.
        distinct: How many different levels there are.
        count: How many headings of `levels` (of any level, if that is empty) there are.
        deepest: The level of every heading.
        first: The level of the first heading.
        title: The text of a heading; empty: any.

    Returns:
        Spans: the headings of `levels` (all headings, if that is empty).
    """
    headings = find_headings(response)
    asked = [one for one in headings if not levels or one.level in levels]
    present = {one.level for one in headings}
    holds = (
        set(levels) <= present
        and within(len(present), distinct)
        and within(len(asked), count)
        and all(within(one.level, deepest) for one in headings)
        and (first == (None, None) or (bool(headings) and within(headings[0].level, first)))
        and (not title or any(_is_titled(one, title) for one in asked))
    )
    return Finding(holds, tuple(one.span for one in asked))


def _is_titled(heading: Heading, title: str) -> bool:
    plain = heading.text.strip("*_# ").rstrip(".:")
    return plain.casefold() == title.strip().rstrip(".:").casefold()


@checker("muldimif:marked_lines", "There is {kind} in Markdown.",
         kind=choice("a block quote", "a list", "bold text"))  # fmt: skip
def marked_lines(response: str, *, kind: str) -> Finding:
    """A block quote, a list or bold text occurs; the spans are all of them."""
    if kind == "bold text":
        found = [m.span() for m in re.finditer(r"\*\*[^*\n]+\*\*|__[^_\n]+__", response)]
        return Finding(bool(found), tuple(found))
    pattern = r">" if kind == "a block quote" else r"(?:[-*+•]|\d+[.)])\s"
    found = [span for span in lines(response) if re.match(pattern, response[span[0] : span[1]])]
    return Finding(bool(found), tuple(found))


def _say_table(
    *, rows: Bounds, columns: Bounds, headers: tuple[str, ...], optional: bool
) -> str:  # fmt: skip
    size = [say_bounds(rows, "rows")] if rows != (None, None) else []
    size += [say_bounds(columns, "columns")] if columns != (None, None) else []
    size += [f"the columns {', '.join(headers)}"] if headers else []
    start = "Any table" if optional else "There is a table; each"
    return f"{start} has {' and '.join(size) or 'any size'}."


@checker("muldimif:table", _say_table, rows=BOUNDS, columns=BOUNDS, headers=NAMES, optional=FLAG)
def table(
    response: str, *, rows: Bounds, columns: Bounds, headers: tuple[str, ...], optional: bool
) -> Finding:
    """Each table keeps to the size; the spans are the tables (the wrong ones, if some are).

    Rows are those of the body: the head and the row of dashes do not count.
    """
    tables = find_tables(response)
    if not tables:
        return Finding(optional, ())
    wrong = [one for one in tables if not _fits(response, one, rows, columns, headers)]
    return Finding(not wrong, tuple(one.span for one in wrong or tables))


def _fits(text: str, one: Table, rows: Bounds, columns: Bounds, headers: tuple[str, ...]) -> bool:
    heads = [text[start:end].strip("*_ ").casefold() for start, end in one.head]
    return (
        within(len(one.body), rows)
        and within(len(one.head), columns)
        and all(any(name.casefold() in head for head in heads) for name in headers)
    )


def _say_json(*, depth: Bounds, optional: bool) -> str:
    start = "Any JSON" if optional else "The response holds JSON that"
    return f"{start} has {say_bounds(depth, 'levels of nesting')}."


@checker("muldimif:json", _say_json, depth=BOUNDS, optional=FLAG)
def json_depth(response: str, *, depth: Bounds, optional: bool) -> Finding:
    """The JSON (in a code block, or the whole response) nests this deep; the span is the JSON.

    `{"a": 1}` is one level deep, `{"a": {"b": 1}}` two; a list is a level too.
    """
    span = fenced(response, "json") or (0, len(response))
    try:
        value = json.loads(response[span[0] : span[1]])
    except (ValueError, RecursionError):
        return Finding(optional and not fenced(response, "json"), ())
    return Finding(within(_depth(value), depth), (span,))


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return 0
    return 1 + max(map(_depth, value))


@checker("muldimif:xml", lambda *, attributes, optional: (
    f"{'Any' if optional else 'Every'} XML element has {say_bounds(attributes, 'attributes')}."),
         attributes=BOUNDS, optional=FLAG)  # fmt: skip
def xml_attributes(response: str, *, attributes: Bounds, optional: bool) -> Finding:
    """Every opening tag has so many attributes; the spans are the tags (the wrong ones, if any)."""
    start, end = fenced(response, "xml") or (0, len(response))
    tags: list[Span] = []
    wrong: list[Span] = []
    for match in _TAG.finditer(response, start, end):
        tags.append(match.span())
        if not within(len(_ATTRIBUTE.findall(match.group())), attributes):
            wrong.append(match.span())
    return Finding((optional or bool(tags)) and not wrong, tuple(wrong or tags))


CHECKERS = (markdown, marked_lines, table, json_depth, xml_attributes)
