"""Cutting the versions of growing values, at the cost of what is new in each.

In: big values, one after the other. Out: the digests of their pieces. A value that begins like a
recent one is cut, and its pieces are named, only from where the two part: every cut before that
depends on nothing behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from memtrace.graph.storage.chunks import MAX_BYTES, cuts

__all__ = ["Splitter"]

_RECENT = 4
_RECENT_BYTES = 4 << 20
_HEAD_BYTES = 64


class _Recent(NamedTuple):
    """A value that was cut."""

    data: bytes
    ends: list[int]
    digests: list[bytes]


class Splitter:
    """Remembers the last few values, up to 4 MB each."""

    def __init__(self) -> None:
        self._recent: list[_Recent] = []

    def split(self, data: bytes, pieces: dict[bytes, bytes]) -> list[bytes]:
        """Cut a value into pieces.

        Args:
            data: The value.
            pieces: By digest; pieces are added, but for those of an earlier value that it begins
                with.

        Returns:
            The digests of its pieces, in order.
        """
        near, shared = self._nearest(data)
        kept = 0 if near is None else bisect_left(near.ends, shared - MAX_BYTES)
        ends = [] if near is None else near.ends[:kept]
        digests = [] if near is None else near.digests[:kept]
        start = origin = ends[-1] if ends else 0
        for end in cuts(data[origin:] if origin else data):
            piece = data[start : origin + end]
            digest = blake2b(piece, digest_size=16).digest()
            digests.append(digest)
            pieces[digest] = piece
            start = origin + end
            ends.append(start)
        self._remember(_Recent(data, ends, digests), near if kept else None)
        return digests

    def _nearest(self, data: bytes) -> tuple[_Recent | None, int]:
        """The recent value with the longest common beginning, and its length."""
        head = data[:_HEAD_BYTES]
        found: tuple[_Recent | None, int] = None, 0
        for recent in self._recent:
            if recent.data.startswith(head):
                shared = _shared(data, recent.data)
                if shared > found[1]:
                    found = recent, shared
        return found

    def _remember(self, value: _Recent, instead_of: _Recent | None) -> None:
        if len(value.data) > _RECENT_BYTES:
            return
        others = [recent for recent in self._recent if recent is not instead_of]
        self._recent = [value, *others[: _RECENT - 1]]


def _shared(one: bytes, other: bytes) -> int:
    """Length of the common beginning."""
    size = min(len(one), len(other))
    differs = np.frombuffer(one, np.uint8, size) != np.frombuffer(other, np.uint8, size)
    first = int(differs.argmax()) if size else 0
    return first if size and differs[first] else size
