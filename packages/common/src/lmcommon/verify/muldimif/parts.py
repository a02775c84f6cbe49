"""Where the parts of a response are: lines, list items, tables, headings, fenced code.

Every part is a span `[start, end)` of the response, so that a check can point at the characters
that decide. Tables are pipe tables as in Markdown; a row of dashes parts head and body. The
patterns are linear in the text: a response may be anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from lmcommon.verify.types import Span

__all__ = ["Heading", "Table", "fenced", "find_headings", "find_tables", "items", "lines",
           "list_items", "paragraphs", "trimmed"]  # fmt: skip

_LINE = re.compile(r"[^\n]+")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d+[.)])[ \t]+")
_RULE = re.compile(r":?-+:?")
_HEADING = re.compile(r"(#+)[ \t]+(.*)$")
_DIVIDER = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|={3,})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A Markdown heading: its level, its text, the span of its line."""

    level: int
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """A pipe table: one tuple of cell spans a row, head first if there is one."""

    head: tuple[Span, ...]
    body: tuple[tuple[Span, ...], ...]
    span: Span


def trimmed(text: str, start: int, end: int) -> Span:
    """The span without the white space around it."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def lines(text: str) -> list[Span]:
    """The lines that are not blank, without the white space around them."""
    spans = (trimmed(text, *match.span()) for match in _LINE.finditer(text))
    return [span for span in spans if span[0] < span[1]]


def paragraphs(text: str) -> list[Span]:
    """What stands between empty lines."""
    edges = [(0, 0), *(match.span() for match in re.finditer("\n\n", text)), (len(text),) * 2]
    parts = (trimmed(text, left[1], right[0]) for left, right in pairwise(edges))
    return [part for part in parts if part[0] < part[1]]


def find_headings(text: str) -> list[Heading]:
    """The headings, in order: one or more # and a space at the beginning of a line."""
    found = []
    for start, end in lines(text):
        match = _HEADING.match(text[start:end])
        if match:
            found.append(Heading(len(match.group(1)), match.group(2), (start, end)))
    return found


def find_tables(text: str) -> list[Table]:
    """The tables: runs of lines that start with a pipe, or that a row of dashes makes one."""
    tables: list[Table] = []
    block: list[Span] = []
    for start, end in [*_raw_lines(text), (len(text), len(text))]:
        if "|" in text[start:end]:
            block.append((start, end))
            continue
        tables += _table(text, block)
        block = []
    return tables


def _raw_lines(text: str) -> list[Span]:
    return [match.span() for match in re.finditer(r"[^\n]*(?:\n|$)", text)]


def _table(text: str, block: list[Span]) -> list[Table]:
    rows = [trimmed(text, *span) for span in block]
    rules = {row for row in rows if _is_rule(text[row[0] : row[1]])}
    if not rows or not (rules or all(text[start] == "|" for start, _ in rows)):
        return []
    cells = [_cells(text, row) for row in rows if row not in rules]
    if not cells:
        return []
    return [Table(cells[0], tuple(cells[1:]), (rows[0][0], rows[-1][1]))]


def _is_rule(line: str) -> bool:
    """Whether a line is the row of dashes between head and body."""
    return all(_RULE.fullmatch(cell.strip()) for cell in line.strip("|").split("|"))


def _cells(text: str, row: Span) -> tuple[Span, ...]:
    start, end = row
    bars = [start + at for at, char in enumerate(text[start:end]) if char == "|"]
    edges = [*([] if text[start] == "|" else [start - 1]), *bars]
    if text[end - 1] != "|":
        edges.append(end)
    return tuple(trimmed(text, left + 1, right) for left, right in pairwise(edges))


def list_items(text: str) -> list[Span]:
    """The items of bulleted and numbered lists, without their marks."""
    listed = []
    for start, end in lines(text):
        match = _ITEM.match(text[start:end])
        if match and start + match.end() < end:
            listed.append((start + match.end(), end))
    return listed


def items(text: str, target: str = "") -> list[Span]:
    """What "each ..." means in a response, by its form.

    In a table the body cells of the column whose head shares a word with `target`, or all body
    cells; else the items of a list; else the sections between dividers; else nothing.
    """
    tables = find_tables(text)
    if tables:
        return [cell for table in tables for cell in _column(text, table, target)]
    listed = list_items(text)
    if len(listed) > 1:
        return listed
    edges = [(0, 0), *(match.span() for match in _DIVIDER.finditer(text)), (len(text), len(text))]
    parts = [trimmed(text, left[1], right[0]) for left, right in pairwise(edges)]
    return [part for part in parts if part[0] < part[1]] if len(edges) > 2 else []


def _column(text: str, table: Table, target: str) -> list[Span]:
    wanted = set(re.findall(r"\w+", target.lower()))
    best, most = -1, 0
    for place, (start, end) in enumerate(table.head):
        shared = sum(word in wanted for word in re.findall(r"\w+", text[start:end].lower()))
        if shared > most:
            best, most = place, shared
    cells = [cell for row in table.body for place, cell in enumerate(row) if best in (-1, place)]
    return [cell for cell in cells if cell[0] < cell[1]]


def fenced(text: str, language: str) -> Span | None:
    """The inside of the first code block of a language (or of the first one without any)."""
    for name in (rf"[ \t]*{language}[ \t]*", r"[ \t]*"):
        match = re.search(rf"```{name}\n(.*?)```", text, re.DOTALL | re.IGNORECASE)
        if match:
            return match.span(1)
    return None
