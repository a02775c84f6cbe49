"""Which operation made each answer, which judged it, and by what: the numbers alone.

In: a trace file. Out: `Edges` by answer, in few statements over the whole file; making objects of
all operations would take several times as long.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memtrace.graph.ids import operation_id, variable_id, variable_number
from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema

__all__ = ["Edges", "read_edges"]

_OF = "FROM operations o {} WHERE o.kind IN ('answer', 'judge')"
_OPERATIONS = f"SELECT o.number, o.kind, json_extract(o.metadata, '$.place[0]') {_OF.format('')}"
_INPUTS = (
    "SELECT o.number, i.role, min(i.variable) "
    + _OF.format("JOIN inputs i ON i.operation = o.number")
    + " AND i.role IN ('answer', 'gold', 'question') GROUP BY o.number, i.role, i.variable"
    " ORDER BY o.number, min(i.place)"
)
_OUTPUTS = (
    "SELECT o.number, v.number, v.role, v.kind, v.digest "
    + _OF.format("JOIN variables v ON v.producer = o.number")
    + " ORDER BY v.number"
)
_LOOSE = (
    "SELECT v.number, v.producer, json_extract(o.metadata, '$.place[0]') FROM variables v"
    " LEFT JOIN operations o ON o.number = v.producer WHERE v.number = ?"
)


@dataclass(slots=True)
class Edges:
    """What stands around one answer. Example: `Edges(seq=93, maker="op-91", judge="op-96")`."""

    seq: int
    maker: str | None = None
    scope: str = ""
    question: str | None = None
    judge: str | None = None
    gold: str | None = None
    verdict: str | None = None
    digest: bytes | None = None
    """Of the verdict."""


@dataclass(slots=True)
class _Step:
    kind: str
    scope: str
    answers: list[int]
    gold: int | None = None
    question: int | None = None
    verdict: int | None = None
    digest: bytes | None = None


def read_edges(path: Path, also: Collection[str]) -> dict[str, Edges]:
    """What stands around each answer of a trace.

    An operation of kind `answer` that has no output called so made whatever is of kind `answer`.

    Args:
        path: The file.
        also: Variables that are answers whoever made them.

    Raises:
        UserError: The file is damaged.
    """
    database = Database(path)
    try:
        with database.snapshot(), schema.readable(path):
            return _read(database, also)
    finally:
        database.close()


def _read(database: Database, also: Collection[str]) -> dict[str, Edges]:
    steps = {
        number: _Step(kind, str(scope or ""), [])
        for number, kind, scope in database.query(_OPERATIONS)
    }
    for number, role, variable in database.query(_INPUTS):
        step = steps[number]
        if role == "gold":
            step.gold = variable
        elif role == "question":
            step.question = variable
        elif step.kind == "judge":
            step.answers.append(variable)
    found: dict[int, Edges] = {}
    for number, variable, role, kind, digest in database.query(_OUTPUTS):
        step = steps[number]
        if step.kind == "answer" and "answer" in (role, kind):
            found[variable] = _made(variable, number, step)
        elif step.kind == "judge" and role == "verdict":
            step.verdict, step.digest = variable, digest
    given = [one for step in steps.values() for one in step.answers]
    for variable in {*given, *map(variable_number, also)} - found.keys():
        found[variable] = _loose(database, variable)
    for number, step in steps.items():
        for answer in step.answers:
            _judge(found[answer], number, step)
    return {variable_id(number): edge for number, edge in found.items()}


def _made(variable: int, number: int, step: _Step) -> Edges:
    return Edges(
        variable, operation_id(number), step.scope,
        None if step.question is None else variable_id(step.question),
    )  # fmt: skip


def _judge(edge: Edges, number: int, step: _Step) -> None:
    """Of several judges the last one counts that knew the right answer, else the first one."""
    if edge.judge is not None and step.gold is None:
        return
    edge.judge = operation_id(number)
    edge.scope = edge.scope or step.scope
    edge.gold = None if step.gold is None else variable_id(step.gold)
    edge.verdict = None if step.verdict is None else variable_id(step.verdict)
    edge.digest = step.digest
    if step.question is not None:
        edge.question = variable_id(step.question)


def _loose(database: Database, variable: int) -> Edges:
    """An answer that no operation of that kind made."""
    row: tuple[Any, ...] | None = database.one(_LOOSE, (variable,))
    if row is None or row[1] is None:
        return Edges(variable)
    return Edges(variable, operation_id(row[1]), str(row[2] or ""))
