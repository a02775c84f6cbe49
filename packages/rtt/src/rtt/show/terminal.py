"""A response in the terminal: green tokens are pushed up, red ones down, the rest left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtt.show.view import CreditView

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["credit_text"]

_MARKS = {True: "+", False: "-", None: "?"}


def credit_text(view: CreditView) -> Text:
    """Prompt, tokens on a background as strong as their advantage, and the verdicts.

    The sign of each advantage is printed below its token too: colour is never the only carrier.
    """
    from rich.text import Text

    text = Text()
    text.append(f"{view.label}  ", style="bold")
    text.append(f"{view.prompt}\n")
    top = max((abs(value) for value in view.advantage), default=0.0) or 1.0
    words = [token.strip() or token for token in view.tokens]
    numbers = [f"{value:+.2f}" for value in view.advantage]
    widths = [max(len(word), len(number)) for word, number in zip(words, numbers, strict=True)]
    for word, value, width in zip(words, view.advantage, widths, strict=True):
        text.append(word.ljust(width), style=_style(value / top))
        text.append(" ")
    text.append("\n")
    for number, width in zip(numbers, widths, strict=True):
        text.append(f"{number:<{width}} ", style="dim")
    for criterion in view.criteria:
        text.append(f"\n  [{_MARKS[criterion.satisfied]}] {criterion.text}")
    return text


def _style(share: float) -> str:
    """Background between white and full green (up) or red (down)."""
    fade = round(235 * (1 - abs(share)))
    red, green = (fade, 200) if share > 0 else (235, fade)
    if abs(share) < 0.01:
        return ""
    return f"black on rgb({red},{green},{fade})"
