"""The nouns of a trace: operations, variables and slices of the graph between them.

A trace is a bipartite, directed, acyclic graph. A *variable* is one immutable version of one value
(a message, a prompt, a memory item version, an answer); an *operation* is a named step that read
some variables and made others. Both draw their `seq` from one counter, so a trace has a total
order, and an edge always runs from a lower number to a higher one. Identity is the id, never the
content: two equal texts are two variables that share one stored blob.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

__all__ = [
    "INTERRUPTED", "Operation", "OperationError", "OperationStatus", "SearchHit", "Slice",
    "Variable",
]  # fmt: skip

OperationStatus = Literal["ok", "error", "running"]

INTERRUPTED = "Interrupted"
"""`OperationError.type` of an operation that never finished: its process died or stopped first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One version of one value. The value itself is read by `Trace.value(variable.id)`.

    Example:
        `Variable(id="var-12", seq=12, kind="memory_item", role="chunk", producer="op-11",
        item="chunk-3", version=1, encoding="text", size=42, digest="9f...", created_ns=...)`
    """

    id: str
    seq: int
    """Place in the total order that operations and variables share."""
    kind: str
    """Free text. In use: message, question, prompt, memory_item, hit, context, answer, verdict,
    deletion, no_op, and value for whatever was not given a kind."""
    name: str | None = None
    """A name from outside, such as a turn id; need not be unique."""
    item: str | None = None
    """Id of the memory item this is a version of."""
    version: int | None = None
    """Version number of the item, from 1. A copy keeps the number of what it copies."""
    is_deletion: bool = False
    """Whether this marks the end of the item. Such a variable has the value None."""
    producer: str | None = None
    """Id of the operation that made it; None for an input from outside."""
    role: str | None = None
    """The name of the output of `producer` that this is."""
    position: int = 0
    """Place (from 0) among the outputs of that role."""
    source: str | None = None
    """The variable this is an unchanged copy of (a stored item that a search returned)."""
    encoding: str = "text"
    """How the value is written: text, json, tagged (JSON with tags for tuples, sets) or bytes."""
    size: int = 0
    """Bytes of the encoded value before compression."""
    digest: str = ""
    """BLAKE2b of encoding and content (hex, 128 bits): equal exactly for equal values."""
    created_ns: int = 0
    """Unix time in nanoseconds."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperationError:
    """Why an operation failed. Example: `OperationError("TimeoutError", "no reply in 30 s")`."""

    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step: what went in by role, what came out by role, with what parameters.

    Example:
        `Operation(id="op-20", seq=20, end_seq=24, kind="retrieval", name="retrieve",
        inputs={"query": ("var-19",)}, outputs={"hits": ("var-21", "var-22")},
        parameters={"top_k": 2}, started_ns=..., finished_ns=...)`
    """

    id: str
    seq: int
    """Drawn when the operation started: `Trace.state_at(seq)` is the memory it found."""
    end_seq: int | None = None
    """Drawn when it finished: `Trace.state_at(end_seq)` is the memory it left. None: unfinished."""
    kind: str
    """Free text. In use: ingest, chunking, index, extraction, update, trim, deletion, retrieval,
    context, answer, judge, session, and operation for whatever was not given a kind."""
    name: str
    parent: str | None = None
    """Id of the operation it ran inside."""
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Role to variable ids, in the order given."""
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Tokens, calls, cost and latency, added up over the calls of the operation."""
    error: OperationError | None = None
    started_ns: int = 0
    """Unix time in nanoseconds."""
    finished_ns: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> OperationStatus:
        """`running` also stands for an operation whose process was killed and never resumed."""
        if self.error is not None:
            return "error"
        return "running" if self.finished_ns is None else "ok"

    @property
    def input_ids(self) -> tuple[str, ...]:
        """All input variables, role after role."""
        return tuple(chain.from_iterable(self.inputs.values()))

    @property
    def output_ids(self) -> tuple[str, ...]:
        """All output variables, role after role."""
        return tuple(chain.from_iterable(self.outputs.values()))

    @property
    def latency_ms(self) -> float | None:
        """Wall time of the whole operation; None while it is unfinished."""
        return None if self.finished_ns is None else (self.finished_ns - self.started_ns) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A text that was found: the first variable that holds it.

    Example:
        `SearchHit(variable="var-12", kind="message", score=4.2, snippet="I moved to Lisbon",
        holders=3)`
    """

    variable: str
    """Id of the first variable, in `seq` order, that holds the text."""
    kind: str
    """Kind of that variable."""
    score: float
    """Higher is better: BM25, the cosine, or 1 for a pattern. Of one search, comparable."""
    snippet: str
    """A line of the text around what was found."""
    holders: int
    """How many variables hold the text."""


class Slice:
    """A part of the graph: operations and variables in `seq` order. Immutable and comparable.

    It holds numbers in two compact arrays and makes ids when asked, so a slice of a million
    operations costs megabytes. Test ids with `in`, which takes no pass over it.

    Example:
        `Slice(operations=("op-3", "op-9"), variables=("var-1", "var-4", "var-10"))`

    Args:
        operations: Ids of operations, in any order.
        variables: Ids of variables, in any order.

    Raises:
        ValueError: For anything but ids.
    """

    __slots__ = ("_operations", "_variables")

    def __init__(self, operations: Iterable[str] = (), variables: Iterable[str] = ()) -> None:
        self._operations = _sorted(_number(part, "op-") for part in operations)
        self._variables = _sorted(_number(part, "var-") for part in variables)

    @classmethod
    def of_numbers(cls, operations: Iterable[int], variables: Iterable[int]) -> Slice:
        """The slice with these numbers; see `Operation.seq` and `Variable.seq`.

        Args:
            operations: Numbers in any order; an `array("q")` must be ascending.
            variables: Likewise.
        """
        made = cls()
        made._operations, made._variables = _sorted(operations), _sorted(variables)
        return made

    @property
    def operations(self) -> tuple[str, ...]:
        """Ids of its operations. Made anew each time."""
        return tuple([f"op-{number}" for number in self._operations])

    @property
    def variables(self) -> tuple[str, ...]:
        """Ids of its variables. Made anew each time."""
        return tuple([f"var-{number}" for number in self._variables])

    @property
    def operation_numbers(self) -> Sequence[int]:
        """Numbers of its operations, ascending; a read-only view that NumPy takes up as it is."""
        return memoryview(self._operations).toreadonly()

    @property
    def variable_numbers(self) -> Sequence[int]:
        """Numbers of its variables, ascending; a read-only view that NumPy takes up as it is."""
        return memoryview(self._variables).toreadonly()

    def __contains__(self, node: object) -> bool:
        if not isinstance(node, str):
            return False
        prefix, _, digits = node.partition("-")
        held = {"op": self._operations, "var": self._variables}.get(prefix)
        if held is None or not (digits.isascii() and digits.isdigit()):
            return False
        number = int(digits)
        place = bisect_left(held, number)
        return place < len(held) and held[place] == number

    def __len__(self) -> int:
        return len(self._operations) + len(self._variables)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Slice):
            return NotImplemented
        return self._operations == other._operations and self._variables == other._variables

    def __hash__(self) -> int:
        return hash((self._operations.tobytes(), self._variables.tobytes()))

    def __repr__(self) -> str:
        if len(self) <= 20:
            return f"Slice(operations={self.operations}, variables={self.variables})"
        return f"<Slice of {len(self._operations)} operations, {len(self._variables)} variables>"


_DIGITS = 18
"""What fits into eight bytes."""


def _sorted(numbers: Iterable[int]) -> array[int]:
    """The numbers once each, ascending; an array is taken to be so already."""
    if isinstance(numbers, array):
        return numbers
    return array("q", sorted(set(numbers)))


def _number(identifier: str, prefix: str) -> int:
    digits = identifier.removeprefix(prefix) if isinstance(identifier, str) else ""
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    if digits == identifier or not is_number:
        raise ValueError(f"expected an id such as '{prefix}12'; got {identifier!r}")
    return int(digits)
