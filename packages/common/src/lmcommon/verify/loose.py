"""The eight readings of a response that loose checking accepts, with their way back.

Loose accuracy (Zhou et al. 2023, arXiv 2311.07911, section 2.2) takes the best verdict over the
response as it is, without its first line, without its last line and without both, each with and
without asterisks. `Reading` keeps, for every character left, its place in the response, so that
spans found in a reading can be given in the response's own coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.verify.types import Span

__all__ = ["Reading", "readings"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A part of a response. Example: `Reading("Dog", range(4, 7))` of the response "The Dog"."""

    text: str
    places: Sequence[int]
    """For each character of `text`, its index in the response."""

    def to_response(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Spans of the reading as spans of the response; an empty span stays at its place."""
        return tuple(self._to_response(start, end) for start, end in spans)

    def _to_response(self, start: int, end: int) -> Span:
        if start < end:
            return self.places[start], self.places[end - 1] + 1
        if start < len(self.places):
            return self.places[start], self.places[start]
        after = self.places[-1] + 1 if self.places else 0
        return after, after


def readings(response: str) -> list[Reading]:
    """The eight readings, the response itself first. Duplicates are left out."""
    whole = range(len(response))
    first, last = response.find("\n"), response.rfind("\n")
    cut_front = range(first + 1, len(response)) if first >= 0 else range(0)
    cut_back = range(last) if last >= 0 else range(0)
    cut_both = range(first + 1, last) if first < last else range(0)
    parts: list[Sequence[int]] = [whole]
    parts += [_stripped(response, part) for part in (cut_front, cut_back, cut_both)]
    parts += [[place for place in part if response[place] != "*"] for part in parts]
    unique = {"".join(response[place] for place in part): part for part in reversed(parts)}
    unique.pop(response, None)
    return [Reading(response, whole), *(Reading(text, part) for text, part in unique.items())]


def _stripped(response: str, part: range) -> range:
    start, stop = part.start, part.stop
    while start < stop and response[start].isspace():
        start += 1
    while stop > start and response[stop - 1].isspace():
        stop -= 1
    return range(start, stop)
