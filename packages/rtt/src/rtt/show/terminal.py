"""A response in the terminal: blue tokens are pushed up, orange ones down, the rest left alone.

The sign of each advantage stands below its token too: colour is never the only carrier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtt.show.glyphs import harmless, visible
from rtt.show.view import CreditView

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["credit_text"]

_MARKS = {True: "+", False: "-", None: "?"}
_SHORT = 60
"""Up to so many tokens, numbers are printed below them; above, a sign and a digit."""
_UP, _DOWN = (90, 180, 235), (245, 150, 70)


def credit_text(view: CreditView, *, width: int = 100, numbers: bool | None = None) -> Text:
    """Prompt, tokens on a background as strong as their advantage, and the verdicts.

    Args:
        view: A response.
        width: Columns of the terminal.
        numbers: Whether each advantage is printed as a number; else as its sign and a digit from 1
            to 9, its size beside the largest of the response. None: numbers if it is short.
    """
    from rich.text import Text

    text = Text()
    text.append(f"{harmless(view.label)}  ", style="bold")
    text.append(f"{harmless(view.prompt)}\n")
    is_numbered = len(view.tokens) <= _SHORT if numbers is None else numbers
    for line in _lines(view, width, is_numbered):
        for word, _, room, style in line:
            text.append(word, style=style)
            text.append(" " * (room - _cells(word)))
        text.append("\n")
        text.append("".join(mark.ljust(room) for _, mark, room, _ in line).rstrip(), style="dim")
        text.append("\n")
    for criterion in view.criteria:
        text.append(f"\n  [{_MARKS[criterion.satisfied]}] {harmless(criterion.text)}")
        if criterion.satisfied is None:
            text.append(f" (unscored: {harmless(criterion.reason)})", style="dim")
    return text


_Cell = tuple[str, str, int, str]
"""Token, mark below it, columns they take, style."""


def _lines(view: CreditView, width: int, is_numbered: bool) -> list[list[_Cell]]:
    """Tokens in lines of at most `width` columns; a line break in the text ends a line too."""
    top = max((abs(value) for value in view.advantage), default=0.0) or 1.0
    lines: list[list[_Cell]] = [[]]
    used = 0
    for place, (token, value) in enumerate(zip(view.tokens, view.advantage, strict=True)):
        gap = harmless(view.gaps[place]) if view.gaps else ""
        shown = visible(token, is_covered=view.is_covering(place))
        word = (gap.replace("\n", " ") + shown).replace("\n", "").replace("\t", " ")
        mark = f"{value:+.2f}" if is_numbered else _mark(value / top)
        room = max(_cells(word), len(mark) + 1)
        if lines[-1] and (used + room > width or "\n" in gap):
            lines.append([])
            used = 0
        lines[-1].append((word, mark, room, _style(value / top)))
        used += room
        if "\n" in shown:
            lines.append([])
            used = 0
    return lines if lines[-1] else lines[:-1]


def _mark(share: float) -> str:
    size = round(9 * abs(share))
    return f"{'+' if share > 0 else '-'}{size}" if size else ""


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _style(share: float) -> str:
    """Black on a background between white and full blue (up) or orange (down)."""
    if abs(share) < 0.01:
        return ""
    full = _UP if share > 0 else _DOWN
    tint = ",".join(str(round(240 + (one - 240) * abs(share))) for one in full)
    return f"black on rgb({tint})"
