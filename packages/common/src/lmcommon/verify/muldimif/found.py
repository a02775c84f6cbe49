"""What a parser of prose finds: requirements, and which numbers of the sentence they used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.verify.muldimif.prose import Prose

__all__ = ["Found", "Requirement", "each_of"]

_EACH = re.compile(
    r"\b(?:each|every)\s+(?!word|letter|other)(?P<noun>[\w'/-]+(?:\s+(?!of\b|in\b|must\b|should\b|is\b|"
    r"are\b|to\b|on\b|for\b|being\b|has\b|have\b|with\b|be\b|contain|includ|end|conclud|consist)[\w'/-]+){0,3})"
)
_LARGE = re.compile(
    r"\b(?:section|slide|part|chapter|page|essay|module|unit|verse|stanza|scene|step|sector|day)s?\b"
)
"""Parts of a response whose borders a program cannot tell."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One check with its arguments.

    Example: `Requirement("muldimif:words", {"bounds": (None, 50), "part": "response", ...})`.
    """

    id: str
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Requirements of one family in one sentence."""

    requirements: tuple[Requirement, ...]
    used: tuple[int, ...] = ()
    """Where the numbers that they come from begin."""


def each_of(prose: Prose, within: str | None = None) -> tuple[str, str] | None:
    """Which part of the response "each ..." or "every ..." means, and the noun.

    Args:
        prose: The constraint.
        within: The piece of `prose.low` to look at; None: all of it.

    Returns:
        ("response", "") without one, ("sentence" | "paragraph" | "heading" | "row" | "cell" |
        "bullet" | "item", noun), or None for a part that a program cannot find, such as a slide.
    """
    match = _EACH.search(prose.low if within is None else within)
    if not match:
        return ("response", "")
    noun = " ".join(match.group("noun").split())
    for part in ("sentence", "paragraph", "heading", "row"):
        if re.search(rf"\b{part}s?\b", noun):
            return (part, noun)
    if re.search(r"\bcells?\b", noun) or "in the table" in prose.low:
        return ("cell", noun)
    if "bullet" in noun:
        return ("bullet", noun)
    return None if _LARGE.search(noun) else ("item", noun)
