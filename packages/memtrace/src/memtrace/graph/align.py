"""Which operation of one run is which of another, where ids say nothing.

In: two traces. Out: pairs of operations. An operation is known by its kind, its name, its parent's
kind and name, and its *anchor*: the named values from outside that it reads (the turns `D1:1` to
`D1:9`, the question `q3`), or else those of the operation that made its first input. So a session
that one run left out shifts nothing. Within a group, equal inputs pair first, then the order does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memtrace.types import Operation, Variable

if TYPE_CHECKING:
    from memtrace.graph.trace import Trace

__all__ = ["Aligned", "Side", "align"]

_Digests = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What ties an operation to the world outside."""

    names: Hashable = ()
    is_by_content: bool = False
    """Whether the sources had no names, so that their values had to do."""


class Side:
    """One run, read once: operations, variables, anchors."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.variables: dict[str, Variable] = {v.id: v for v in trace.variables()}
        self.operations: dict[str, Operation] = {}
        self.anchors: dict[str, _Anchor] = {}
        self._questions: dict[str, str] = {}
        for operation in trace.operations():
            self.operations[operation.id] = operation
            self.anchors[operation.id] = self._anchor(operation)
            if question := self._question(operation):
                self._questions[operation.id] = question

    @property
    def sources(self) -> Iterator[Variable]:
        """Variables from outside."""
        return (v for v in self.variables.values() if v.producer is None)

    def question(self, operation: str) -> Variable | None:
        """The question that an operation works on."""
        found = self._questions.get(operation)
        return None if found is None else self.variables[found]

    def is_template(self, identifier: str) -> bool:
        """Whether a variable is a prompt given from outside: how it is done, not what with."""
        variable = self.variables[identifier]
        return variable.kind == "prompt" and variable.producer is None

    def digests(self, roles: Mapping[str, tuple[str, ...]], *, templates: bool) -> _Digests:
        """Role to content, of the prompt templates or of everything else."""
        kept = (
            (role, tuple(self.variables[v].digest for v in ids if self._counts(v, templates)))
            for role, ids in sorted(roles.items())
        )
        return tuple((role, digests) for role, digests in kept if digests)

    def _counts(self, identifier: str, templates: bool) -> bool:
        variable = self.variables.get(identifier)
        if variable is None or variable.kind == "request":
            return False
        return self.is_template(identifier) == templates

    def _anchor(self, operation: Operation) -> _Anchor:
        inputs = [self.variables[v] for v in operation.input_ids if self._counts(v, False)]
        outside = [v for v in inputs if v.producer is None]
        if named := {(v.kind, v.name) for v in outside if v.name is not None}:
            return _Anchor(frozenset(named))
        if outside:
            return _Anchor(frozenset((v.kind, v.digest) for v in outside), is_by_content=True)
        for variable in inputs:
            found = self.anchors.get(variable.producer or "")
            if found is not None and found.names:
                return found
        return _Anchor()

    def _question(self, operation: Operation) -> str | None:
        for identifier in operation.input_ids:
            variable = self.variables[identifier]
            if variable.kind == "question":
                return identifier
            if found := self._questions.get(variable.producer or ""):
                return found
        return None

    def key(self, operation: Operation) -> Hashable:
        """What an operation is known by."""
        anchor = self.anchors[operation.id]
        return (*self.loose_key(operation), anchor.names)

    def loose_key(self, operation: Operation) -> tuple[Hashable, ...]:
        """The same without the anchor."""
        parent = self.operations.get(operation.parent or "")
        inside = () if parent is None else (parent.kind, parent.name)
        return operation.kind, operation.name, inside

    def inputs(self, operation: str) -> _Digests:
        """What went in, by role, without prompt templates."""
        return self.digests(self.operations[operation].inputs, templates=False)


_Key = Callable[[Side, Operation], Hashable]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Pairs in the order of the first run, and what has no partner."""

    pairs: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    """Only in the first run."""
    added: tuple[str, ...]
    """Only in the second."""


def align(a: Side, b: Side) -> Aligned:
    """Pair the operations of two runs."""
    partners = dict(_paired(a, b, a.operations, b.operations, Side.key))
    rest_a, rest_b = _rest(a, b, partners)
    # What has no names to go by is paired by order alone, so that an edited text is one change.
    soft_a = [op for op in rest_a if a.anchors[op].is_by_content]
    soft_b = [op for op in rest_b if b.anchors[op].is_by_content]
    partners |= dict(_paired(a, b, soft_a, soft_b, Side.loose_key))
    pairs = tuple((op, partners[op]) for op in a.operations if op in partners)
    return Aligned(pairs, *_rest(a, b, partners))


def _rest(a: Side, b: Side, partners: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    taken = set(partners.values())
    return (
        tuple(op for op in a.operations if op not in partners),
        tuple(op for op in b.operations if op not in taken),
    )


def _paired(
    a: Side, b: Side, from_a: Iterable[str], from_b: Iterable[str], key: _Key
) -> Iterator[tuple[str, str]]:
    groups: dict[Hashable, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, (side, ids) in enumerate(((a, from_a), (b, from_b))):
        for identifier in ids:
            groups[key(side, side.operations[identifier])][place].append(identifier)
    for ours, theirs in groups.values():
        if len(ours) == len(theirs) == 1:
            yield ours[0], theirs[0]
        elif ours and theirs:
            yield from _paired_within(a, b, ours, theirs)


def _paired_within(
    a: Side, b: Side, ours: list[str], theirs: list[str]
) -> Iterator[tuple[str, str]]:
    """Operations of one group: first those with equal inputs, then in order."""
    waiting: dict[Hashable, list[str]] = defaultdict(list)
    for identifier in reversed(theirs):
        waiting[b.inputs(identifier)].append(identifier)
    left: list[str] = []
    taken = set[str]()
    for identifier in ours:
        if same := waiting.get(a.inputs(identifier)):
            taken.add(same[-1])
            yield identifier, same.pop()
        else:
            left.append(identifier)
    yield from zip(left, [other for other in theirs if other not in taken], strict=False)
