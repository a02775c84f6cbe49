"""Writing smartcomment / MemTraceBench JSON, record by record.

In: a trace. Out: a file. Records that came with an import are written as they were, with the values
of their nodes from the trace; what was recorded by memtrace is written as `smartcomment_native`
says; a trace may hold both. The file is whole or not there.
"""

from __future__ import annotations

import json
import os
import uuid
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from lmcommon.errors import UserError
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.trace import Trace
from memtrace.graph.storage.blobs import DAMAGE
from memtrace.interchange.smartcomment.annotations import Annotation
from memtrace.interchange.smartcomment.native import NativeRecords
from memtrace.interchange.smartcomment.records import has_records, read_numbers, read_records
from memtrace.interchange.smartcomment.time import from_ns
from memtrace.interchange.smartcomment.values import KEPT, write
from memtrace.interchange.target import checked_target
from memtrace.interchange.types import ExportReport

__all__ = ["export_memtracebench"]

_OURS = frozenset({"run", "sessions", "schema", "graph", "memtracebench", "annotations",
                   "annotation_links"})  # fmt: skip
_LISTS = ("sessions", "nodes", "operations", "edges")


def export_memtracebench(
    trace: Trace | str | Path, path: str | Path, *, annotations: Sequence[Annotation] = ()
) -> ExportReport:
    """Write a trace as a file that smartcomment loads.

    An imported trace gives a file equal to the original, field by field; annotations are those of
    `Trace.metadata["annotations"]`. What was recorded onto it since follows.

    Args:
        trace: The trace, or its path.
        path: The file to write; one that is there already is replaced, unless it is a trace.
        annotations: Labels to write into `data.annotations`, with ids of the trace; for a trace
            that memtrace recorded. What their `record` holds besides is written too.

    Raises:
        ValueError: Annotations for a trace that was imported: it has its own.
        UserError: When the trace cannot be read or is damaged, or the file cannot be written.
    """
    target = checked_target(path)
    with ExitStack() as stack:
        opened = trace if isinstance(trace, Trace) else stack.enter_context(Trace(trace))
        database = Database(opened.path)
        stack.callback(database.close)
        export = _Export(opened, database, annotations)
        partial = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                export.write(file)
            os.replace(partial, target)
        except OSError as error:
            raise UserError(f"{target}: expected a file to write; {error.strerror}") from error
        except (*DAMAGE, RecursionError) as error:
            raise UserError(
                f"{opened.path}: the records of the import are damaged: {error}"
            ) from error
        finally:
            partial.unlink(missing_ok=True)
    return ExportReport(
        source=opened.path, target=str(target), format="memtracebench",
        written=export.counts["operations"],
        counts={**export.counts, "bytes": target.stat().st_size},
    )  # fmt: skip


class _Export:
    def __init__(
        self, trace: Trace, database: Database, annotations: Sequence[Annotation] = ()
    ) -> None:
        self._trace, self._database, self._annotations = trace, database, annotations
        self._meta = trace.metadata
        self._is_imported = has_records(database.connection) and "memtracebench" in self._meta
        if annotations and self._is_imported:
            raise ValueError(f"annotations: expected none, {trace.path} came with its own")
        self.counts = dict.fromkeys(_LISTS, 0)

    def write(self, file: TextIO) -> None:
        """Write everything."""
        graph = dict(self._meta.get("graph", {})) if self._is_imported else self._own_graph()
        layout = self._meta["memtracebench"] if self._is_imported else None
        names = layout["top"] if layout else [*graph, "data"]
        file.write("{")
        for place, name in enumerate(names):
            file.write(f"{',' if place else ''}\n{json.dumps(name)}: ")
            if name == "data":
                self._data(file, layout["data"] if layout else [(key, None) for key in _LISTS])
            else:
                file.write(_text(graph[name]))
        file.write("\n}\n")

    def _own_graph(self) -> dict[str, Any]:
        note = {key: value for key, value in self._meta.items() if key not in _OURS}
        return {
            "graph_id": self._graph_id(), "user_id": None, "project_id": "memtrace",
            "storage_path": None, "strict": False, "driver_type": "in_memory",
            "created_at": from_ns(self._start_ns()), "metadata": {"memtrace": note},
        }  # fmt: skip

    def _start_ns(self) -> int:
        return next((operation.started_ns for operation in self._trace.operations()), 0)

    def _graph_id(self) -> str:
        known = self._meta.get("graph", {}).get("graph_id")
        return known if isinstance(known, str) else f"graph-{self._meta.get('run', '0')}"

    def _data(self, file: TextIO, layout: Sequence[Sequence[Any]]) -> None:
        native = self._native()
        own: dict[str, Iterable[Any]] = {}
        if native is not None:
            own = {
                "sessions": native.sessions(), "nodes": native.nodes(),
                "operations": native.operations(), "edges": native.edges_of(),
            }  # fmt: skip
            if self._annotations:
                own["annotations"] = (_annotation(one, native) for one in self._annotations)
        names = [name for name, _ in layout]
        sections = [*layout, *((name, None) for name in own if name not in names)]
        file.write("{")
        for place, (name, other) in enumerate(sections):
            file.write(f"{',' if place else ''}\n{json.dumps(name)}: ")
            if other is not None:
                file.write(_text(other["value"]))
            else:
                self._list(file, name, chain(self._kept(name), own.get(name, ())))
        file.write("\n}")

    def _list(self, file: TextIO, name: str, records: Iterable[Any]) -> None:
        file.write("[")
        count = 0
        for count, record in enumerate(records, 1):
            file.write(f"{',' if count > 1 else ''}\n{_text(record)}")
        file.write("]")
        self.counts[name] = count

    def _native(self) -> NativeRecords | None:
        """What memtrace recorded itself; None when everything came in."""
        if not self._is_imported:
            return NativeRecords(self._trace, self._graph_id())
        last = int(self._meta["memtracebench"]["last_number"])
        if self._trace.last_seq <= last:
            return None
        return NativeRecords(self._trace, self._graph_id(), since_seq=last + 1)

    def _kept(self, name: str) -> Iterator[Any]:
        if not self._is_imported:
            return
        if name == "annotations":
            yield from self._meta["annotations"]
        elif name == "nodes":
            yield from self._nodes()
        else:
            yield from read_records(self._database.connection, name)

    def _nodes(self) -> Iterator[Any]:
        numbers: array[int] = read_numbers(self._database.connection)
        records = read_records(self._database.connection, "nodes")
        for number, (record, written, *kept) in zip(numbers, records, strict=True):
            if written == KEPT:
                record["value"] = kept[0]
            elif written is not None:
                record["value"] = write(self._trace.value(f"var-{number}"), written)
            yield record


def _annotation(one: Annotation, native: NativeRecords) -> dict[str, Any]:
    """A label in the words of the benchmark."""
    ids = {
        "query_id": one.question, "golden_answers_id": one.gold, "prediction_id": one.prediction
    }  # fmt: skip
    return {
        **one.record,
        **{key: native.node_id(variable) for key, variable in ids.items() if variable},
        "source_evidence_ids": [native.node_id(variable) for variable in one.evidence],
        "final_error_type": one.error_type, "final_op_id": one.operation or "null",
    }  # fmt: skip


def _text(value: Any) -> str:
    """JSON; escaped where UTF-8 cannot hold it."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
