"""The lineage of one answer, as lanes over time.

In: an answer, and the paths of its facts. Out: the operations behind it (and those on the paths of
its facts, and its judge), at most so many, with the variables between them. What matters for the
verdict is kept first; then what stands nearest to the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation
from memtrace.viewing.facts import Traced
from memtrace.viewing.lanes import LANES, SESSIONS, lanes_of, runs_of
from memtrace.viewing.parts import variable_line
from memtrace.viewing.questions import AskedAnswer

__all__ = ["draw_lineage"]

_MOST = 400
"""Operations that are drawn."""
_MOST_LISTED = 40
"""Variables of a role that are drawn."""
_MEMBERS = 50


def draw_lineage(
    trace: Trace, asked: AskedAnswer, facts: Traced, blamed: Collection[str], *, most: int = _MOST
) -> dict[str, Any]:
    """Lanes, nodes and variables of an answer's lineage.

    Args:
        trace: The trace.
        asked: The answer.
        facts: Where its facts were.
        blamed: Operations that are blamed.
        most: How many operations at most.
    """
    back = trace.graph.upstream(asked.answer)
    behind = back.operations
    kept, left_out = _chosen(asked, facts, blamed, behind, most)
    operations = _with_sessions(trace, list(trace.operations(ids=kept)))
    questions = [one.id for one in trace.variables(ids=_inputs(operations))
                 if one.kind in ("question", "query")]  # fmt: skip
    lanes = lanes_of(operations, questions)
    special = {*facts.operations, *blamed, asked.operation, asked.judge}
    runs = runs_of(operations, lanes, special.__contains__)
    made = {one for operation in operations for one in operation.output_ids}
    read = set(_inputs(operations))
    nodes = [_node(run, lanes, facts, blamed, made, read) for run in runs]
    wanted = {one for node in nodes for side in ("inputs", "outputs")
              for ids in node[side].values() for one in ids}  # fmt: skip
    wanted.update(one["variable"] for fact in facts.facts for one in fact["said"])
    wanted.add(asked.answer)
    variables = {
        one.id: {**variable_line(trace, one), "holds": facts.held.get(one.id, [])}
        for one in trace.variables(ids=wanted)
    }
    return {"lanes": list(LANES), "nodes": nodes, "variables": variables, "left_out": left_out,
            "behind": len(behind)}  # fmt: skip


def _chosen(
    asked: AskedAnswer, facts: Traced, blamed: Iterable[str], behind: Sequence[str], most: int
) -> tuple[list[str], int]:
    """The operations to draw, and how many are left out."""
    first = [one for one in (asked.operation, asked.judge) if one is not None]
    ordered = dict.fromkeys([*first, *blamed, *facts.operations, *reversed(behind)])
    kept = list(ordered)[:most]
    return kept, len(ordered) - len(kept)


def _with_sessions(trace: Trace, operations: Sequence[Operation]) -> list[Operation]:
    """The operations, and those around them that took in a part of the conversation."""
    inside = {one.id for one in operations}
    around = {one.parent for one in operations if one.parent is not None} - inside
    taken_in = [one for one in trace.operations(ids=around) if one.kind in SESSIONS]
    return sorted([*operations, *taken_in], key=lambda one: one.seq)


def _node(
    run: Sequence[Operation], lanes: Mapping[str, str], facts: Traced, blamed: Collection[str],
    made: Collection[str], read: Collection[str],
) -> dict[str, Any]:  # fmt: skip
    first = run[0]
    times = [one.latency_ms for one in run if one.latency_ms is not None]
    return {
        "id": first.id, "seq": first.seq, "end_seq": run[-1].end_seq, "name": first.name,
        "kind": first.kind, "lane": lanes[first.id], "status": first.status, "times": len(run),
        "parent": first.parent, "holds": facts.holds.get(first.id, []),
        "loses": facts.loses.get(first.id, []), "blamed": first.id in blamed,
        "ms": round(sum(times), 3) if times else None, "usage": _usage(run), "model": first.model,
        "members": [one.id for one in run[:_MEMBERS]] if len(run) > 1 else [],
        "inputs": _roles((one.inputs for one in run), facts, made),
        "outputs": _roles((one.outputs for one in run), facts, read),
    }  # fmt: skip


def _roles(
    given: Iterable[Mapping[str, Sequence[str]]], facts: Traced, linked: Collection[str]
) -> dict[str, list[str]]:
    """Variables by role; of very many, those with facts and those that others share."""
    roles: dict[str, dict[str, None]] = {}
    for one in given:
        for role, ids in one.items():
            roles.setdefault(role, {}).update(dict.fromkeys(ids))
    found = {}
    for role, joined in roles.items():
        listed = list(joined)
        if len(listed) > _MOST_LISTED:
            listed.sort(key=lambda one: (one not in facts.held, one not in linked))
            listed = listed[:_MOST_LISTED]
        found[role] = listed
    return found


def _usage(run: Sequence[Operation]) -> dict[str, float]:
    """Tokens, calls and cost, added up."""
    total: dict[str, float] = {}
    for operation in run:
        for key, value in operation.usage.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                total[key] = total.get(key, 0) + value
    return total


def _inputs(operations: Iterable[Operation]) -> list[str]:
    return list(dict.fromkeys(one for operation in operations for one in operation.input_ids))
