"""Several traces, recorded apart (on several machines, say), as one.

Numbers are dealt anew, while each trace keeps its own order, so that every edge still runs from a
lower number to a higher one. `merge` deals them in the order of time: clocks of machines differ,
so the order between traces is as good as they agree. `append` deals them trace after trace: the
result depends on what was recorded and not on when, and as few files are open as there can be.
No edge leads from one trace to another.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from heapq import merge as merge_sorted
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.ids import variable_id
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.parts import batches
from memtrace.graph.reading.trace import Trace
from memtrace.graph.recording.session import RESERVED_KEYS, Session
from memtrace.graph.storage.store import Batch, InputRow, OperationRow, Store, VariableRow
from memtrace.graph.storage.values import encode

__all__ = ["append", "merge"]

_TIMES = (
    "SELECT number, created_ns FROM variables"
    " UNION ALL SELECT number, started_ns FROM operations"
    " UNION ALL SELECT end_number, finished_ns FROM operations WHERE end_number IS NOT NULL"
    " ORDER BY 1"
)
_VARIABLES = (
    "SELECT number, kind, name, producer, role, position, item, version, is_deletion, source,"
    " created_ns, metadata FROM variables ORDER BY number"
)
_INPUTS = "SELECT operation, place, role, variable FROM inputs ORDER BY operation, place"


def merge(
    out: str | Path, paths: Sequence[str | Path], *, prefixes: Sequence[str] | None = None
) -> dict[str, int]:
    """Join traces that were recorded independently into one new file.

    Args:
        out: The file to write; it must not exist. It appears when it is complete.
        paths: The traces.
        prefixes: One for each trace, put before its item ids. Without them an item id means the
            same item in all of them, and its versions are counted anew in order of time.

    Returns:
        How many operations and variables the merged trace holds.

    Raises:
        UserError: If `out` exists, or one of the traces cannot be read.
        ValueError: If there is no trace, or not one prefix a trace.
    """
    if prefixes is not None and len(prefixes) != len(paths):
        raise ValueError(f"expected {len(paths)} prefixes; got {list(prefixes)!r}")
    if isinstance(paths, str) or not paths:
        raise ValueError(f"expected a list of traces; got {paths!r}")
    with _complete(Path(out)) as half, ExitStack() as stack:
        parts = [
            stack.enter_context(_opened(path, prefix))
            for path, prefix in zip(paths, prefixes or [""] * len(paths), strict=True)
        ]
        with ExitStack() as views:  # a trace may be recorded meanwhile
            for part in parts:
                views.enter_context(part.snapshot())
            return _write(half, parts)


def append(out: str | Path, paths: Sequence[str | Path]) -> list[Mapping[str, str]]:
    """Write one trace after the other into one new file.

    Of metadata the later trace wins, as when a recording is resumed; what differs from it, and
    what each trace said of itself, is kept under `merged`.

    Args:
        out: The file to write; it must not exist. It appears when it is complete.
        paths: The traces, in order.

    Returns:
        For each trace, the new ids of its variables by the old ones.

    Raises:
        UserError: If `out` exists, or one of the traces cannot be read.
    """
    renamed: list[Mapping[str, str]] = []
    metadata: list[dict[str, Any]] = []
    with _complete(Path(out)) as half, _writing(half) as store:
        versions = _Versions()
        dealt = 0
        for path in paths:
            with _opened(path, "") as part, part.snapshot():
                for _, _, number in part.times(0):
                    dealt += 1
                    part.numbers[number] = dealt
                for variables in batches(map(versions.anew, part.variables())):
                    store.write(Batch(variables=variables))
                _write_operations(store, part)
                renamed.append({
                    variable_id(number): variable_id(part.numbers[number])
                    for number in part.variable_numbers()
                })  # fmt: skip
                own = part.metadata
                metadata += [*own.pop("merged", ()), own]
        kept = {
            key: row[key] for row in metadata for key in sorted(row.keys() - RESERVED_KEYS)
        }  # fmt: skip
        rest = [
            {key: value for key, value in row.items() if key not in kept or value != kept[key]}
            for row in metadata
        ]
        store.write(_head(rest, kept))
    return renamed


@contextmanager
def _complete(target: Path) -> Iterator[Path]:
    """Where to write a file that appears at `target` only when all went well."""
    if target.exists():
        raise UserError(f"{target}: something is here already; choose another path or delete it")
    half = target.with_name(f".{target.name}.merging")
    half.unlink(missing_ok=True)
    try:
        yield half
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    os.replace(half, target)


@contextmanager
def _opened(path: str | Path, prefix: str) -> Iterator[_Part]:
    with Trace(path) as trace, closing(Database(Path(path))) as database:
        yield _Part(trace, database, prefix)


class _Numbers(dict[int, int]):
    """Old number to new one; an old one that nothing has is damage."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __missing__(self, number: int) -> int:
        raise UserError(
            f"{self._path}: the trace is damaged: nothing has the number {number}; memtrace-check "
            "says more, and what can be saved"
        )


class _Part:
    """One of the traces, and its numbers in the merged one."""

    def __init__(self, trace: Trace, database: Database, prefix: str) -> None:
        self._trace, self._database, self._prefix = trace, database, prefix
        self.numbers: dict[int, int] = _Numbers(trace.path)
        self.metadata = trace.metadata

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside, it holds what it holds now."""
        return self._database.snapshot()

    def times(self, place: int) -> Iterator[tuple[int, int, int]]:
        """Time, `place` and number of all it holds. Time is made monotone: clocks are set back."""
        latest = 0
        for number, moment in self._database.query(_TIMES):
            latest = max(latest, moment or 0)
            yield latest, place, number

    def variable_numbers(self) -> Iterator[int]:
        """The old numbers of its variables."""
        for (number,) in self._database.query("SELECT number FROM variables"):
            yield number

    def variables(self) -> Iterator[VariableRow]:
        """Its variables, under their new numbers."""
        new = self.numbers
        for row in self._database.query(_VARIABLES):
            number, kind, name, producer, role, position, item, version, gone, source = row[:10]
            encoding, payload = "", None
            if source is None:
                encoding, payload = encode(self._trace.value(variable_id(number)), kind)
            yield VariableRow(
                new[number], kind, name, encoding, payload, _among(new, producer), role, position,
                None if item is None else self._prefix + item, version, bool(gone),
                _among(new, source), *row[10:],
            )  # fmt: skip

    def operations(self) -> Iterator[OperationRow]:
        """Its operations, under their new numbers."""
        new = self.numbers
        for row in self._database.query("SELECT * FROM operations ORDER BY number"):
            number, end, kind, name, parent = row[:5]
            yield OperationRow(
                new[number], _among(new, end), kind, name, _among(new, parent), *row[5:]
            )

    def inputs(self) -> Iterator[InputRow]:
        """Its edges, under their new numbers."""
        for operation, place, role, variable in self._database.query(_INPUTS):
            yield InputRow(self.numbers[operation], place, role, self.numbers[variable])


def _write(path: Path, parts: Sequence[_Part]) -> dict[str, int]:
    _deal(parts)
    counts = {"operations": 0, "variables": 0}
    versions = _Versions()
    with _writing(path) as store:
        store.write(_head([part.metadata for part in parts], {}))
        rows = merge_sorted(*(part.variables() for part in parts), key=lambda row: row.number)
        for variables in batches(map(versions.anew, rows)):
            counts["variables"] += len(variables)
            store.write(Batch(variables=variables))
        for part in parts:
            counts["operations"] += _write_operations(store, part)
    return counts


@contextmanager
def _writing(path: Path) -> Iterator[Store]:
    """A new trace file.

    Raises:
        UserError: If the disk does not take it.
    """
    store = Store(path, resume=False)
    try:
        yield store
    except sqlite3.OperationalError as error:
        raise UserError(f"{path}: writing failed; SQLite says: {error}; free the disk") from error
    finally:
        store.close()


def _write_operations(store: Store, part: _Part) -> int:
    """Copy the operations of a part with their edges; returns how many there are."""
    count = 0
    for operations in batches(part.operations()):
        count += len(operations)
        store.write(Batch(operations=operations))
    for inputs in batches(part.inputs()):
        store.write(Batch(inputs=inputs))
    return count


def _head(metadata: Sequence[Mapping[str, Any]], kept: Mapping[str, Any]) -> Batch:
    """What the new trace says about itself."""
    head = Batch()
    head.meta.update({key: json.dumps(value) for key, value in kept.items()})
    head.meta.update(Session({}, first=1, redacts=False).rows())
    head.meta["merged"] = json.dumps(metadata)
    return head


def _deal(parts: Sequence[_Part]) -> None:
    """Give out new numbers, in order of time."""
    streams = [part.times(place) for place, part in enumerate(parts)]
    for new, (_, place, number) in enumerate(merge_sorted(*streams), start=1):
        parts[place].numbers[number] = new


class _Versions:
    """Item versions in the merged order; a copy keeps the version of its source."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._versions: dict[int, int] = {}

    def anew(self, row: VariableRow) -> VariableRow:
        """The variable, its version counted anew. Sources come before their copies."""
        if row.item is None:
            return row
        version = self._versions.get(row.source) if row.source is not None else None
        if version is None:
            version = self._counts[row.item] = self._counts.get(row.item, 0) + 1
        self._versions[row.number] = version
        return row._replace(version=version)


def _among(numbers: dict[int, int], number: int | None) -> int | None:
    return None if number is None else numbers[number]
