"""Systematic analysis: which error types at which operations, for which system and question type.

In: rows of `attributions.jsonl` of any number of runs (memtrace-attribute, memtrace-trace). Out:
`Failure`s, and a table of shares with Wilson intervals, as many ways as there are keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memtrace.attribution.types import Rate, Verdict, rate

__all__ = ["KEYS", "Cell", "Failure", "failure_of", "tabulate"]

KEYS = ("system", "category", "length")
"""What failures are told apart by: memory system, type of question, length of the history."""

_NAMES = {"system": ("system", "pipeline"), "category": ("category",), "length": ("length", "size")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One wrong answer with what was blamed for it.

    Example: `Failure(system="rag_bm25", error_type="retrieval", operation="retrieve", ...)`
    """

    system: str
    category: str
    length: str
    error_type: str
    """Or the verdict where no operation was blamed."""
    operation: str
    """The name of the operation that was blamed first; a dash where none was."""
    verdict: Verdict
    proved: bool = False

    def key(self, name: str) -> str:
        """The value of one of `KEYS`."""
        return str(getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of the table: of the failures of a part, the share with this error at this place."""

    part: tuple[str, ...]
    """Values of the keys."""
    error_type: str
    operation: str
    share: Rate
    proved: int


def failure_of(row: Mapping[str, Any], groups: Mapping[str, str] | None = None) -> Failure | None:
    """What a row says; None where the attempt failed, or there was no failure.

    Args:
        row: A row of `attributions.jsonl` of either verb.
        groups: System, category and length, where the row does not hold them.
    """
    body = row.get("attribution", row)
    if body is None or body["verdict"] == Verdict.NO_FAILURE:
        return None
    known = {**row.get("groups", {}), **(groups or {})}
    verdict, suspects = Verdict(body["verdict"]), body["suspects"]
    is_memory = verdict is Verdict.MEMORY and bool(suspects)
    blamed = next((s for s in suspects if s["operation"] == body["operation"]), None)
    return Failure(
        error_type=str(body["error_type"] if is_memory else verdict),
        operation=blamed["name"] if is_memory and blamed else "-",
        verdict=verdict, proved=is_memory and body.get("decisive") is not None,
        **{key: _first(known, key) for key in KEYS},
    )  # fmt: skip


def tabulate(failures: Iterable[Failure], keys: Sequence[str] = ("system",)) -> list[Cell]:
    """Shares of error type and operation within each part, the biggest first.

    Args:
        failures: In any order.
        keys: Some of `KEYS`; none: all failures together.

    Raises:
        ValueError: Another key.
    """
    if unknown := [key for key in keys if key not in KEYS]:
        raise ValueError(f"keys: expected some of {KEYS}; got {unknown[0]!r}")
    all_of_them = list(failures)
    parts = Counter(tuple(one.key(key) for key in keys) for one in all_of_them)
    cells = Counter(_cell(one, keys) for one in all_of_them)
    proved = Counter(_cell(one, keys) for one in all_of_them if one.proved)
    found = [
        Cell(
            part=cell[0], error_type=cell[1], operation=cell[2], proved=proved[cell],
            share=rate(hits, parts[cell[0]]),
        )
        for cell, hits in cells.items()
    ]  # fmt: skip
    return sorted(found, key=lambda c: (c.part, -c.share.hits, c.error_type, c.operation))


def _cell(failure: Failure, keys: Sequence[str]) -> tuple[tuple[str, ...], str, str]:
    return tuple(failure.key(key) for key in keys), failure.error_type, failure.operation


def _first(groups: Mapping[str, str], key: str) -> str:
    return next((groups[name] for name in _NAMES[key] if groups.get(name)), "-")
