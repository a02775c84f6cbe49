"""How a response begins and ends (IFEval's `startend` group)."""

from __future__ import annotations

from lmcommon.verify.fields import TEXT
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]


@checker("startend:end_checker", 'The response ends with the exact phrase "{end_phrase}"',
         end_phrase=TEXT)  # fmt: skip
def end_checker(response: str, *, end_phrase: str) -> Finding:
    """Case, outer white space and outer double quotes do not matter; the span is the phrase."""
    end = len(response.rstrip())
    while end and response[end - 1] == '"':
        end -= 1
    size = len(end_phrase.strip())
    found = response[max(end - size, 0) : end]
    if found.lower() != end_phrase.strip().lower():
        return Finding(False, ())
    return Finding(True, ((end - size, end),))


@checker("startend:quotation", "The whole response is wrapped in double quotation marks.")
def quotation(response: str) -> Finding:
    """The spans are those of the two quotation marks that are there."""
    first = len(response) - len(response.lstrip())
    last = len(response.rstrip()) - 1
    marks = tuple((at, at + 1) for at in sorted({first, last}) if response[at] == '"')
    return Finding(len(marks) == 2, marks)


CHECKERS = (end_checker, quotation)
