"""Counting sentences of prose without a trained model.

A sentence ends at `.`, `?`, `!` or `…` (closing quotes and brackets included) when white space
follows, unless the full stop belongs to an abbreviation, an initial or a list number. The rules
follow what the Punkt algorithm (Kiss and Strunk 2006, doi:10.1162/coli.2006.32.4.485) decides for
English; line breaks alone end nothing. Agreement with the reference verdicts of IFEval is
measured in the tests.
"""

from __future__ import annotations

import re

__all__ = ["count_sentences"]

_END = re.compile(r"""(?P<mark>[.!?]+)(?P<close>['"”’)\]}*_]*)(?=\s|$)""")
_LAST_WORD = re.compile(r"\S+$")
_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "rev", "gen", "gov", "sen", "rep", "capt",
    "col", "sgt", "lt", "hon", "vs", "etc", "e.g", "i.e", "eg", "ie", "inc", "ltd", "co", "corp",
    "dept", "approx", "fig", "no", "vol", "pp", "u.s", "u.k", "u.n", "a.m", "p.m", "ph.d", "d.c",
    "jan", "feb", "aug", "sept", "sep", "oct", "nov", "dec", "mt", "ft",
})  # fmt: skip


def count_sentences(text: str) -> int:
    """How many sentences `text` has; text without an end mark counts as one, none as 0."""
    count, start = 0, 0
    for match in _END.finditer(text):
        if _ends_sentence(text, match):
            count += bool(text[start : match.end()].strip())
            start = match.end()
    return count + bool(text[start:].strip())


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match.group("mark") != ".":
        return True
    found = _LAST_WORD.search(text, max(0, match.start() - 40), match.start())
    word = found.group().lstrip("\"'“‘([{*_").lower() if found else ""
    following = text[match.end() :].lstrip()[:1]
    if not following:
        return True
    if word in _ABBREVIATIONS:
        return False
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    if is_initial or word.isdecimal():
        return False
    return not following.islower()
