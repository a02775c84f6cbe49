"""Text as it can be seen: whitespace by glyphs, nothing that steers a page or a terminal.

In: the text of a response and which characters its tokens cover. Out: what to print for each
token. Letters of any script, joined emoji and line breaks stay what they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rtt.types import Span

__all__ = ["CONTINUED", "ENDED", "cut_tokens", "harmless", "visible"]

ENDED = "\N{BLACK SQUARE}"
"""Stands for a token without text, such as end-of-sequence."""
CONTINUED = "\N{MIDLINE HORIZONTAL ELLIPSIS}"
"""Stands for a token whose character an earlier token showed (bytes of one emoji)."""

_JOINERS = "\u200c\u200d"
_GLYPHS = {
    "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}\n",
    "\r": "\N{SYMBOL FOR CARRIAGE RETURN}",
    "\t": "\N{RIGHTWARDS ARROW}\t",
    "\u00a0": "\N{SHOULDERED OPEN BOX}",
}


def cut_tokens(text: str, offsets: Sequence[Span]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cut a text into the tokens that cover it and what lies between them.

    Every character comes out exactly once: of tokens that share one, the first has it.

    Returns:
        Token texts [T] (empty for a token that adds nothing), and gaps [T + 1]: what no token
        covers, before each token and after the last.

    Example:
        `cut_tokens("a bc", [(0, 1), (2, 3), (2, 4), (4, 4)])` is
        `(("a", "b", "c", ""), ("", " ", "", "", ""))`.
    """
    tokens, gaps, reached = [], [], 0
    for start, end in offsets:
        first = max(start, reached)
        gaps.append(text[reached:first] if end > first else "")
        tokens.append(text[first:end])
        reached = max(reached, end) if end > first else reached
    gaps.append(text[reached:])
    return tuple(tokens), tuple(gaps)


def visible(token: str, *, is_covered: bool = False) -> str:
    """A token as it is drawn: spaces alone as dots, a line break as a glyph and a break.

    Args:
        token: Its own text.
        is_covered: Whether it covers characters that an earlier token showed.
    """
    if not token:
        return CONTINUED if is_covered else ENDED
    if not token.strip(" "):
        return "\N{MIDDLE DOT}" * len(token)
    return "".join(_GLYPHS.get(char) or _safe(char) for char in token)


def harmless(text: str) -> str:
    """A text of any origin with its line breaks and tabs, and without other control characters."""
    return "".join(char if char in "\n\t" else _safe(char) for char in text.replace("\r\n", "\n"))


def _safe(char: str) -> str:
    kind = unicodedata.category(char)
    if kind == "Cc":
        code = ord(char)
        return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
    if kind == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    if (kind == "Cf" and char not in _JOINERS and not _is_tag(char)) or kind in ("Zl", "Zp"):
        return f"[U+{ord(char):04X}]"
    return char


def _is_tag(char: str) -> bool:
    """Whether it is a part of a flag emoji."""
    return "\U000e0020" <= char <= "\U000e007f"
