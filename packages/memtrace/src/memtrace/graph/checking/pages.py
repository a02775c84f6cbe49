"""The pages and records of an SQLite file, read without SQLite.

SQLite stops at the first page that makes no sense. A damaged trace still holds most of its rows on
pages of their own, so here each page is read for itself: no tree is walked, no index is believed,
and nothing can loop. In: a file and what its log adds (`wal`). Out: the records of every leaf page.
Format: https://www.sqlite.org/fileformat2.html, sections 1.2 to 1.6 and 2.1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from memtrace.graph.checking import wal

__all__ = ["MAGIC", "Cell", "Pages", "SqlValue"]

MAGIC = b"SQLite format 3\0"
SqlValue = int | float | str | bytes | None

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_PAGE_SIZES: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MAX_COLUMNS = 64
_LOOKED_AT_BYTES = 4_000_000


class Cell(NamedTuple):
    """One record. `rowid` is None for a record of an index (or of a table without row ids)."""

    page: int
    rowid: int | None
    values: tuple[SqlValue, ...]


class Pages:
    """The pages of a file with the committed part of its log over them; a context manager.

    Args:
        path: An SQLite file of at least one byte, however damaged.
    """

    def __init__(self, path: Path) -> None:
        # Read, not mapped: a mapped file that someone cuts short meanwhile kills the process.
        self._file = path.open("rb", buffering=0)
        self._bytes = os.fstat(self._file.fileno()).st_size
        self._head = self._read(0, _LOOKED_AT_BYTES)
        beside = path.with_name(f"{path.name}-wal")
        self._log = beside.read_bytes() if beside.is_file() else b""
        self.log = wal.read(self._log)
        self.size = _page_size(self._head)
        reserved = self._head[20] if len(self._head) > 20 else 0
        self._usable = self.size - (reserved if self.size - reserved >= 480 else 0)
        self._overlay = self.log.pages if self.log.page_size == self.size else {}
        self.count = max(-(-self._bytes // self.size), max(self._overlay, default=0))
        """Number of pages, the last one perhaps cut short."""

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._file.close()

    @property
    def announced(self) -> int:
        """Number of pages that the header speaks of; more than `count` in a truncated file."""
        return int.from_bytes(self.page(1)[28:32], "big")

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends inside a page."""
        return self._bytes % self.size != 0

    @property
    def is_left_open(self) -> bool:
        """Whether the header says that there is a log: a closed recording folds it in."""
        return self._head[18:20] == b"\2\2"

    def page(self, number: int) -> bytes:
        """The bytes of a page (numbered from 1); zeros where the file is cut off."""
        place = self._overlay.get(number)
        if place is not None:
            return self._log[place : place + self.size]
        return self._read((number - 1) * self.size, self.size).ljust(self.size, b"\0")

    def free(self) -> set[int]:
        """Pages on the list of free ones: what they hold may be older than what is in use."""
        free: set[int] = set()
        trunk = int.from_bytes(self.page(1)[32:36], "big")
        while 1 < trunk <= self.count and trunk not in free:
            free.add(trunk)
            page = self.page(trunk)
            following, used = struct.unpack_from(">II", page)
            leaves = struct.unpack_from(f">{min(used, self.size // 4 - 2)}I", page, 8)
            free.update(number for number in leaves if 1 < number <= self.count)
            trunk = following
        return free

    def cells(self, number: int) -> Iterator[Cell]:
        """The records on a page that holds any; a record that makes no sense is left out."""
        page = self.page(number)
        start = 100 if number == 1 else 0
        kind = page[start]
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
            return
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        pointers = start + (12 if kind == _INDEX_INTERIOR else 8)
        for place in range(pointers, min(pointers + 2 * count, self.size - 1), 2):
            at = int.from_bytes(page[place : place + 2], "big")
            try:
                yield self._cell(number, page, kind, at)
            except (IndexError, ValueError, struct.error):
                continue

    def _cell(self, number: int, page: bytes, kind: int, at: int) -> Cell:
        at += 4 if kind == _INDEX_INTERIOR else 0
        size, at = _varint(page, at)
        rowid = None
        if kind == _TABLE_LEAF:
            unsigned, at = _varint(page, at)
            rowid = unsigned - (unsigned >> 63 << 64)
        local = self._local(size, kind)
        if at + local > self._usable:
            raise ValueError("a record beyond the end of its page")
        payload = page[at : at + local]
        if local < size:
            first = int.from_bytes(page[at + local : at + local + 4], "big")
            payload += self._overflow(first, size - local)
        return Cell(number, rowid, _record(payload))

    def _local(self, size: int, kind: int) -> int:
        """How much of a record of this size is on the page itself."""
        usable = self._usable
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        kept = least + (size - least) % (usable - 4)
        return kept if kept <= most else least

    def _overflow(self, number: int, missing: int) -> bytes:
        if missing > self.count * self.size:
            raise ValueError("a record larger than the file")
        parts: list[bytes] = []
        while missing > 0:
            if not 1 < number <= self.count:
                raise ValueError("a chain of pages that leaves the file")
            page = self.page(number)
            parts.append(page[4 : min(self._usable, 4 + missing)])
            missing -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size) or b""


def _page_size(data: bytes) -> int:
    """The size at which most pages make sense; the header decides where that leaves a choice."""
    told = int.from_bytes(data[16:18], "big")
    told = 65536 if told == 1 else told
    return max(_PAGE_SIZES, key=lambda size: (_fitting(data, size), size == told, size == 4096))


def _fitting(data: bytes, size: int) -> int:
    """How many pages (in the first megabytes, from the second on) begin as b-tree pages do."""
    fitting = 0
    for start in range(size, len(data) - 8, size):
        kind, _, cells, content, _ = struct.unpack_from(">BHHHB", data, start)
        begins_well = kind in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR, 0x05)
        has_room = 0 < cells < size // 4 and 8 + 2 * cells <= content < size
        fitting += int(begins_well and has_room)
    return fitting


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the place after it."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = byte & 0x7F
    for place in range(at + 1, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _record(payload: bytes) -> tuple[SqlValue, ...]:
    """The columns of a record.

    Raises:
        ValueError: If it is no record, or a text is not UTF-8.
    """
    end, at = _varint(payload, 0)
    place = end
    values: list[SqlValue] = []
    while at < end:
        kind, at = _varint(payload, at)
        value, place = _column(payload, kind, place)
        values.append(value)
        if len(values) > _MAX_COLUMNS:
            raise ValueError("too many columns")
    if at != end or place != len(payload):
        raise ValueError("a record that is shorter or longer than it says")
    return tuple(values)


def _column(payload: bytes, kind: int, at: int) -> tuple[SqlValue, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind in _INTEGER_BYTES:
        width = _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at : at + width], "big", signed=True), at + width
    if kind == 7:
        return float(struct.unpack_from(">d", payload, at)[0]), at + 8
    if kind < 12:
        raise ValueError("a column of a kind that SQLite does not write")
    width = (kind - 12) // 2
    data = payload[at : at + width]
    return (data.decode() if kind % 2 else data), at + width
