"""Whole responses put together: two in one, the request first (IFEval's `combination`)."""

from __future__ import annotations

import re

from lmcommon.verify.fields import TEXT
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_DIVIDER = re.compile(r"\*{6}")


@checker("combination:two_responses", "There are two different responses, divided by ******.")
def two_responses(response: str) -> Finding:
    """The spans are the dividers."""
    spans = tuple(match.span() for match in _DIVIDER.finditer(response))
    parts = [part.strip() for part in _DIVIDER.split(response)]
    inner_is_empty = any(not part for part in parts[1:-1])
    filled = [part for part in parts if part]
    return Finding(not inner_is_empty and len(filled) == 2 and filled[0] != filled[1], spans)


@checker("combination:repeat_prompt",
         "The response first repeats the request, word for word: {prompt_to_repeat}",
         prompt_to_repeat=TEXT)  # fmt: skip
def repeat_prompt(response: str, *, prompt_to_repeat: str) -> Finding:
    """Case and outer white space do not matter. The span is the repetition as far as it goes."""
    start = len(response) - len(response.lstrip())
    wanted, given = prompt_to_repeat.strip(), response[start:]
    same = 0
    for left, right in zip(wanted, given, strict=False):
        if left.lower() != right.lower():
            break
        same += 1
    span = (start, start + same)
    return Finding(same == len(wanted), (span,) if same else ())


CHECKERS = (two_responses, repeat_prompt)
