"""Values as the page shows them: whole, by pieces, in one line, and two of them word by word.

In: recorded values. Out: texts and spans. Nothing is marked up here: the page puts texts in as
texts, so what stands in a trace stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from memtrace.graph.explaining.texts import snippet

__all__ = ["BRIEF", "brief", "clipped", "marked", "shown", "word_diff"]

BRIEF = 200
"""Characters of a value in a list."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 20_000


def shown(value: Any) -> str:
    """A value as text: a text as it is, a structure as JSON, bytes by their number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return json.dumps(value, ensure_ascii=False, indent=1, default=repr)


def brief(value: Any, width: int = BRIEF) -> str:
    """A value on one line."""
    if isinstance(value, (str, bytes)):
        return snippet(value, width)
    return snippet(json.dumps(value, ensure_ascii=False, default=repr), width)


def clipped(text: str, most: int) -> str:
    """A text of at most so many characters, with its lines."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def marked(text: str, query: str) -> list[tuple[str, bool]]:
    """A text in spans, with whether each is a word that was looked for."""
    words = sorted(set(re.findall(r"\w+", query)), key=len, reverse=True)
    if not words:
        return [(text, False)]
    pieces = re.split(f"({'|'.join(map(re.escape, words))})", text, flags=re.IGNORECASE)
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]


def word_diff(left: str, right: str) -> list[tuple[str, str]]:
    """What is to be done to one text to get the other, word by word.

    Of two texts of very many words only the part between their common ends is taken out as one
    piece and put in as another.

    Args:
        left: The text before.
        right: The text after.

    Returns:
        Spans `("=", kept)`, `("-", only left)`, `("+", only right)`; all but `+` make up the left
        text, all but `-` the right one.
    """
    ours, theirs = _WORDS.findall(left), _WORDS.findall(right)
    head = _common(ours, theirs)
    tail = _common(ours[head:][::-1], theirs[head:][::-1])
    ends = len(ours) - tail, len(theirs) - tail
    spans = [("=", "".join(ours[:head]))]
    spans += _inner(ours[head : ends[0]], theirs[head : ends[1]])
    spans.append(("=", "".join(ours[ends[0] :])))
    joined: list[tuple[str, str]] = []
    for sign, text in spans:
        if text and joined and joined[-1][0] == sign:
            joined[-1] = (sign, joined[-1][1] + text)
        elif text:
            joined.append((sign, text))
    return joined


def _common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(ours), len(theirs)))


def _inner(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[str, str]]:
    if len(ours) + len(theirs) > _MOST_WORDS:
        return [("-", "".join(ours)), ("+", "".join(theirs))]
    spans = []
    for tag, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            spans.append(("=", "".join(ours[a:b])))
        else:
            spans += [("-", "".join(ours[a:b])), ("+", "".join(theirs[c:d]))]
    return spans
