"""FollowBench's rows that a program decides: a known answer, or the form of an answer.

Jiang et al., 2024, arXiv 2310.20410. As in the benchmark's own scorer:

- `followbench:target`: the answer of an extraction, an edit or a small sum is known. The whole
  response must be it, or the last option, date or amount in the response, or it occurs at all.
- `followbench:answer`: the prompt shows solved examples in changing forms and asks for one more.
  The whole response must be in the form asked for; the answer in it may be anything on one line,
  right or wrong.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from lmcommon.verify.fields import TEXTS, Field, choice
from lmcommon.verify.types import Finding, Scope, Span, checker

__all__ = ["CHECKERS", "HOW"]

_LAST = MappingProxyType({
    "option": re.compile(r"\([A-Z]\)"),
    "date": re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}"),
    "amount": re.compile(r"\$[0-9]+"),
})  # fmt: skip
_WORDS = MappingProxyType({
    "whole": "The whole response is", "lines": "Each of the lines of the response is",
    "anywhere": "The response contains, anywhere,", "option": "The last option named, like (A), is",
    "date": "The last date named, like 12/31/1999, is",
    "amount": "The last amount named, like $7, is",
})  # fmt: skip
HOW = tuple(_WORDS)
"""Where `followbench:target` looks for the answer."""


def _part(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


PART = Field("a text, empty where nothing stands there", _part)


def _target_wording(*, answers: tuple[str, ...], how: str) -> str:
    said = [answer.replace("\n", " / ") for answer in answers]
    which = said[0] if len(said) == 1 else f"one of: {' | '.join(said)}"
    return f"{_WORDS[how]} {which}"


def _target_scope(*, answers: tuple[str, ...], how: str) -> Scope:
    return {"whole": "global", "lines": "every"}.get(how, "required")  # type: ignore[return-value]


@checker("followbench:target", _target_wording, scope=_target_scope, answers=TEXTS,
         how=choice(*HOW))  # fmt: skip
def target(response: str, *, answers: tuple[str, ...], how: str) -> Finding:
    """One of `answers` stands where `how` says.

    Spans: None for the whole response; the lines, or the wrong ones; the last option, date or
    amount, right or wrong; the occurrences.
    """
    if how == "whole":
        return Finding(response in answers)
    if how == "lines":
        lines = _lines(response)
        wrong = tuple(span for span in lines if response[slice(*span)] not in answers)
        return Finding(not wrong, wrong or tuple(lines))
    if how == "anywhere":
        found = [one.span() for text in answers for one in re.finditer(re.escape(text), response)]
        return Finding(bool(found), tuple(sorted(found)))
    named = [one.span() for one in _LAST[how].finditer(response)]
    if not named:
        return Finding(False, ())
    return Finding(response[slice(*named[-1])] in answers, (named[-1],))


def _lines(text: str) -> list[Span]:
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _form_wording(*, before: str, after: str) -> str:
    form = f"{before}[the answer]{after}"
    return f"The whole response has this form, with an answer of one line: {form}"


@checker("followbench:answer", _form_wording, before=PART, after=PART)
def answer(response: str, *, before: str, after: str) -> Finding:
    """What stands before and after the answer is there; the spans are those parts of the form."""
    end = len(response) - len(after)
    fits = response.startswith(before) and response.endswith(after) and len(before) <= end
    if not fits or "\n" in response[len(before) : end]:
        return Finding(False, ())
    spans = ((0, len(before)), (end, len(response)))
    return Finding(True, tuple(span for span in spans if span[0] < span[1]))


CHECKERS = (answer, target)
