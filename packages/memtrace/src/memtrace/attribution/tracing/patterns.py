"""Patterns a model may search with: regular expressions that cannot run away.

Python's engine backtracks and has no time limit, and the pattern comes from a model that has read
untrusted text. So a pattern is short, repeats no group, has few groups and few open-ended repeats,
looks around and back at nothing, is tried on short overlapping pieces of text, and has a time limit
of its own between the pieces.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

__all__ = ["Pattern"]

_LONGEST = 160
_PIECE, _OVERLAP = 400, 160
_PATIENCE_S = 3.0
_EXACT = re.compile(r"\{\d{1,2}\}")
_REFUSED = {
    "a repeated group": re.compile(r"\)[*+?{]"),
    "a back reference or a look-around": re.compile(r"\\[1-9]|\(\?(?!:)"),
    "more than three groups": re.compile(r"(?:\(.*){4}"),
    "more than two of * + {": re.compile(r"(?:[*+{].*){3}"),
    "more than four of ?": re.compile(r"(?:\?.*){5}"),
}


class Pattern:
    """A case-blind pattern. Plain words are a pattern; `|` separates alternatives.

    Args:
        text: As the model wrote it.

    Raises:
        ValueError: For one that is refused, in words for the model.

    Example:
        >>> [found.group() for found in Pattern("lisb.n|porto").find("To Lisbon, not Porto")]
        ['Lisbon', 'Porto']
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._left_s = _PATIENCE_S
        if not text.strip() or len(text) > _LONGEST:
            raise ValueError(f"pattern: expected 1 to {_LONGEST} characters; got {len(text)}")
        bare = re.sub(r"\\[^1-9]", "", re.sub(r"\[[^\]]*\]", "", text))
        bare = _EXACT.sub("", " ".join(bare.split()))
        for what, sort in _REFUSED.items():
            if sort.search(bare):
                raise ValueError(f"pattern: expected one without {what}; use plain words")
        try:
            self._compiled = re.compile(text, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"pattern: expected a regular expression; it says {error}") from None
        if self._compiled.search("") is not None:
            raise ValueError("pattern: expected one that does not match nothing")

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Matches in order, none twice. Their positions count from the start of the text.

        Raises:
            ValueError: The pattern has used up its time, in words for the model.
        """
        at = 0
        while at < len(text):
            if self._left_s <= 0:
                raise ValueError("pattern: it takes too long; use plain words")
            started = time.monotonic()
            found = self._compiled.search(text, at, min(len(text), at + _PIECE))
            self._left_s -= time.monotonic() - started
            if found is not None:
                yield found
                at = max(found.end(), found.start() + 1)
            else:
                at += _PIECE - _OVERLAP if at + _PIECE < len(text) else _PIECE

    def is_in(self, text: str) -> bool:
        """Whether it matches anywhere."""
        return next(self.find(text), None) is not None
