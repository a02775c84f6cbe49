"""Language: the case of English words, the script of Chinese characters.

The scripts are told apart with the two standard character sets that Python knows: a character that
GB 2312 has and Big5 lacks is simplified, the other way round traditional. Most characters are in
both (and so are neither); simplified ones that Big5 has as
rare characters, such as 体 and 后, are missed.
"""

from __future__ import annotations

import re

from lmcommon.verify.fields import choice
from lmcommon.verify.muldimif.forms import FLAG
from lmcommon.verify.muldimif.parts import find_headings, find_tables
from lmcommon.verify.types import Finding, Scope, Span, checker

__all__ = ["CHECKERS"]

_WORD = re.compile(r"\S+")
_KEY = re.compile(r"\"([^\"]+)\"\s*:")
_PART = choice("response", "head", "cell", "heading", "keys")
_CASES = {
    "title": "every word starts with a capital letter",
    "upper": "every letter is a capital",
    "lower": "no letter is a capital",
}


def _case_scope(*, case: str, part: str) -> Scope:
    """As in IFEval, the case of all letters of the response is a matter of the whole."""
    return "global" if part == "response" and case != "title" else "forbidden"


@checker("muldimif:english",
         lambda *, case, part: f"In the {part}, {_CASES[case]}.",
         case=choice(*_CASES), part=_PART, scope=_case_scope)  # fmt: skip
def english(response: str, *, case: str, part: str) -> Finding:
    """The case of the response, or of the heads, the cells, the headings, the JSON keys.

    Where there is no such part the whole response counts. "title" asks that no word, as parted by
    white space, starts with one of a to z. The spans are the words (or letters) that break it;
    None when it holds.
    """
    wrong: list[Span] = []
    for start, end in _case_parts(response, part) or [(0, len(response))]:
        piece = response[start:end]
        if case == "title":
            wrong += [
                (start + word.start(), start + word.end())
                for word in _WORD.finditer(piece)
                if "a" <= word.group()[0] <= "z"
            ]
        else:
            turned = str.upper if case == "upper" else str.lower
            wrong += [
                (start + at, start + at + 1)
                for at, char in enumerate(piece)
                if turned(char) != char
            ]
    return Finding(not wrong, tuple(wrong) if wrong else None)


def _case_parts(response: str, part: str) -> list[Span]:
    if part == "heading":
        return [one.span for one in find_headings(response)]
    if part == "keys":
        return [match.span(1) for match in _KEY.finditer(response)]
    tables = find_tables(response) if part in ("head", "cell") else []
    if part == "head":
        return [cell for one in tables for cell in one.head]
    return [cell for one in tables for row in (one.head, *one.body) for cell in row]


def _script_scope(*, script: str, only: bool) -> Scope:
    return "forbidden" if only else "required"


@checker("muldimif:chinese",
         lambda *, script, only: (
             f"The response {'is wholly' if only else 'has characters'} in {script} Chinese."),
         script=choice("simplified", "traditional"), only=FLAG,
         scope=_script_scope)  # fmt: skip
def chinese(response: str, *, script: str, only: bool) -> Finding:
    """A character of the script occurs; with `only` also none of the other and no Latin letter.

    The spans are the characters of the script, or with `only` those that break it.
    """
    mine, other = ("gb2312", "big5") if script == "simplified" else ("big5", "gb2312")
    spans = [(at, at + 1) for at, char in enumerate(response) if _is_only_in(char, mine, other)]
    if not only:
        return Finding(bool(spans), tuple(spans))
    wrong = [
        (at, at + 1)
        for at, char in enumerate(response)
        if _is_only_in(char, other, mine) or (char.isascii() and char.isalpha())
    ]
    return Finding(not wrong and bool(re.search("[\u4e00-\u9fff]", response)), tuple(wrong) or None)


def _is_only_in(char: str, mine: str, other: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" and _has(char, mine) and not _has(char, other)


def _has(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


CHECKERS = (english, chinese)
