"""Recorded rollouts by place: any of them, without reading the rest.

In: a file of JSON lines, a Parquet file, or the folder of a run. Out: the places it holds, in
order, and the records at them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from lmcommon.errors import DataError, UserError
from rtt.records.lines import read_record
from rtt.records.parts import Line, files_in, index_lines
from rtt.records.record import Place, RolloutRecord

__all__ = ["RecordStore"]


class _Rows(Protocol):
    """One way in which records lie."""

    def places(self) -> list[Place]: ...

    def read(self, place: Place) -> RolloutRecord: ...

    def close(self) -> None: ...


class RecordStore:
    """Reads single records; a context manager that closes what it opened.

    Args:
        path: A file, or a run folder.

    Example:
        `with RecordStore(folder) as store: records = store.read(store.places[:4])`

    Raises:
        DataError: A line or row is no record.
        UserError: There is none at all.
    """

    def __init__(self, path: Path) -> None:
        files = files_in(path) if path.is_dir() else [path]
        is_parquet = bool(files) and files[0].suffix == ".parquet"
        self._rows: _Rows = _ParquetRows(files[0]) if is_parquet else _Lines(files)
        self.places: list[Place] = self._rows.places()
        if not self.places:
            self._rows.close()
            raise UserError(f"{path}: expected recorded responses; there is none")

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._rows.close()

    def read(self, places: Sequence[Place]) -> list[RolloutRecord]:
        """The records at these places; in their order it is fastest."""
        return [self._rows.read(place) for place in places]


class _Lines:
    """Lines of one file or several."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._lines: dict[Place, Line] = {line.place: line for line in index_lines(files)}
        self._opened = ExitStack()
        self._streams: list[BinaryIO] = [
            self._opened.enter_context(path.open("rb")) for path in files
        ]

    def places(self) -> list[Place]:
        return list(self._lines)

    def read(self, place: Place) -> RolloutRecord:
        line = self._lines[place]
        stream = self._streams[line.file]
        stream.seek(line.start)
        try:
            return read_record(json.loads(stream.read(line.size)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"expected a rollout record at byte {line.start}; {error!r}",
                path=str(self._files[line.file]),
            ) from error

    def close(self) -> None:
        self._opened.close()


class _ParquetRows:
    """Rows of a Parquet file; the row group read last is kept."""

    def __init__(self, path: Path) -> None:
        from rtt.records.parquet import ParquetGroups

        self._groups = ParquetGroups(path)
        self._where = self._groups.places()
        self._held: tuple[int, list[Any]] = (-1, [])

    def places(self) -> list[Place]:
        return sorted(self._where)

    def read(self, place: Place) -> RolloutRecord:
        group, row = self._where[place]
        if self._held[0] != group:
            self._held = group, self._groups.read(group)
        record: RolloutRecord = self._held[1][row]
        return record

    def close(self) -> None:
        self._groups.close()
