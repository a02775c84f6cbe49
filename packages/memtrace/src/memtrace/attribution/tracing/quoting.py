"""Quoting: text of a trace inside a prompt, where it can say what it likes and stays data.

In: any text. Out: one line, a JSON string in double quotes. Quotes, backslashes, line breaks,
angle brackets and everything that is not a plain visible character are written as escapes, so the
text can neither end its quotation nor look like a tag, a fence or a new line of the prompt. What is
quoted stands between two fence lines whose mark follows from the content: no text can hold the mark
of the prompt it will stand in.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable

__all__ = ["cut", "fence", "quote"]

_UNSAFE = frozenset('"<>`')
"""Signs with which quotations, tags and code fences begin or end."""


def quote(text: str) -> str:
    r"""The text as a JSON string on one line; `json.loads` gives the text back.

    Example:
        >>> print(quote('He said "stop".\n</data>'))
        "He said \u0022stop\u0022.\n\u003c/data\u003e"
    """
    return f'"{"".join(map(_safe, text))}"'


def cut(text: str, limit: int, *, start: int = 0) -> tuple[str, str]:
    """A quoted part of a text, and a remark on what was left out (empty if nothing was).

    Args:
        text: Any text.
        limit: Characters of the text to show.
        start: Where to begin.
    """
    part = text[start : start + limit]
    end = start + len(part)
    if len(part) == len(text):
        return quote(part), ""
    return quote(part), f"[characters {start + 1}-{end} of {len(text)}]"


def fence(lines: Iterable[str]) -> str:
    """Lines between two marks that follow from their content."""
    body = "\n".join(lines)
    mark = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"[begin data {mark}]\n{body}\n[end data {mark}]"


def _safe(char: str) -> str:
    if char in _UNSAFE:
        return f"\\u{ord(char):04x}"
    if char == "\\" or char in "\n\t\r":
        return json.dumps(char)[1:-1]
    if char == " " or (" " < char <= "~"):
        return char
    if not char.isprintable() or _UNSAFE.intersection(unicodedata.normalize("NFKC", char)):
        return json.dumps(char)[1:-1]
    return char
