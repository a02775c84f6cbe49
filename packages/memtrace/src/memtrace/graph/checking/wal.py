"""The log beside an SQLite file (`-wal`): which pages it adds, and whether it is whole.

SQLite silently ignores a log from its first damaged frame on, so a damaged log looks like a shorter
recording. Here the difference is seen. Format: https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

__all__ = ["Log", "read"]

_HEADER, _FRAME = 32, 24
_MAGICS = (0x377F0682, 0x377F0683)


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds.

    Example:
        `Log(page_size=4096, pages={1: 56, 7: 4176}, frames=2)`
    """

    page_size: int = 0
    """0 for an empty log, or one whose header is damaged."""
    pages: dict[int, int] = field(default_factory=dict)
    """Page number to the place of its newest committed version in the log."""
    frames: int = 0
    """Frames up to the last committed one."""
    lost_frames: int = 0
    """Frames of committed transactions that SQLite ignores, since one before them is damaged."""
    is_damaged: bool = False
    is_torn: bool = False
    """Whether it ends in a transaction that is not whole: a kill leaves that."""


def read(data: bytes) -> Log:
    """Read a log; never fails. What a kill leaves at the end is not damage."""
    if len(data) < _HEADER:
        return Log()
    magic, version, size, _, salt, checksum = _header(data)
    order = ">" if magic == _MAGICS[1] else "<"
    if not any(data[:_HEADER]):
        return Log()  # a file that was made, and never written to
    if magic not in _MAGICS or version != 3007000 or _sum(data[:24], (0, 0), order) != checksum:
        return Log(is_damaged=True)
    if size not in (2**power for power in range(9, 17)):
        return Log(is_damaged=True)
    pages: dict[int, int] = {}
    waiting: dict[int, int] = {}
    whole = committed = 0
    places = range(_HEADER, len(data) - _FRAME - size + 1, _FRAME + size)
    for frame, place in enumerate(places, start=1):
        page, commit = struct.unpack_from(">II", data, place)
        checksum = _sum(data[place : place + 8], checksum, order)
        checksum = _sum(data[place + _FRAME : place + _FRAME + size], checksum, order)
        if data[place + 8 : place + 16] != salt or _stored_sum(data, place) != checksum:
            break
        whole = frame
        waiting[page] = place + _FRAME
        if commit:
            pages.update(waiting)
            waiting.clear()
            committed = frame
    lost = _lost(data, places[whole:], salt)
    is_torn = whole > committed or any(
        data[place + 8 : place + 16] == salt for place in places[whole:]
    )
    return Log(size, pages, committed, lost, is_damaged=lost > 0, is_torn=is_torn)


def _header(data: bytes) -> tuple[int, int, int, int, bytes, tuple[int, int]]:
    magic, version, size, sequence = struct.unpack_from(">IIII", data)
    first, second = struct.unpack_from(">II", data, 24)
    return magic, version, size, sequence, data[16:24], (first, second)


def _lost(data: bytes, places: range, salt: bytes) -> int:
    """Of the frames after the first bad one, those of this log up to a commit: the rest is torn.

    Frames of an earlier round of the log, whose salt is another one, are no loss. A single bad
    frame at the end is what a kill in the middle of a write leaves.
    """
    last = 0
    for frame, place in enumerate(places[1:], start=2):
        commit = struct.unpack_from(">I", data, place + 4)[0]
        if data[place + 8 : place + 16] == salt and commit:
            last = frame
    return last


def _stored_sum(data: bytes, place: int) -> tuple[int, int]:
    first, second = struct.unpack_from(">II", data, place + 16)
    return first, second


def _sum(data: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    """SQLite's running checksum over 8-byte groups."""
    first, second = start
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
