"""The notebook: what a model keeps between turns, since it sees only its last result again.

One line an action, with the model's own note. Old lines make room for new ones; notes are quoted as
all text is, because a model may have copied what it read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memtrace.attribution.tracing.quoting import quote
from memtrace.attribution.tracing.types import Finding

__all__ = ["Notebook"]

_LINES, _NOTE = 12, 240


class Notebook:
    """Lines about what was done."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, reply: Mapping[str, Any], problem: str = "") -> None:
        """Enter an action, its note, and why it was refused if it was."""
        asked = " ".join(str(reply[key]) for key in ("action", "target", "other") if key in reply)
        asked += "".join(f" {target}" for target in reply.get("targets", ())[:6])
        if reply.get("pattern"):
            asked += f" {quote(str(reply['pattern'])[:60])}"
        if reply.get("note"):
            asked += f"; note {quote(str(reply['note'])[:_NOTE])}"
        self._lines.append(f"{asked}; REFUSED: {problem}" if problem else asked)

    def lines(self, best: Finding | None, handle: str) -> list[str]:
        """The notebook as it is shown.

        Args:
            best: The best guess so far.
            handle: Of the operation it blames.
        """
        shown = [f"- {line}" for line in self._lines[-_LINES:]] or ["- nothing yet"]
        hidden = len(self._lines) - _LINES
        head = "notebook:" if hidden <= 0 else f"notebook (without the first {hidden} lines):"
        guess = [] if best is None else [f"best guess so far: {handle} {best.error_type}"]
        return [head, *shown, *guess]
