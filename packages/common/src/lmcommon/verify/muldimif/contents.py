"""Content: keywords, how a response begins, ending punctuation, lists that must not be."""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, TEXT, choice
from lmcommon.verify.muldimif.forms import FLAG, NAMES, PHRASE
from lmcommon.verify.muldimif.parts import find_tables, items, lines, list_items
from lmcommon.verify.sentences import split_sentences
from lmcommon.verify.types import Finding, Scope, Span, checker

__all__ = ["CHECKERS"]

_CHINESE = re.compile("[\u4e00-\u9fff]")
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _occurrences(text: str, keyword: str) -> list[Span]:
    """As a whole word, in any case; a Chinese keyword anywhere."""
    pattern = re.escape(keyword)
    if not _CHINESE.search(keyword):
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]


def _say_keywords(
    *, keywords: tuple[str, ...], forbidden: tuple[str, ...], times: int, any_of: bool,
    part: str, target: str,
) -> str:  # fmt: skip
    where = "The response" if part == "response" else f"Each {target or 'item'}"
    said = []
    if keywords:
        quoted = (" or " if any_of else ", ").join(f'"{word}"' for word in keywords)
        often = f" at least {times} times" if times > 1 else ""
        said.append(f"contains {quoted}{often}")
    if forbidden:
        said.append("does not contain " + ", ".join(f'"{word}"' for word in forbidden))
    return f"{where} {' and '.join(said)}."


def _keywords_scope(*, keywords: tuple[str, ...], **_: object) -> Scope:
    return "required" if keywords else "forbidden"


@checker("muldimif:keywords", _say_keywords, keywords=NAMES, forbidden=NAMES, times=COUNT,
         any_of=FLAG, part=choice("response", "item"), target=PHRASE,
         scope=_keywords_scope)  # fmt: skip
def keywords(
    response: str, *, keywords: tuple[str, ...], forbidden: tuple[str, ...], times: int,
    any_of: bool, part: str, target: str,
) -> Finding:  # fmt: skip
    """Required words occur, each so often, and forbidden ones do not, in the response or each item.

    The spans are the occurrences that are required, or, when a forbidden word is what breaks it,
    its occurrences; for items without a required word those items.
    """
    units = items(response, target) if part == "item" else []
    units = units or [(0, len(response))]
    banned = sorted({span for word in forbidden for span in _occurrences(response, word)})
    if banned:
        return Finding(False, tuple(banned))
    found: set[Span] = set()
    lacking = []
    for start, end in units:
        hits = [_occurrences(response[start:end], word) for word in keywords]
        enough = [len(spans) >= times for spans in hits]
        if keywords and not (any(enough) if any_of else all(enough)):
            lacking.append((start, end))
        found |= {(start + low, start + high) for spans in hits for low, high in spans}
    if lacking and len(units) > 1:
        return Finding(False, tuple(lacking))
    return Finding(not lacking, tuple(sorted(found)))


@checker("muldimif:identifiers", 'The response starts with "{start}".', start=TEXT)
def identifiers(response: str, *, start: str) -> Finding:
    """Case, and white space or # before it, do not matter; the span is where it would stand."""
    begin = len(response) - len(response.lstrip(" #\n\t"))
    end = min(begin + len(start), len(response))
    return Finding(response[begin:end].lower() == start.lower(), ((begin, end),))


@checker("muldimif:no_lists", "There are no {kind}.",
         kind=choice("bullet points", "numbered points", "lists"),
         scope="forbidden")  # fmt: skip
def no_lists(response: str, *, kind: str) -> Finding:
    """No line is an item of such a list; the spans are those that are."""
    wrong = []
    for start, end in lines(response):
        numbered = re.match(r"\d+[.)]", response[start:end])
        bullet = re.match(r"[-*•](?!\*)", response[start:end])
        if (numbered and kind != "bullet points") or (bullet and kind != "numbered points"):
            wrong.append((start, end))
    return Finding(not wrong, tuple(wrong))


def _say_ending(*, marks: tuple[str, ...], avoid: bool, part: str) -> str:
    what = "The response" if part == "response" else f"Each {part}"
    signs = " or ".join(marks)
    return f"{what} does not end with {signs}." if avoid else f"{what} ends with {signs}."


@checker("muldimif:punctuation", _say_ending, marks=NAMES, avoid=FLAG,
         part=choice("response", "sentence", "paragraph", "item", "cell", "bullet"),
         scope="every")  # fmt: skip
def punctuation(response: str, *, marks: tuple[str, ...], avoid: bool, part: str) -> Finding:
    """The response, or each of its parts, ends with (or without) one of the marks.

    `punctuation` among the marks is any mark. The spans are the last characters, of the wrong
    parts only when there are some.
    """
    allowed = tuple(_PUNCTUATION) if "punctuation" in marks else marks
    ends = [(end - 1, end) for _, end in _ending_parts(response, part)]
    wrong = [span for span in ends if response.endswith(allowed, 0, span[1]) == avoid]
    return Finding(bool(ends) and not wrong, tuple(wrong or ends))


@checker("muldimif:no_marks", "None of these marks occurs: {marks}.", marks=NAMES,
         scope="forbidden")  # fmt: skip
def no_marks(response: str, *, marks: tuple[str, ...]) -> Finding:
    """None of the marks occurs; the spans are those that do."""
    wrong = tuple((at, at + 1) for at, char in enumerate(response) if char in marks)
    return Finding(not wrong, wrong)


def _ending_parts(response: str, part: str) -> list[Span]:
    if part == "sentence":
        return split_sentences(response)
    if part == "paragraph":
        return [span for span in lines(response) if response[span[0]] not in "#|"]
    if part == "cell":
        rows = [row for table in find_tables(response) for row in table.body]
        return [cell for row in rows for cell in row if cell[0] < cell[1]]
    if part == "bullet":
        return list_items(response)
    if part == "item":
        return items(response) or split_sentences(response)
    whole = response.rstrip()
    return [(0, len(whole))]


CHECKERS = (keywords, identifiers, no_lists, punctuation, no_marks)
