"""Prose about content: keywords, beginnings, ending punctuation, lists."""

from __future__ import annotations

import re

from lmcommon.verify.muldimif.found import Found, Requirement, each_of
from lmcommon.verify.muldimif.prose import Prose
from lmcommon.verify.muldimif.quantities import parse_number

__all__ = ["parse_ending", "parse_identifiers", "parse_keywords"]

_INTRODUCED = re.compile(
    r"key-?words?|\bterms?\b|\bwords?\b|\bphrases?\b|\bnames?\b|關鍵|关键|ключев|"
    r"(?:includ\w+|contains?|mentions?|uses?)\s*$"
)
_INCLUDE = re.compile(r"includ|incorporat|contain|mention|featur|\bus(?:e|es|ing)\b|包含|включ")
_FORBID = re.compile(r"avoid|exclud|without|\bnot (?:use|includ|contain|mention)|不包含")
_FORBID_AFTER = re.compile(r"^\W*(?:must|should) (?:be avoided|be excluded|not be|not appear)")
_UNCLEAR = re.compile(r"\bif\b|phonetic|\bcolumn\b|such as|\bmeaning\s{2,}|spelled|translated as")
_TIMES = re.compile(
    r"at least (?:(?P<word>once|twice|thrice)|(?P<number>\d+|[a-z]+) times)|"
    r"(?P<multiple>multiple times)"
)
_OFTEN = {"once": 1, "twice": 2, "thrice": 3}
_MARKS = {
    "period": ".", "full stop": ".", "question mark": "?", "exclamation mark": "!",
    "exclamation point": "!", "semicolon": ";", "colon": ":", "ellipsis": "...",
    "punctuation mark": "punctuation",
}  # fmt: skip
_MARK = re.compile("|".join(sorted(_MARKS, key=len, reverse=True)))
_ENDS = re.compile(r"\bend(?:s|ed|ing)?\b|\bconclu(?:de|des|ded|ding|sion)\b|\bclos(?:e|es|ing)\b")
_LETTERS = re.compile(r"^[\w#+]")


def parse_keywords(prose: Prose) -> Found | None:
    """Required and forbidden words: the quoted ones, if the sentence says that they are words."""
    if not prose.quoted or _UNCLEAR.search(prose.low):
        return None
    if not _INTRODUCED.search(prose.low[: prose.quoted[0].start].rstrip()):
        return None
    required: list[str] = []
    forbidden: list[str] = []
    is_forbidden, before, ors = False, 0, 0
    for quote in prose.quoted:
        between = prose.low[before : quote.start]
        if _FORBID.search(between):
            is_forbidden = True
        elif _INCLUDE.search(between):
            is_forbidden = False
        ors += bool(before and re.fullmatch(r"\W*or\W*(?:the \w+\W*)?", between))
        (forbidden if is_forbidden else required).append(quote.text.rstrip(".,") or quote.text)
        before = quote.end
    rest = prose.low[before:]
    if _FORBID_AFTER.search(rest) and not forbidden:
        required, forbidden = [], required
    times, used = _times(prose)
    if times == 0:
        return None
    where = prose.low[: prose.quoted[0].start]
    if re.match(r"\W*(?:keywords? )?(?:with)?in (?:\w+ \w+ of )?(?:each|every)\b", rest):
        where += rest
    place = each_of(prose, where)
    if place is None or place[0] in ("sentence", "paragraph", "heading", "row"):
        return None
    part = "response" if place[0] == "response" else "item"
    return Found(
        (Requirement("muldimif:keywords", {
            "keywords": required, "forbidden": forbidden, "times": times,
            "any_of": ors > 0, "part": part, "target": place[1] if part == "item" else "",
        }),),
        used,
    )  # fmt: skip


def _times(prose: Prose) -> tuple[int, tuple[int, ...]]:
    """How often, and where the number stands; 0: the sentence says it in an unknown way."""
    match = _TIMES.search(prose.low)
    if match is None:
        return (0, ()) if re.search(r"\btimes\b|\btwice\b", prose.low) else (1, ())
    if match.group("multiple"):
        return 2, ()
    if match.group("word"):
        return _OFTEN[match.group("word")], ()
    return parse_number(match.group("number")), (match.start("number"),)


def parse_ending(prose: Prose) -> Found | None:
    """Marks at the end of the response or of its parts; marks that must not be used."""
    ends = _ENDS.search(prose.low)
    marks = list(dict.fromkeys(_MARKS[m] for m in _MARK.findall(prose.low)))
    if len(marks) > 1 and "punctuation" in marks:  # "a period as the final punctuation mark"
        marks.remove("punctuation")
    if not marks or "followed by" in prose.low:
        return None
    if not ends:
        if prose.has(r"avoid|(?:not|never) (?:use|contain|include)|\bno \w+ (?:mark|point)s?"):
            return Found((Requirement("muldimif:no_marks", {"marks": marks}),))
        return None
    place = each_of(prose)
    if place is None and re.search(r"\b(?:each|every) (?:\w+ )?section", prose.low):
        place = ("paragraph", "section")
    if place is None:
        return None
    part = "cell" if prose.has(r"\b(?:table|cells?)\b") and place[0] != "sentence" else place[0]
    if part in ("row", "heading"):
        return None
    avoid = prose.has(r"\b(?:not|never) (?:end|conclude|close)|avoid")
    return Found(
        (Requirement("muldimif:punctuation", {"marks": marks, "avoid": avoid, "part": part}),)
    )


def parse_identifiers(prose: Prose) -> Found | None:
    """What the response starts with; lists that it must not have."""
    lists = re.search(r"\bno (bullet points|number(?:ed)? points|lists)\b", prose.low)
    if lists:
        kind = lists.group(1).replace("number points", "numbered points")
        return Found((Requirement("muldimif:no_lists", {"kind": kind}),))
    starts = prose.has(r"\b(?:start|begin)s? (?:with|by)|start identifier")
    if not starts or len(prose.quoted) != 1 or each_of(prose) != ("response", ""):
        return None
    if prose.has(r"\bletter\b") or not _LETTERS.match(prose.quoted[0].text):
        return None
    return Found((Requirement("muldimif:identifiers", {"start": prose.quoted[0].text}),))
