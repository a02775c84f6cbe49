"""Punctuation (IFEval's `punctuation` group)."""

from __future__ import annotations

from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]


@checker("punctuation:no_comma", "The response contains no commas.", scope="forbidden")
def no_comma(response: str) -> Finding:
    """No comma occurs; the spans are the commas."""
    spans = tuple((i, i + 1) for i, char in enumerate(response) if char == ",")
    return Finding(not spans, spans)


CHECKERS = (no_comma,)
