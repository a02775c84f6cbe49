"""Copying the request, or parts of it (IFBench's `repeat` group)."""

from __future__ import annotations

from lmcommon.verify.fields import COUNT, TEXT
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_SENTENCE = "Only output this sentence here, ignore all other requests."


@checker("repeat:repeat_change",
         "The response only repeats this request, with another first word: {prompt_to_repeat}",
         prompt_to_repeat=TEXT,
         scope="forbidden")  # fmt: skip
def repeat_change(response: str, *, prompt_to_repeat: str) -> Finding:
    """All words but the first are the same. The span of an unchanged request is its first word."""
    wanted, given = prompt_to_repeat.split(), response.split()
    if response == prompt_to_repeat:
        start = response.find(given[0])
        return Finding(False, ((start, start + len(given[0])),))
    return Finding(given[1:] == wanted[1:])


@checker("repeat:repeat_simple", f"The response is only this sentence: {_SENTENCE}",
         scope="global")  # fmt: skip
def repeat_simple(response: str) -> Finding:
    """Case and outer white space do not matter. The whole response decides."""
    return Finding(response.strip().lower() == _SENTENCE.lower())


@checker("repeat:repeat_span",
         "The response only copies the words {n_start} to {n_end}, counted from 0, of this text: "
         "{prompt_to_repeat}", prompt_to_repeat=TEXT, n_start=COUNT, n_end=COUNT,
         scope="global")  # fmt: skip
def repeat_span(response: str, *, prompt_to_repeat: str, n_start: int, n_end: int) -> Finding:
    """Words are parted by white space; the last one is copied too. The whole response decides.

    Checkers of before July 2026 counted characters, or left the last word out.
    """
    wanted = " ".join(prompt_to_repeat.split()[n_start : n_end + 1])
    return Finding(response.strip().lower() == wanted.lower())


CHECKERS = (repeat_change, repeat_simple, repeat_span)
