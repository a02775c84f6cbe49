"""Labels: from annotated segments to characters, and from characters to tokens.

In: a response, the character offsets of its tokens, and an annotation
`{"type": "all_relevant" | "partial_relevant" | "all_irrelevant", "segments": [verbatim, ...]}`.
Out: one label a token: 1 relevant, 0 not, -1 for a token that covers no character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lmcommon.errors import ParseError
from rtt.types import Span

__all__ = [
    "AnnotationType", "Located", "annotation_to_labels", "chars_to_tokens", "locate",
    "spans_to_chars",
]  # fmt: skip

AnnotationType = Literal["all_relevant", "partial_relevant", "all_irrelevant"]
"""How much of a response decides a criterion."""

IGNORED = -1

_LOOK_ALIKES = ("'’‘`´", '"“”„«»', "-–—‑")
"""Signs that annotators swap when they copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the segments of an annotation are.

    Example:
        `locate("Hi Ana, hi Bo", ["hi", "Cy"], tolerant=True)` is
        `Located(spans=((0, 2), (8, 10)), approximate=("hi",), missing=("Cy",))`.
    """

    spans: tuple[Span, ...]
    """Every occurrence of every segment, sorted; overlaps stay."""
    approximate: tuple[str, ...] = ()
    """Segments that were found only up to case, white space or look-alike signs."""
    missing: tuple[str, ...] = ()
    """Segments that were not found, the empty one included."""


def chars_to_tokens(char_labels: Sequence[int], offsets: Sequence[Span]) -> list[int]:
    """A token is relevant if any of its characters is.

    Args:
        char_labels: 0 or 1 a character; -1 for a character that was not labelled.
        offsets: Characters `[start, end)` of each token.

    Returns:
        One label a token: the largest among its characters, -1 for a token without any.

    Raises:
        ValueError: An offset outside the text, or a label other than 0, 1 and -1.

    Example:
        `chars_to_tokens([0, 0, 1, 0], [(0, 2), (2, 4), (4, 4)])` is `[0, 1, -1]`.
    """
    if strange := sorted({*char_labels} - {0, 1, IGNORED}):
        raise ValueError(f"char_labels: expected 0, 1 or -1; got {strange[0]!r}")
    for start, end in offsets:
        if not 0 <= start <= end <= len(char_labels):
            raise ValueError(
                f"offsets: expected 0 <= start <= end <= {len(char_labels)} (the characters); "
                f"got {(start, end)}"
            )
    return [int(max(char_labels[start:end], default=IGNORED)) for start, end in offsets]


def annotation_to_labels(
    text: str, offsets: Sequence[Span], annotation: Mapping[str, Any], *, tolerant: bool = False
) -> list[int]:
    """Token labels of one annotated response.

    Every occurrence of a segment counts, also one that overlaps another.

    Args:
        text: The response.
        offsets: Characters `[start, end)` of each of its tokens.
        annotation: The type, and for "partial_relevant" its segments, copied from `text`.
        tolerant: Take a segment that differs only in case, white space, or the form of quotes
            and dashes.

    Returns:
        One label a token: 1, 0, or -1 for a token that covers no character.

    Raises:
        ParseError: (a `ValueError`) The annotation has another form, or a segment does not occur
            in the text; the message shows it. `locate` reports instead of raising.
        ValueError: An offset outside the text.
    """
    kind, segments = _read(annotation)
    if kind != "partial_relevant":
        return chars_to_tokens([int(kind == "all_relevant")] * len(text), offsets)
    located = locate(text, segments, tolerant=tolerant)
    if located.missing:
        raise ParseError(
            f"segment {located.missing[0]!r}: expected to occur "
            f"{'' if tolerant else 'verbatim '}in the text; copy it exactly, or drop it",
            reply=text,
        )
    return chars_to_tokens(spans_to_chars(located.spans, len(text)), offsets)


def locate(text: str, segments: Sequence[str], *, tolerant: bool = False) -> Located:
    """Find every occurrence of every segment; what is not there is reported, not raised."""
    spans: set[Span] = set()
    approximate, missing = [], []
    for segment in segments:
        found = _occurrences(re.escape(segment), text) if segment.strip() else []
        if not found and tolerant and segment.strip():
            found = _occurrences(_tolerant(segment), text, re.IGNORECASE)
            approximate += [segment] if found else []
        spans.update(found)
        missing += [] if found else [segment]
    return Located(
        spans=tuple(sorted(spans)), approximate=tuple(approximate), missing=tuple(missing)
    )


def spans_to_chars(spans: Sequence[Span] | None, length: int) -> list[int]:
    """Labels of `length` characters: 1 inside any span, else 0; None: all 1."""
    if spans is None:
        return [1] * length
    labels = [0] * length
    for start, end in spans:
        labels[start:end] = [1] * (min(end, length) - start)
    return labels


def _read(annotation: Mapping[str, Any]) -> tuple[AnnotationType, list[str]]:
    kind: Any = annotation.get("type")
    segments: Any = annotation.get("segments", [])
    if kind not in get_args(AnnotationType):
        raise ParseError(
            f"annotation type: expected one of {', '.join(get_args(AnnotationType))}",
            reply=repr(kind),
        )
    if not isinstance(segments, (list, tuple)) or any(not isinstance(x, str) for x in segments):
        raise ParseError("annotation segments: expected a list of texts", reply=repr(segments))
    if kind == "partial_relevant" and not segments:
        raise ParseError(
            "annotation segments: expected at least one with type 'partial_relevant' "
            "(nothing relevant is 'all_irrelevant')",
            reply=repr(dict(annotation)),
        )
    return kind, list(segments)


def _occurrences(pattern: str, text: str, flags: int = 0) -> list[Span]:
    """All of them, overlapping ones too: "aa" occurs twice in "aaa"."""
    found = re.finditer(f"(?=({pattern}))", text, flags)
    return [match.span(1) for match in found]


def _tolerant(segment: str) -> str:
    return r"\s+".join("".join(map(_either, word)) for word in segment.split())


def _either(sign: str) -> str:
    group = next((group for group in _LOOK_ALIKES if sign in group), None)
    return f"[{re.escape(group)}]" if group else re.escape(sign)
