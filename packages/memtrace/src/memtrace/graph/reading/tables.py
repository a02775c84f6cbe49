"""A trace as three tables: operations, variables with their values as text, and edges.

In: an open trace. Out: Arrow record batches, streamed to files, so that memory stays bounded.
Nested things (parameters, usage, metadata) are JSON texts, since traces differ in what they hold.
"""

from __future__ import annotations

import atexit
import base64
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.extras import require
from memtrace.graph.storage.values import encode
from memtrace.types import Operation, Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["COLUMNS", "to_datasets", "to_parquet"]

_EXTRA = "lmcommon[datasets]"
_ROWS_AT_ONCE = 2_000
_CHARS_AT_ONCE = 8_000_000

_ID = {"id": "string", "seq": "int64"}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "operations": {
        **_ID, "end_seq": "int64", "kind": "string", "name": "string", "parent": "string",
        "status": "string", "model": "string", "error_type": "string", "error_message": "string",
        "started_ns": "int64", "finished_ns": "int64", "parameters": "string", "usage": "string",
        "metadata": "string",
    },
    "variables": {
        **_ID, "kind": "string", "name": "string", "item": "string", "version": "int64",
        "is_deletion": "bool", "producer": "string", "role": "string", "position": "int64",
        "source": "string", "encoding": "string", "size": "int64", "digest": "string",
        "created_ns": "int64", "metadata": "string", "value": "large_string",
    },
    "edges": {
        "source": "string", "target": "string", "operation": "string", "variable": "string",
        "direction": "string", "role": "string", "position": "int64",
    },
}  # fmt: skip
"""Columns of each table, by name, with their Arrow types."""


def to_datasets(trace: Trace, folder: str | Path | None) -> dict[str, Any]:
    """See `Trace.to_datasets`."""
    datasets = require("datasets", extra=_EXTRA)
    arrow = require("pyarrow", extra=_EXTRA)
    if folder is None:
        target = Path(tempfile.mkdtemp(prefix="memtrace-"))
        atexit.register(shutil.rmtree, target, ignore_errors=True)  # the tables are mapped from it
    else:
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)

    def writer(path: Path, schema: Any) -> Any:
        return arrow.ipc.new_stream(str(path), schema)

    paths = _write(trace, target, "arrow", writer)
    made: dict[str, Any] = datasets.DatasetDict(
        {table: datasets.Dataset.from_file(str(path)) for table, path in paths.items()}
    )
    return made


def to_parquet(trace: Trace, folder: str | Path) -> dict[str, Path]:
    """See `Trace.to_parquet`."""
    parquet = require("pyarrow.parquet", extra=_EXTRA)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return _write(
        trace, target, "parquet", lambda path, schema: parquet.ParquetWriter(path, schema)
    )


def _write(trace: Trace, folder: Path, suffix: str, writer: Any) -> dict[str, Path]:
    """Write each table to a file; all show the same moment of the trace."""
    arrow = require("pyarrow", extra=_EXTRA)
    sources = {
        "operations": map(_operation, trace.operations()),
        "variables": (_variable(trace, variable) for variable in trace.variables()),
        "edges": _edges(trace),
    }
    paths = {table: folder / f"{table}.{suffix}" for table in COLUMNS}
    with trace.snapshot():
        for table, columns in COLUMNS.items():
            schema = arrow.schema(
                [(name, arrow.type_for_alias(kind)) for name, kind in columns.items()]
            )
            with writer(paths[table], schema) as out:
                for rows in _batched(sources[table]):
                    out.write_batch(arrow.RecordBatch.from_pylist(rows, schema=schema))
    return paths


def _batched(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in batches that end early when their values are long."""
    batch: list[dict[str, Any]] = []
    chars = 0
    for row in rows:
        batch.append(row)
        chars += len(row.get("value") or "")
        if len(batch) == _ROWS_AT_ONCE or chars > _CHARS_AT_ONCE:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _operation(operation: Operation) -> dict[str, Any]:
    error = operation.error
    return {
        **{name: getattr(operation, name, None) for name in COLUMNS["operations"]},
        "error_type": None if error is None else error.type,
        "error_message": None if error is None else error.message,
        **{name: _json(getattr(operation, name)) for name in ("parameters", "usage", "metadata")},
    }


def _variable(trace: Trace, variable: Variable) -> dict[str, Any]:
    return {
        **{name: getattr(variable, name, None) for name in COLUMNS["variables"]},
        "metadata": _json(variable.metadata),
        "value": _text(trace.value(variable.id)),
    }


def _edges(trace: Trace) -> Iterator[dict[str, Any]]:
    for operation in trace.operations():
        for direction, roles in (("input", operation.inputs), ("output", operation.outputs)):
            for role, ids in roles.items():
                for position, variable in enumerate(ids):
                    is_input = direction == "input"
                    yield {
                        "source": variable if is_input else operation.id,
                        "target": operation.id if is_input else variable,
                        "operation": operation.id, "variable": variable, "direction": direction,
                        "role": role, "position": position,
                    }  # fmt: skip


def _text(value: Any) -> str:
    """Text as it is, bytes in base 64, anything else as the JSON in which it is stored."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    text = value if isinstance(value, str) else str(encode(value, "value")[1])
    return text.encode("utf-8", "replace").decode()


def _json(value: Mapping[str, Any]) -> str:
    if not value:
        return "{}"
    return json.dumps(dict(value), ensure_ascii=False).encode("utf-8", "replace").decode()
