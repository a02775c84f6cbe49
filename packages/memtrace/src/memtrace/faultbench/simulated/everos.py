"""What the simulated model makes of EverOS's prompts: episodes, facts, a profile, further queries.

An episode tells what was stated and leaves the talk out; a profile keeps the same facts by topic,
each with its day; documents are enough if the question can be answered from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from memtrace.faultbench.simulated.answering import UNKNOWN, answered
from memtrace.faultbench.simulated.notes import statements_of
from memtrace.faultbench.simulated.reading import RELATION
from memtrace.faultbench.simulated.remembering import changes_for, facts_in, passages
from memtrace.faultbench.simulated.searching import further_queries, helpfulness
from memtrace.testing.rules_everos import Row, Sufficiency, Understanding

__all__ = ["everos_understanding"]

_DOCUMENT = re.compile(r"^\s*Date: (\S+)\s*\n\s*Content: (.+)$", re.MULTILINE)
_IDLE = "They made small talk."


def everos_understanding() -> Understanding:
    """For `everos_rules`."""
    return Understanding(
        told=_told, facts=_facts, described=_described, changed=_changed, weighed=_weighed,
        asked=lambda query, missing, documents: further_queries(query, _dated(documents)),
    )  # fmt: skip


def _told(said: Sequence[tuple[str, str, str]]) -> str:
    told = [
        f"{speaker} said: {' '.join(kept)}" for _, speaker, text in said if (kept := passages(text))
    ]
    return " ".join(told) or _IDLE


def _facts(episode: str) -> list[str]:
    return [fact.replace(": ", " said: ", 1) for fact in facts_in(episode, dated=False)] or [_IDLE]


def _described(said: Sequence[tuple[str, str, str]]) -> list[Row]:
    rows = []
    for day, speaker, text in said:
        for fact in facts_in(f"[{day}] {speaker}: {text}", dated=True):
            topic = statements_of(fact)[0].said.attribute.removeprefix(RELATION)
            rows.append({
                "category": topic.replace("_", " "), "description": fact, "evidence": f"on {day}",
            })  # fmt: skip
    return rows


def _changed(new: Sequence[Row], known: Mapping[int, Row]) -> list[Row]:
    """As with any memory; what ended stays in its place, with its end."""
    held = {str(place): str(row.get("description")) for place, row in known.items()}
    operations: list[Row] = []
    for row in new:
        change = changes_for(row["description"], held)[0]
        operation: Row = {"type": "explicit_info", "data": row}
        if change.event == "ADD":
            operations.append({"action": "add", **operation})
        elif change.event in ("UPDATE", "DELETE"):
            held.pop(change.id)
            ended = change.event == "DELETE"
            data = {**row, "description": row["description"] if ended else change.text}
            operations.append(
                {"action": "update", "index": int(change.id), **operation, "data": data}
            )
    return operations


def _weighed(query: str, documents: str) -> Sufficiency:
    text = _dated(documents)
    lines = text.splitlines()
    scores = dict(zip(lines, helpfulness(query, lines), strict=True))
    lines.sort(key=lambda line: -scores[line])
    if answered(text, query) != UNKNOWN:
        return Sufficiency(is_sufficient=True, found=lines[:3])
    return Sufficiency(is_sufficient=False, found=lines[:1], missing=[query])


def _dated(documents: str) -> str:
    """Documents as notes, one a line."""
    return "\n".join(f"[{day}] {text}" for day, text in _DOCUMENT.findall(documents))
