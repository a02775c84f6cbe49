"""In which lane of the page an operation is drawn, and which of them are drawn as one.

In: operations of an answer's slice, in `seq` order. Out: lanes and runs. An unknown kind is placed
by its position: what reads the question serves the question, what does not fills the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby

from memtrace.types import Operation

__all__ = ["LANES", "SESSIONS", "lanes_of", "runs_of"]

LANES = ("conversation", "memory", "retrieval", "context", "answer", "judge")
SESSIONS = ("ingest", "session", "message", "conversation")
"""Kinds of operations that take in what was said."""
_LANE = {
    **dict.fromkeys(SESSIONS, "conversation"),
    **dict.fromkeys(
        ("extraction", "update", "trim", "deletion", "index", "chunking", "segmentation",
         "summary", "consolidation"), "memory",
    ),
    **dict.fromkeys(("retrieval", "rewrite", "rerank", "ask"), "retrieval"),
    "context": "context", "answer": "answer", "judge": "judge",
}  # fmt: skip
_FOLDED = 4
"""So many like operations in a row are drawn as one."""


def lanes_of(operations: Iterable[Operation], questions: Collection[str]) -> dict[str, str]:
    """The lane of each operation.

    Args:
        operations: In `seq` order.
        questions: Variables of questions: what comes from them serves the question.
    """
    asked, lanes = set(questions), dict[str, str]()
    for operation in operations:
        serves = any(one in asked for one in operation.input_ids)
        if serves:
            asked.update(operation.output_ids)
        inside = lanes.get(operation.parent or "")
        usual = inside or ("retrieval" if serves else "memory")
        lanes[operation.id] = _LANE.get(operation.kind, usual)
    return lanes


def runs_of(
    operations: Sequence[Operation], lanes: Mapping[str, str], is_alone: Callable[[str], bool]
) -> list[list[Operation]]:
    """Operations in the order of time; like ones in a row of a lane, if many, as one list.

    Args:
        operations: In `seq` order.
        lanes: Of each.
        is_alone: Whether an operation (by id) is drawn on its own, whatever stands beside it.
    """
    found: list[list[Operation]] = []
    for lane in LANES:
        inside = (one for one in operations if lanes[one.id] == lane)
        for key, run in groupby(inside, key=lambda one: _likeness(one, is_alone)):
            alike = list(run)
            together = not key[0] and len(alike) >= _FOLDED
            found += [alike] if together else [[one] for one in alike]
    return sorted(found, key=lambda run: run[0].seq)


def _likeness(operation: Operation, is_alone: Callable[[str], bool]) -> tuple[str, str, str]:
    alone = operation.id if is_alone(operation.id) else ""
    return alone, operation.name, operation.status
