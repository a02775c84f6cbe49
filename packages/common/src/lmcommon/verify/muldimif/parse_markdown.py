"""Prose about Markdown: which headings, how many levels, block quotes, bold text."""

from __future__ import annotations

import re

from lmcommon.verify.muldimif.found import Found, Requirement
from lmcommon.verify.muldimif.prose import Prose, merged
from lmcommon.verify.muldimif.quantities import Bounds, parse_number, quantities

__all__ = ["parse_markdown"]

_OPEN: Bounds = (None, None)
_N = r"(?:\d|one|two|three|four|five|six)\b"
_LEVEL = re.compile(
    rf"\blevels?(?:\s+(?:of\s+)?|:\s+(?=h[1-6]))(?P<list>h?{_N}(?:(?:,\s*(?:and\s+)?|\s+and\s+|\s+or\s+)(?:level\s+)?h?{_N}"
    rf"(?!\s+(?:heading|level)s?\s+level))*)|\bh(?P<h>[1-6])\b"
)
_HASHES = re.compile(r"(?<![#\w])(#{1,6})(?![#\w])(?=['\"]|\s+(?:for|before|denot|to|as)\b)")
_EXAMPLES = re.compile(r"(?:\bsuch as|\bfor example|\be\.g\.|\blike)\b.*?(?=,? to |,? ensur|\. |$)")
_FIRST = re.compile(
    rf"(?:begin|start)s? with an? (?:level {_N} heading|heading (?:at )?level {_N})|"
    r"at the beginning"
)
_TITLE = re.compile(r"(?:titled|entitled|with the text|\btitle:?)\s*$")
_LEVELS = rf"(?:heading )?levels?(?: of headings?)?(?!\s+{_N})"


def parse_markdown(prose: Prose) -> Found | None:
    """Headings, block quotes, bold text, bullet points that the response must have."""
    marked = [
        Requirement("muldimif:marked_lines", {"kind": kind})
        for kind, pattern in (
            ("a block quote", r"block ?quotes?"), ("bold text", r"\bbold\b"),
            ("a list", r"bullet points|bulleted list"),
        )
        if prose.has(pattern)
    ]  # fmt: skip
    if marked and not prose.has(r"headings?\b"):
        optional = prose.has(r"\bif\b|\bany\b|\bnot\b|\bno\b")
        return None if optional else Found(tuple(marked))
    if not prose.has(r"headings?\b|\bh[1-6]\b|##"):
        return None
    found = _headings(prose)
    if found is None:
        return None
    return Found((*found.requirements, *marked), found.used)


def _headings(prose: Prose) -> Found | None:
    plain = _EXAMPLES.sub(lambda m: " " * len(m.group()), prose.low)
    examples = [m.span() for m in _EXAMPLES.finditer(prose.text.lower())]
    hashes = [
        m for m in _HASHES.finditer(prose.text)
        if not any(low <= m.start() < high for low, high in examples)
    ]  # fmt: skip
    levels, used = _levels(plain)
    levels |= {len(match.group(1)) for match in hashes}
    distinct, places = _distinct(plain)
    used += places
    if prose.has(r"main heading\b.*\bsub-?headings?|headings and sub-?headings"):
        distinct = (max(distinct[0] or 0, 2), distinct[1])
    deepest: Bounds = _OPEN
    if re.search(rf"(?:not exceed|no deeper than|limited to) (?:heading )?level {_N}", plain):
        deepest, levels = (None, max(levels)), set()
    first: Bounds = _OPEN
    if _FIRST.search(plain) and len(levels) == 1:
        level = min(levels)
        first = (level, level)
    title = ""
    for quote in prose.quoted:
        if _TITLE.search(prose.low[: quote.start]) and len(levels) <= 1:
            title = quote.text
    if any(not 1 <= level <= 6 for level in levels) or prose.has(
        r"\bno headings?\b|without heading"
    ):
        return None
    count: Bounds = (1, None)
    if re.search(rf"a single (?:level {_N} )?heading", plain):
        count = (1, 1)
    elif (counted := quantities(plain, rf"level {_N} headings?|headings")) and merged(counted):
        count = merged(counted) or _OPEN
        used += [place for one in counted for place in one.places]
    elif not levels and distinct == _OPEN and prose.has(r"headings\b"):
        named = [one for one in prose.quoted if one.text[:1].isalpha()]
        count = (max(1, len(named) if not examples else 1), None)
    if prose.has(r"\bif\b|\bany headings?\b"):
        count = _OPEN
        if levels or (distinct[0] is not None and not prose.has(r"\bif using\b|\bif you use\b")):
            return None
    return Found(
        (Requirement("muldimif:markdown", {
            "levels": sorted(levels), "distinct": distinct, "count": count, "deepest": deepest,
            "first": first, "title": title,
        }),),
        tuple(used),
    )  # fmt: skip


def _levels(plain: str) -> tuple[set[int], list[int]]:
    """The levels that the sentence names, and where its numbers are."""
    levels, used = set(), []
    for match in _LEVEL.finditer(plain):
        if match.group("h"):
            levels.add(int(match.group("h")))
            continue
        for number in re.finditer(_N, match.group("list").replace("h", " ")):
            levels.add(parse_number(number.group()))
            used.append(match.start("list") + number.start())
    return levels, used


def _distinct(plain: str) -> tuple[Bounds, list[int]]:
    """How many levels; "two heading levels" without more is at least two."""
    found = quantities(plain, _LEVELS)
    bounds = merged(found)
    if bounds is None:
        bare = re.search(rf"({_N}) (?:distinct |different )?heading levels", plain)
        return ((parse_number(bare.group(1)), None), [bare.start()]) if bare else (_OPEN, [])
    least, most = bounds
    if least == most and not re.search(r"exactly|precisely|\bonly\b", plain):
        most = None
    return (least, most), [place for one in found for place in one.places]
