"""Reading a trace: lazily, by streams, while it may still be written.

In: a trace file. Out: operations, variables, values, the graph, and what the memory held at any
moment. Nothing is read before it is asked for; a value is decoded only by `value`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from memtrace.graph.ids import operation_number, variable_number
from memtrace.graph.reading import rows
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.graph import Graph
from memtrace.graph.reading.parts import Parts, batches
from memtrace.graph.recording.handle import Handle
from memtrace.graph.searching.search import Search
from memtrace.graph.storage import schema
from memtrace.graph.storage.blobs import BlobReader
from memtrace.types import Operation, SearchHit, Slice, Variable

if TYPE_CHECKING:
    import networkx

    from lmcommon.embed import Embedder
    from memtrace.graph.explaining.edges import EdgeWarning
    from memtrace.graph.explaining.why import Why
    from memtrace.graph.explaining.why_not import WhyNot

__all__ = ["Trace", "open"]


def open(path: str | Path) -> Trace:
    """Open a trace file for reading; a recording may be writing it meanwhile.

    Args:
        path: A file written by `memtrace.record`.

    Raises:
        UserError: If there is no such file, or it is no trace, damaged, or of a newer version.
    """
    return Trace(path)


class Trace:
    """A trace file, open for reading. Use as a context manager, or `close()` it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._database = Database(self.path)
        self._query = self._database.query
        self._parts = Parts(self._database)
        self._blobs = BlobReader(self._database.connection, self.path)

    def __enter__(self) -> Trace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Release the file."""
        if "_search" in self.__dict__:
            self._search.close()
        self._database.close()

    # Parts ----------------------------------------------------------------------------------

    @property
    def metadata(self) -> dict[str, Any]:
        """What the run told about itself: `run` (id), `sessions` (versions), and its own keys."""
        found = list(self._query("SELECT key, value FROM meta"))
        with schema.readable(self.path):
            return {key: json.loads(value) for key, value in found}

    @property
    def counts(self) -> dict[str, int]:
        """How many operations, variables, values (distinct) and input edges there are."""
        tables = {"operations": "operations", "variables": "variables", "values": "blobs",
                  "inputs": "inputs"}  # fmt: skip
        return {
            name: next(self._query(f"SELECT count(*) FROM {table}"))[0]
            for name, table in tables.items()
        }

    @property
    def last_seq(self) -> int:
        """The highest sequence number used; `state_at(last_seq)` is the memory at the end."""
        return self._database.number(rows.LAST_NUMBER) or 0

    def operation(self, identifier: str) -> Operation:
        """One operation with its inputs and outputs.

        Raises:
            KeyError: If the trace has no such operation.
            ValueError: If the identifier is not an operation's.
        """
        found = self._parts.operations("WHERE number = ?", (operation_number(identifier),))
        for operation in found:
            return operation
        raise KeyError(f"expected an operation of {self.path}; there is no {identifier!r}")

    def operations(
        self, *, kind: str | None = None, name: str | None = None, parent: str | None = None,
        ids: Iterable[str] | None = None, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Iterator[Operation]:  # fmt: skip
        """Stream operations in `seq` order, those that meet every condition given.

        Args:
            kind: Of this kind.
            name: Of this name.
            parent: Directly inside this operation.
            ids: Among these (a slice's `operations`).
            since_seq: Started at or after this number.
            until_seq: Started at or before this number.
        """
        if ids is not None:
            numbers = {operation_number(identifier) for identifier in ids}
            if since_seq is not None or until_seq is not None:
                low, high = since_seq or 0, math.inf if until_seq is None else until_seq
                numbers = {number for number in numbers if low <= number <= high}
            for chunk in batches(sorted(numbers)):
                where = f"WHERE number IN ({','.join('?' * len(chunk))}) ORDER BY number"
                for operation in self._parts.operations(where, chunk, kind, name):
                    if parent in (None, operation.parent):
                        yield operation
            return
        conditions = {
            "kind = ?": kind, "name = ?": name,
            "parent = ?": None if parent is None else operation_number(parent),
            "number >= ?": since_seq, "number <= ?": until_seq,
        }  # fmt: skip
        where, values = rows.where(conditions)
        yield from self._parts.operations(f"{where} ORDER BY number", values)

    def variable(self, identifier: str) -> Variable:
        """One variable, without its value.

        Raises:
            KeyError: If the trace has no such variable.
            ValueError: If the identifier is not a variable's.
        """
        number = variable_number(identifier)
        for variable in self._parts.variables("WHERE v.number = ?", (number,)):
            return variable
        raise KeyError(f"expected a variable of {self.path}; there is no {identifier!r}")

    def variables(
        self, *, kind: str | None = None, name: str | None = None, item: str | None = None,
        producer: str | None = None, role: str | None = None, ids: Iterable[str] | None = None,
    ) -> Iterator[Variable]:  # fmt: skip
        """Stream variables in `seq` order, those that meet every condition given.

        Args:
            kind: Of this kind.
            name: Of this name.
            item: Versions and copies of this memory item.
            producer: Made by this operation.
            role: Made in this role.
            ids: Among these (a slice's `variables`).
        """
        conditions = {
            "v.kind = ?": kind, "v.name = ?": name, "v.item = ?": item, "v.role = ?": role,
            "v.producer = ?": None if producer is None else operation_number(producer),
        }  # fmt: skip
        if ids is None:
            yield from self._parts.variables(*rows.where(conditions))
            return
        for chunk in batches(sorted({variable_number(identifier) for identifier in ids})):
            among = f"v.number IN ({','.join('?' * len(chunk))})"
            where, values = rows.where(conditions, among)
            yield from self._parts.variables(where, (*chunk, *values))

    def value(self, identifier: str) -> Any:
        """The value of a variable, as it was recorded.

        Raises:
            KeyError: If the trace has no such variable.
            UserError: If the stored bytes are damaged.
        """
        return self._blobs.value(variable_number(identifier))

    # The graph ------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:
        """Slices and neighbours. What it has read stays until `refresh()`."""
        return Graph(self._database)

    @cached_property
    def _search(self) -> Search:
        return Search(self._database, self._blobs)

    def refresh(self) -> None:
        """Forget the graph read so far."""
        self.__dict__.pop("graph", None)

    def upstream(
        self, variable: str | Handle[Any], *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Iterator[Operation]:  # fmt: skip
        """The operations behind a variable, in `seq` order; see `Graph.upstream`."""
        found = self.graph.upstream(_id(variable), since_seq=since_seq, until_seq=until_seq)
        return self.operations(ids=found.operations)

    def downstream(
        self, variable: str | Handle[Any], *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Iterator[Operation]:  # fmt: skip
        """The operations a variable could have had an influence on; see `Graph.downstream`."""
        found = self.graph.downstream(_id(variable), since_seq=since_seq, until_seq=until_seq)
        return self.operations(ids=found.operations)

    def between(
        self, source: str | Handle[Any], target: str | Handle[Any], *,
        since_seq: int | None = None, until_seq: int | None = None,
    ) -> Iterator[Operation]:  # fmt: skip
        """The operations on the ways from one variable to another; see `Graph.between`."""
        found = self.graph.between(
            _id(source), _id(target), since_seq=since_seq, until_seq=until_seq
        )
        return self.operations(ids=found.operations)

    def children(self, operation: str) -> Iterator[Operation]:
        """The operations that ran directly inside an operation, in `seq` order."""
        return self.operations(parent=operation, since_seq=operation_number(operation))

    def roots(self) -> Iterator[Operation]:
        """The operations that ran inside no other, in `seq` order."""
        return self._parts.operations("WHERE parent IS NULL ORDER BY number", ())

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything read inside the block show one moment, whatever is recorded meanwhile."""
        return self._database.snapshot()

    def to_networkx(
        self, *, slice: Slice | None = None, values: bool = False
    ) -> networkx.DiGraph[str]:
        """The trace, or a slice of it, as a bipartite `networkx.DiGraph`.

        Nodes are ids. Variables carry `bipartite=0, type="variable"`, operations `bipartite=1,
        type="operation"`, both their kind, name and seq and what else `memtrace.types` lists.
        Edges carry `role` and `position`; if an operation read a variable more than once, `also`
        lists the other roles and positions.

        Args:
            slice: Only these operations and variables, and the edges between them.
            values: Put the value of every variable into its attribute `value`.
        """
        from memtrace.graph.reading.network import to_networkx

        return to_networkx(self, slice, values=values)

    def to_datasets(self, folder: str | Path | None = None) -> dict[str, Any]:
        """The trace as a `datasets.DatasetDict` of operations, variables and edges.

        Rows are written to Arrow files as they stream and mapped from there, so memory stays
        bounded. Values come as text (bytes in base 64, structures as JSON; see `encoding`);
        parameters, usage and metadata as JSON.

        Args:
            folder: Where the Arrow files go; by default a temporary folder, gone at exit.

        Raises:
            MissingExtraError: Without `datasets`.
        """
        from memtrace.graph.reading.tables import to_datasets

        return to_datasets(self, folder)

    def to_parquet(self, folder: str | Path) -> dict[str, Path]:
        """The tables of `to_datasets` as Parquet files in a folder; returns their paths."""
        from memtrace.graph.reading.tables import to_parquet

        return to_parquet(self, folder)

    # Search -----------------------------------------------------------------------------------

    def search(
        self, text: str, *, limit: int = 20, kind: str | Collection[str] | None = None,
        operation: str | None = None, within: Slice | None = None, raw: bool = False,
        embedder: Embedder | None = None,
    ) -> list[SearchHit]:  # fmt: skip
        """Texts that hold the words, best first; if none holds all, those that hold some.

        The first search builds an index beside the trace (`trace.db.search`, disposable), later
        ones extend it by what was recorded since. Equal texts are one hit. Big values are found
        by the kilobyte: all the words must stand near each other.

        Args:
            text: Words in any order. A word with punctuation, or in a script without blanks, is a
                phrase. Quotes, `AND`, `*` and parentheses mean nothing. Of a mapping the values
                are texts; its keys are found by `find`.
            limit: How many hits at most.
            kind: Only variables of this kind, or one of these.
            operation: Only inputs and outputs of this operation.
            within: Only variables of this slice.
            raw: Take the text as an expression of SQLite's FTS5 (`lisb*`, `NEAR(a b)`, `a OR b`).
            embedder: Search by nearness of meaning instead. Vectors of the texts that `kind`,
                `operation` and `within` leave over are made first, and kept.

        Raises:
            UserError: For a raw text that is no expression.
            KeyError: If the trace has no such operation.
        """
        kinds = (kind,) if isinstance(kind, str) else kind
        among = None if within is None else within.variable_numbers
        if operation is not None:
            around = self.operation(operation)
            numbers = map(variable_number, (*around.input_ids, *around.output_ids))
            among = sorted(numbers if among is None else set(numbers).intersection(among))
        if embedder is None:
            return self._search.words(text, limit=limit, kinds=kinds, among=among, raw=raw)
        if raw:
            raise ValueError("expected raw or embedder; got both")
        return self._search.nearest(text, embedder, limit=limit, kinds=kinds, among=among)

    def find(
        self, pattern: str | re.Pattern[str], *, kind: str | Collection[str] | None = None
    ) -> Iterator[SearchHit]:
        """Stream the texts that hold a pattern exactly, in `seq` order; each distinct text once.

        Reads every text, keys of mappings too, so it misses nothing and takes its time. Bytes are
        no text.

        Args:
            pattern: A text, or a compiled regular expression.
            kind: Only variables of this kind, or one of these.
        """
        return self._search.pattern(pattern, kinds=(kind,) if isinstance(kind, str) else kind)

    # Memory over time -----------------------------------------------------------------------

    def state_at(self, seq: int) -> dict[str, Variable]:
        """What the memory held just after sequence number `seq`: item id to its live version.

        `state_at(operation.seq)` is what an operation found, `state_at(operation.end_seq)` what
        it left behind. In the order in which the versions were made.

        Raises:
            TypeError: For anything but a number.
        """
        if not isinstance(seq, int):
            raise TypeError(f"expected a sequence number such as operation.seq; got {seq!r}")
        held = self._parts.found(self._query(rows.LIVE_AT, (seq,)))
        return {version.item: version for version in held if version.item is not None}

    def history(self, item: str) -> list[Variable]:
        """All versions of a memory item in order, deletions included, copies not.

        Raises:
            TypeError: For anything but the id of an item.
        """
        if not isinstance(item, str):
            raise TypeError(f"expected the id of a memory item, such as handle.item; got {item!r}")
        return list(self._parts.variables("WHERE v.item = ? AND v.source IS NULL", (item,)))

    # Questions ------------------------------------------------------------------------------

    def why(self, answer: str | Handle[Any]) -> Why:
        """What an answer came from: sources, operations in order, memory items read.

        Args:
            answer: Any variable; one of kind `answer`, say. `str` of the result is for people.
        """
        from memtrace.graph.explaining.why import why

        return why(self, _id(answer))

    def why_not(self, text: str, answer: str | Handle[Any] | None = None) -> WhyNot:
        """Where a text lives and dies, and at what point an answer lost it.

        Args:
            text: What should have been said; found if it stands somewhere word for word.
            answer: The answer that does not say it; None follows the text through the whole trace.
        """
        from memtrace.graph.explaining.why_not import why_not

        return why_not(self, text, None if answer is None else _id(answer))

    def check_edges(self) -> Iterator[EdgeWarning]:
        """Compare the declared inputs of operations with the literal requests they recorded.

        A stream of warnings, in `seq` order: a declared text that is not in the request, or a text
        known from before that is in the request and not declared. See `Step.request`.
        """
        from memtrace.graph.explaining.edges import check_edges

        return check_edges(self)


def _id(variable: str | Handle[Any]) -> str:
    identifier = variable.id if isinstance(variable, Handle) else variable
    if identifier is None:
        raise ValueError(f"expected a recorded variable; got {variable!r}")
    return identifier
