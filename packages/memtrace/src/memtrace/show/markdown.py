"""Texts of others in Markdown: tables in which no cell breaks out, lines that stay one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["as_line", "as_markdown"]


def as_markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """A table with the keys of the first row as columns."""
    if not rows:
        return "(nothing)\n"
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def as_line(text: str) -> str:
    """A text as part of a line: no line breaks, no HTML."""
    return " ".join(text.splitlines()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return as_line(text).replace("|", "\\|")
