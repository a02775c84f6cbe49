"""Many copies at once: what a search found, as outputs of the search.

In: handles of a recording, and what gives the next number. Out: the handles of the copies and the
rows, the same that one output after the other makes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from memtrace.graph.recording.handle import Handle
from memtrace.graph.storage.store import VariableRow

if TYPE_CHECKING:
    from memtrace.graph.recording.step import Step

__all__ = ["copies"]


def copies(
    draw: Callable[[], int], run: str, step: Step, role: str, sources: Sequence[Handle[Any]], *,
    kind: str | None, notes: Sequence[str | None], positions: Sequence[int],
) -> tuple[list[Handle[Any]], list[VariableRow]]:  # fmt: skip
    """A copy of every source, as outputs of a step that has them all as inputs.

    Args:
        draw: Gives the next number.
        run: Id of the recording.
        step: Whose outputs they are.
        role: The role they share.
        sources: What is copied; recorded.
        kind: Of the copies; None: that of each source.
        notes: Metadata as JSON, one a source.
        positions: Among the outputs of the role, one a source.
    """
    made: list[Handle[Any]] = []
    rows: list[VariableRow] = []
    producer, created_ns = step.number, time.time_ns()
    for source, note, position in zip(sources, notes, positions, strict=True):
        number, its_kind = draw(), kind or source.kind
        name, item, version = source.name, source.item, source.version
        made.append(Handle(
            source.value, kind=its_kind, name=name, item=item, version=version, run=run,
            number=number,
        ))  # fmt: skip
        rows.append(VariableRow(
            number, its_kind, name, "", None, producer, role, position, item, version, False,
            source.number, created_ns, note,
        ))  # fmt: skip
    return made, rows
