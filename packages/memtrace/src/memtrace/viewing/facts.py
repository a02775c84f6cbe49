"""The paths of critical facts, as the page draws them.

In: paths as `Attribution.to_dict()` writes them. Out: `Traced`: what each fact is, where it was
said, what became of it, and which operations and variables held it or lost it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memtrace.attribution.taxonomy import LossKind
from memtrace.viewing.texts import clipped

__all__ = ["Traced", "traced"]

_LONGEST = 600


@dataclass(slots=True)
class Traced:
    """Facts by their place in the list, and where they were.

    Example: `Traced(facts=[{"index": 0, "value": "41", ...}], holds={"op-9": [0]}, loses={})`
    """

    facts: list[dict[str, Any]] = field(default_factory=list)
    holds: dict[str, list[int]] = field(default_factory=dict)
    """Operations that passed a fact on."""
    loses: dict[str, list[int]] = field(default_factory=dict)
    """Operations at which a fact died."""
    held: dict[str, list[int]] = field(default_factory=dict)
    """Variables in which a fact stands."""

    @property
    def operations(self) -> list[str]:
        """All operations on a path; those at which a fact died first."""
        return list(dict.fromkeys([*self.loses, *self.holds]))


def traced(paths: Sequence[Mapping[str, Any]], maker: str | None) -> Traced:
    """Collect the paths of an answer's facts.

    Args:
        paths: As they were recorded.
        maker: The operation that made the answer.
    """
    found = Traced()
    for index, path in enumerate(paths):
        fact, death = path["fact"], path.get("death")
        is_unused = bool(path.get("reached_model")) and bool(fact.get("phrase")) and not path.get(
            "in_answer"
        )  # fmt: skip
        died_at = death["operation"] if death else maker if is_unused else None
        found.facts.append({
            "index": index, "value": clipped(fact["value"], _LONGEST), "death": died_at,
            "is_primary": bool(fact.get("is_primary", True)), "fate": _fate(path, is_unused),
            "said": [
                {"variable": one["variable"], "name": one["name"],
                 "text": clipped(one["text"], _LONGEST)}
                for one in fact["witnesses"]
            ],
        })  # fmt: skip
        for one in fact["witnesses"]:
            _add(found.held, one["variable"], index)
        for step in path["steps"]:
            if step["kept"]:
                _add(found.holds, step["operation"], index)
            for variable in (*step["read"], *(step["wrote"] if step["kept"] else ())):
                _add(found.held, variable, index)
            if death and step["operation"] == death["operation"]:
                break
        if died_at is not None:
            _add(found.loses, died_at, index)
        elif path.get("reached_model") and maker is not None:
            _add(found.holds, maker, index)
    return found


def _fate(path: Mapping[str, Any], is_unused: bool) -> str:
    if path.get("death"):
        return str(path["death"]["loss"])
    if is_unused:
        return str(LossKind.UNUSED)
    if path.get("reached_model"):
        return "reached the model" + (", stands in the answer" if path.get("in_answer") else "")
    return "was never read"


def _add(where: dict[str, list[int]], key: str, index: int) -> None:
    listed = where.setdefault(key, [])
    if index not in listed:
        listed.append(index)
