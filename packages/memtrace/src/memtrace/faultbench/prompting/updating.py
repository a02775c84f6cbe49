"""How the prompted model decides on memories under a brief.

In: new facts and the memories shown. Out: changes as the simulated model makes them, bent by what
the prompt asks. A vague prompt gets a tidy memory: a new value takes the old one's place, and what
ended is deleted without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.faultbench.prompting.types import Brief
from memtrace.faultbench.simulated.notes import statements_of
from memtrace.faultbench.simulated.remembering import Change, changes_for

__all__ = ["decided"]


def decided(
    facts: Sequence[str], memories: Sequence[Mapping[str, str]], brief: Brief
) -> list[dict[str, Any]]:
    """What new facts do to the memories shown, as Mem0's events."""
    known = {memory["id"]: memory["text"] for memory in memories}
    events: list[dict[str, Any]] = []
    for number, fact in enumerate(facts):
        for change in _bent(fact, changes_for(fact, known), known, brief):
            row = {"id": change.id or f"new-{number}", "text": change.text, "event": change.event}
            if change.event in ("UPDATE", "DELETE"):
                row["old_memory"] = known.pop(change.id)
            events.append(row)
    return events


def _bent(fact: str, changes: list[Change], known: Mapping[str, str], brief: Brief) -> list[Change]:
    old = next((one for one in changes if one.event in ("UPDATE", "DELETE")), None)
    if old is None:
        return changes
    unchanged = [Change("NONE", old.id, known[old.id])]
    operations = {one.said.operation for one in statements_of(fact)}
    if operations == {"correct"} and brief.asked.get("corrections") == "drop":
        return unchanged
    if brief.asked.get("existing") == "never":
        return unchanged
    if operations == {"delete"}:
        keeps = brief.way("endings", careless="drop", careful="keep") == "keep"
        return changes if keeps else [Change("DELETE", old.id, known[old.id])]
    if brief.way("history", careless="drop", careful="keep") == "drop" and old.event == "UPDATE":
        return [Change("UPDATE", old.id, fact)]
    return changes
