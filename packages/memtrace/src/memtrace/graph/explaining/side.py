"""One run as `diff` reads it: the columns that are compared, and nothing else.

In: a trace file. Out: plain rows by number, with digests for values, so that a run of a hundred
thousand operations is read in a second or two and no value is decoded.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema

__all__ = ["Anchor", "Side"]

_VARIABLES = (
    "SELECT number, kind, name, producer, role, digest, source FROM variables ORDER BY number"
)
_OPERATIONS = (
    "SELECT number, kind, name, parent, parameters, model, error_type, finished_ns IS NULL"
    " FROM operations ORDER BY number"
)
_PLACES = (
    "SELECT number, metadata FROM operations WHERE instr(metadata, '\"place\"') ORDER BY number"
)
_INPUTS = "SELECT operation, role, variable FROM inputs ORDER BY operation, place"

Digests = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """What ties an operation to the world outside.

    Example: `Anchor(frozenset({("question", "q3")}))`
    """

    names: Hashable = ()
    is_by_content: bool = False
    """Whether the sources had no names, so that their values had to do."""


class VariableRow(NamedTuple):
    """The compared part of a variable. A prompt from outside says how, not what with."""

    kind: str
    name: str | None
    producer: int | None
    role: str | None
    digest: bytes
    source: int | None

    @property
    def is_template(self) -> bool:
        """Whether it is a prompt given from outside."""
        return self.kind == "prompt" and self.producer is None


class OperationRow(NamedTuple):
    """The compared part of an operation; parameters as the text that was stored."""

    kind: str
    name: str
    parent: int | None
    parameters: str | None
    model: str | None
    error_type: str | None
    is_unfinished: bool


class Side:
    """One run, read once.

    Args:
        path: The trace file.

    Raises:
        UserError: If it is no trace, or damaged.
    """

    def __init__(self, path: Path) -> None:
        database = Database(path)
        try:
            with database.snapshot(), schema.readable(path):
                self._read(database)
        finally:
            database.close()

    def _read(self, database: Database) -> None:
        self.variables = {row[0]: VariableRow(*row[1:]) for row in database.query(_VARIABLES)}
        self.operations = {row[0]: OperationRow(*row[1:]) for row in database.query(_OPERATIONS)}
        self.inputs: dict[int, list[tuple[str, int]]] = {}
        self.outputs: dict[int, list[tuple[str, int]]] = {}
        for operation, role, variable in database.query(_INPUTS):
            if variable in self.variables:
                self.inputs.setdefault(operation, []).append((role, variable))
        for number, variable in self.variables.items():
            if variable.producer is not None:
                self.outputs.setdefault(variable.producer, []).append((variable.role or "", number))
        self.places = dict(_places(database))
        self.anchors: dict[int, Anchor] = {}
        self._questions: dict[int, int] = {}
        for number in self.operations:
            self.anchors[number] = self._anchor(number)
            self._find_question(number)

    @property
    def sources(self) -> Iterator[tuple[int, VariableRow]]:
        """Variables from outside."""
        return (pair for pair in self.variables.items() if pair[1].producer is None)

    def question(self, operation: int) -> int | None:
        """The question that an operation works on."""
        return self._questions.get(operation)

    def read(self, operation: int) -> Digests:
        """What went in, by role, prompt templates aside.

        What an output of the same role is a copy of is aside too: a search that returns a stored
        item counts that as read, but it is what it found and not what it was given.
        """
        made = self.outputs.get(operation, ())
        found = {(role, self.variables[number].source) for role, number in made}
        given = [edge for edge in self.inputs.get(operation, ()) if edge not in found]
        return self._digests(given, templates=False)

    def templates(self, operation: int) -> Digests:
        """The prompt templates that went in."""
        return self._digests(self.inputs.get(operation, ()), templates=True)

    def wrote(self, operation: int) -> Digests:
        """What came out, by role; the literal request, which repeats what went in, aside."""
        return self._digests(self.outputs.get(operation, ()), templates=False)

    def key(self, operation: int) -> Hashable:
        """What an operation is known by."""
        return self.loose_key(operation), self.anchors[operation].names

    def loose_key(self, operation: int) -> Hashable:
        """The same without the anchor."""
        row = self.operations[operation]
        parent = None if row.parent is None else self.operations.get(row.parent)
        return row.kind, row.name, None if parent is None else (parent.kind, parent.name)

    def _digests(self, edges: Sequence[tuple[str, int]], *, templates: bool) -> Digests:
        found = []
        for role, number in edges:
            variable = self.variables[number]
            if variable.kind != "request" and variable.is_template == templates:
                found.append((role, variable.digest))
        found.sort(key=_role)  # stable: within a role, the order counts
        return tuple(found)

    def _anchor(self, operation: int) -> Anchor:
        inputs = [self.variables[number] for _, number in self.inputs.get(operation, ())]
        outside = [v for v in inputs if v.producer is None and not v.is_template]
        if named := frozenset((v.kind, v.name) for v in outside if v.name is not None):
            return Anchor(named)
        if outside:
            return Anchor(frozenset((v.kind, v.digest) for v in outside), is_by_content=True)
        for variable in inputs:
            found = None if variable.producer is None else self.anchors.get(variable.producer)
            if found is not None and found.names:
                return found
        return Anchor()

    def _find_question(self, operation: int) -> None:
        for _, number in self.inputs.get(operation, ()):
            variable = self.variables[number]
            if variable.kind == "question":
                self._questions[operation] = number
                return
            if variable.producer in self._questions:
                self._questions[operation] = self._questions[variable.producer]
                return


def _places(database: Database) -> Iterator[tuple[tuple[str, str], int]]:
    """Operations by their place, which is the same in every run (`memtrace.execution.places`)."""
    for number, text in database.query(_PLACES):
        place = json.loads(text).get("place")
        if isinstance(place, list) and len(place) == 2:
            yield (str(place[0]), str(place[1])), number


def _role(edge: tuple[str, bytes]) -> str:
    return edge[0]
