"""What a trace holds, in figures: counts, errors, models, time and bytes.

In: an open trace file. Out: `Statistics`. SQLite does the counting, so values are never decoded
and a million operations take seconds and little memory.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memtrace.graph.ids import variable_id
from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema

__all__ = ["OperationKind", "Statistics", "VariableKind", "statistics"]

_PARTS = 10
_LARGEST = 5


@dataclass(frozen=True, slots=True)
class OperationKind:
    """Operations of one kind. Example: `OperationKind("retrieval", 120, 1, 240.5, 11.2)`"""

    kind: str
    count: int
    errors: int
    total_ms: float
    """Wall time of those that finished, parents and children both."""
    longest_ms: float


@dataclass(frozen=True, slots=True)
class VariableKind:
    """Variables of one kind. Example: `VariableKind("message", 40, 40, 5120, 300)`"""

    kind: str
    count: int
    distinct: int
    """Different values among them."""
    recorded_bytes: int
    """Bytes of all their values, each as often as it occurs."""
    largest_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The figures of a trace.

    Example:
        `Statistics(operations=(OperationKind(...),), variables=(...), errors={"ValueError": 1},
        models={"m": {"operations": 3, "prompt_tokens": 90}}, ...)`
    """

    operations: tuple[OperationKind, ...]
    variables: tuple[VariableKind, ...]
    errors: Mapping[str, int]
    unfinished: int
    """Operations that run still, or never ended."""
    models: Mapping[str, Mapping[str, float]]
    """Model to number of operations and the sums of what their usage counts (tokens, cost)."""
    items: int
    versions: int
    deletions: int
    values: int
    """Distinct values."""
    recorded_bytes: int
    """Bytes of the values of all variables, each as often as it was recorded."""
    distinct_bytes: int
    """Bytes of all distinct values."""
    file_bytes: int
    """The file, with the log beside it."""
    seconds: float
    """From the first start to the last end."""
    growth: tuple[int, ...]
    """Bytes recorded in each tenth of the sequence numbers."""
    largest: tuple[tuple[str, str, int], ...]
    """The largest distinct values: a variable that has it, its kind, bytes."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON-able data."""
        return asdict(self)


def statistics(path: str | Path) -> Statistics:
    """Count what a trace holds.

    Args:
        path: A trace file; a recording may be writing it meanwhile.

    Raises:
        UserError: If it is no trace that can be read.
    """
    database = Database(Path(path))
    try:
        with database.snapshot():
            return _counted(database)
    finally:
        database.close()


def _counted(database: Database) -> Statistics:
    operations = tuple(OperationKind(*row) for row in database.query(_OPERATIONS))
    variables = tuple(VariableKind(*row) for row in database.query(_VARIABLES))
    items, versions, deletions = _row(database, _ITEMS)
    values, distinct_bytes = _row(database, "SELECT count(*), coalesce(sum(size), 0) FROM blobs")
    began, ended = _row(database, "SELECT min(started_ns), max(finished_ns) FROM operations")
    (unfinished,) = _row(database, _UNFINISHED)
    return Statistics(
        operations=operations, variables=variables,
        errors=dict(database.query(_ERRORS)), unfinished=unfinished, models=_models(database),
        items=items, versions=versions, deletions=deletions, values=values,
        recorded_bytes=sum(kind.recorded_bytes for kind in variables),
        distinct_bytes=distinct_bytes, file_bytes=_file_bytes(database.path),
        seconds=(ended - began) / 1e9 if began is not None and ended is not None else 0.0,
        growth=_growth(database), largest=_largest(database),
    )  # fmt: skip


_OPERATIONS = (
    "SELECT kind, count(*), count(error_type),"
    " coalesce(sum(finished_ns - started_ns), 0) / 1e6,"
    " coalesce(max(finished_ns - started_ns), 0) / 1e6"
    " FROM operations GROUP BY kind ORDER BY count(*) DESC, kind"
)
_VARIABLES = (
    "SELECT kind, count(*), count(DISTINCT digest), sum(size), max(size)"
    " FROM variables JOIN blobs USING (digest) GROUP BY kind ORDER BY count(*) DESC, kind"
)
_ERRORS = (
    "SELECT error_type, count(*) FROM operations WHERE error_type IS NOT NULL"
    " GROUP BY error_type ORDER BY count(*) DESC, error_type"
)
_UNFINISHED = "SELECT count(*) FROM operations WHERE finished_ns IS NULL AND error_type IS NULL"
_ITEMS = (
    "SELECT count(DISTINCT item), count(*), coalesce(sum(is_deletion), 0) FROM variables"
    " WHERE item IS NOT NULL AND source IS NULL"
)
_GROWTH = (
    f"SELECT min({_PARTS - 1}, number * {_PARTS} / ?), sum(size)"
    " FROM variables JOIN blobs USING (digest) GROUP BY 1"
)
_LARGEST_VALUES = (
    "SELECT min(v.number), v.kind, b.size FROM variables v"
    f" JOIN (SELECT digest, size FROM blobs ORDER BY size DESC LIMIT {_LARGEST}) b USING (digest)"
    " GROUP BY digest ORDER BY b.size DESC, 1"
)


def _row(database: Database, statement: str) -> tuple[Any, ...]:
    """The one row of a statement that always has one."""
    row = database.one(statement)
    assert row is not None, statement
    return row


def _models(database: Database) -> dict[str, dict[str, float]]:
    """Usage added up by model; whatever in it is a number counts."""
    models: dict[str, dict[str, float]] = {}
    for model, usage in database.query(
        "SELECT model, usage FROM operations WHERE model IS NOT NULL OR usage IS NOT NULL"
    ):
        sums = models.setdefault(model or "not named", defaultdict(float, operations=0.0))
        sums["operations"] += 1
        with schema.readable(database.path):
            for key, number in json.loads(usage or "{}").items():
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    sums[key] += number
    return {model: dict(sums) for model, sums in models.items()}


def _growth(database: Database) -> tuple[int, ...]:
    (last,) = _row(database, "SELECT coalesce(max(number), 0) FROM variables")
    parts = dict(database.query(_GROWTH, (last + 1,)))
    return tuple(int(parts.get(part, 0)) for part in range(_PARTS))


def _largest(database: Database) -> tuple[tuple[str, str, int], ...]:
    found = database.query(_LARGEST_VALUES)
    return tuple((variable_id(number), kind, size) for number, kind, size in found)


def _file_bytes(path: Path) -> int:
    beside = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)
