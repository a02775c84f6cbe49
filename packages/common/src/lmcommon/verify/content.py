"""Parts a response must hold: placeholders, a postscript (IFEval's `detectable_content`)."""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, TEXT
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_PLACEHOLDER = re.compile(r"\[.*?\]")
_POSTSCRIPTS = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}


@checker("detectable_content:number_placeholders",
         "There are at least {num_placeholders} placeholders in square brackets, such as [name].",
         num_placeholders=COUNT)  # fmt: skip
def number_placeholders(response: str, *, num_placeholders: int) -> Finding:
    """The spans are all placeholders."""
    spans = tuple(match.span() for match in _PLACEHOLDER.finditer(response))
    return Finding(len(spans) >= num_placeholders, spans)


@checker("detectable_content:postscript", "There is a postscript that starts with "
         "{postscript_marker}", postscript_marker=TEXT)  # fmt: skip
def postscript(response: str, *, postscript_marker: str) -> Finding:
    """The spans are the postscripts, from the marker to the end of the line."""
    marker = postscript_marker.strip()
    pattern = _POSTSCRIPTS.get(marker, re.escape(marker)) + r".*$"
    matches = re.finditer(pattern, response, re.IGNORECASE | re.MULTILINE)
    spans = tuple(match.span() for match in matches)
    return Finding(bool(spans), spans)


CHECKERS = (number_placeholders, postscript)
