"""Length: words, sentences, paragraphs. Counted as the benchmark's own scorer counts.

- Words are parted by white space; but as soon as the text holds one Chinese character or
  full-width mark, only those are counted, and no English word.
- A sentence is counted a `.`, `!` or `?` (a text before it is needed once only): "..." is three.
- Paragraphs are parted by an empty line.

The whole response decides (spans None). With another part (item, paragraph, heading, table row)
each of them must keep to the bounds, and the spans are those that do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lmcommon.verify.fields import choice
from lmcommon.verify.muldimif.forms import BOUNDS, PHRASE, say_bounds
from lmcommon.verify.muldimif.parts import find_headings, find_tables, items, lines, paragraphs
from lmcommon.verify.muldimif.quantities import Bounds, within
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS", "count_words"]

_CHINESE = re.compile("[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\u3000-\u303f\uff00-\uffef]")
_END = re.compile(r"[.!?]")
_PART = choice("response", "item", "paragraph", "heading", "row")


def count_words(text: str) -> int:
    """Words, or Chinese characters and marks when there are any."""
    return len(_CHINESE.findall(text)) or len(text.split())


def _count_ends(text: str) -> int:
    return len(_END.findall(text))


def _say(unit: str) -> Callable[..., str]:
    def say(*, bounds: Bounds, part: str, target: str) -> str:
        whole = "The response" if part == "response" else f"Each {target or part}"
        return f"{whole} has {say_bounds(bounds, unit)}."

    return say


def _units(response: str, part: str, target: str) -> list[Span]:
    if part == "response":
        return [(0, len(response))]
    if part == "paragraph":
        return paragraphs(response)
    if part == "heading":
        return [(one.span[1] - len(one.text), one.span[1]) for one in find_headings(response)]
    if part == "row":
        rows = [row for table in find_tables(response) for row in table.body if row]
        return [(row[0][0], row[-1][1]) for row in rows]
    return items(response, target) or [
        (start, end)
        for start, end in lines(response)
        if not response[start:end].strip("*#'\"").endswith(":")
    ]


def _find(
    response: str, bounds: Bounds, part: str, target: str, count: Callable[[str], int]
) -> Finding:
    units = _units(response, part, target)
    texts = [response[start:end] for start, end in units]
    if part == "row":
        texts = [text.replace("|", " ") for text in texts]
    counts = [count(text) for text in texts]
    wrong = [span for span, number in zip(units, counts, strict=True) if not within(number, bounds)]
    if part == "response" or not wrong:
        return Finding(bool(units) and not wrong)
    return Finding(False, tuple(wrong))


@checker("muldimif:words", _say("words"), bounds=BOUNDS, part=_PART, target=PHRASE,
         scope="global")  # fmt: skip
def words(response: str, *, bounds: Bounds, part: str, target: str) -> Finding:
    """The number of words keeps to the bounds."""
    return _find(response, bounds, part, target, count_words)


@checker("muldimif:sentences", _say("sentences"), bounds=BOUNDS, part=_PART, target=PHRASE,
         scope="global")  # fmt: skip
def sentences(response: str, *, bounds: Bounds, part: str, target: str) -> Finding:
    """The number of sentence marks keeps to the bounds."""
    return _find(response, bounds, part, target, _count_ends)


@checker("muldimif:paragraphs", _say("paragraphs"), bounds=BOUNDS, part=_PART, target=PHRASE,
         scope="global")  # fmt: skip
def paragraph_count(response: str, *, bounds: Bounds, part: str, target: str) -> Finding:
    """The number of paragraphs keeps to the bounds."""
    return _find(response, bounds, part, target, lambda text: len(paragraphs(text)))


CHECKERS = (words, sentences, paragraph_count)
