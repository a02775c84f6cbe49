"""Two wordings of a prompt side by side, line by line.

In: the text before and after. Out: a unified diff as text, or its lines with what each of them is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Literal, NamedTuple

__all__ = ["DiffLine", "diff_lines", "diff_text"]


class DiffLine(NamedTuple):
    """One line of a diff. Example: `DiffLine("added", "Keep every date.")`."""

    sort: Literal["added", "removed", "same", "gap"]
    text: str

    @property
    def sign(self) -> str:
        """`+`, `-`, or a space."""
        return {"added": "+", "removed": "-", "same": " ", "gap": "@"}[self.sort]


def diff_text(before: str, after: str, name: str) -> str:
    """A unified diff, as `patch` reads it."""
    lines = difflib.unified_diff(
        before.split("\n"), after.split("\n"), f"a/{name}.md", f"b/{name}.md", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)


def diff_lines(before: str, after: str, *, context: int = 3) -> Iterator[DiffLine]:
    """The lines of a diff; far from any change they are left out, with a gap in their place.

    Args:
        before: The text before.
        after: The text after.
        context: Unchanged lines shown around a change.
    """
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(context)):
        if number:
            yield DiffLine("gap", "...")
        for tag, first, last, start, end in group:
            if tag == "equal":
                yield from (DiffLine("same", line) for line in old[first:last])
                continue
            yield from (DiffLine("removed", line) for line in old[first:last])
            yield from (DiffLine("added", line) for line in new[start:end])
