"""Values as text, and whether one text stands in another.

In: any recorded value. Out: its words in a plain form (NFKC, case folded, punctuation and white
space as single blanks), in which containment is one substring search on word borders. Literal on
purpose: numbers, dates and plurals are not interpreted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

__all__ = ["Phrase", "plain", "snippet", "strings", "text_of"]

_GAPS = re.compile(r"[\W_]+")
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff])"
)
"""Letters of scripts that write no blanks between words: each counts as a word."""
_PLAIN_ASCII = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128))
_PLAIN_ASCII += bytes(128)
"""The same for plain ASCII, ten times as fast."""
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF])


def strings(value: Any, *, keys: bool = False) -> Iterator[str]:
    """The texts inside a value, in order; numbers as they are written.

    Args:
        value: Any recorded value.
        keys: Whether the keys of mappings are among them, each before what it names.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if keys:
                yield from strings(name, keys=True)
            yield from strings(part, keys=keys)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from strings(part, keys=keys)
    elif value is not None and not isinstance(value, (bytes, bool)):
        yield str(value)


def text_of(value: Any, *, keys: bool = False) -> str:
    """A value as text; texts inside a structure one a line."""
    return value if isinstance(value, str) else "\n".join(strings(value, keys=keys))


def plain(text: str) -> str:
    """The words of a text, each with a blank on both sides; empty for a text without words.

    Example:
        >>> plain("I moved to  Lisbon!")
        ' i moved to lisbon '
    """
    if text.isascii():
        words = b" ".join(text.encode().translate(_PLAIN_ASCII).split()).decode()
    else:
        folded = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
        folded = _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", folded))
        words = _GAPS.sub(" ", folded).strip()
    return f" {words} " if words else ""


class Phrase:
    """A text to look for in many others. A text without words (`":-)"`) is looked for as it is."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.plain = plain(text)
        self._longest = max(self.plain.split(), key=len, default="")

    def is_in(self, text: str) -> bool:
        """Whether the phrase stands in a text, on word borders."""
        if not self.plain:
            return bool(self.text) and self.text in text
        if text.isascii() and self._longest not in text.lower():
            return False
        return self.plain in plain(text)


def snippet(value: Any, width: int = 80) -> str:
    """A value on one line of at most `width` characters, safe to print."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = value if isinstance(value, str) else repr(value)
    is_cut = len(text) > 4 * width
    line = "".join(
        char if char.isprintable() else " " if char.isspace() else "\ufffd"
        for char in " ".join(text[: 4 * width].split())
    )
    return line if len(line) <= width and not is_cut else f"{line[: max(width - 3, 0)]}..."
