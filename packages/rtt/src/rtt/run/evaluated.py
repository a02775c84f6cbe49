"""Finished runs of rtt-evaluate, read back to be compared.

In: run folders. Out: their items and figures by benchmark, and in what two runs are not alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import BENCHMARKS
from rtt.records import rollouts_in
from rtt.run.evaluation_report import RESULTS, read_items

__all__ = ["Evaluated", "read_evaluation", "unlike"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A finished run of rtt-evaluate."""

    name: str
    judge: dict[str, Any]
    told: dict[str, Any]
    """Figures by benchmark."""
    items: dict[str, list[Item]]


def read_evaluation(folder: str) -> Evaluated:
    """Read a run folder.

    Raises:
        UserError: It is no finished run of rtt-evaluate.
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise UserError(
            f"expected a finished run folder of rtt-evaluate (with {RESULTS}); got {folder!r}"
        )
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        told, judge = dict(loaded["benchmarks"]), dict(loaded["judge"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected results of rtt-evaluate; got {error!r}") from error
    has_loose = [BENCHMARKS[name].has_loose for name in told]
    source = rollouts_in(folder)
    items = dict(zip(told, read_items(source, has_loose), strict=True))
    return Evaluated(name=folder, judge=judge, told=told, items=items)


def unlike(base: Evaluated, other: Evaluated) -> Iterator[str]:
    """Why two runs should not be compared."""
    who = f"{other.name} against {base.name}"
    if base.judge != other.judge:
        yield f"{who}: expected one judge; got {base.judge} and {other.judge}"
    if base.told.keys() != other.told.keys():
        yield f"{who}: expected the same benchmarks; got {list(base.told)} and {list(other.told)}"
    for name in (one for one in base.told if one in other.told):
        left, right = base.told[name], other.told[name]
        if left["set"] != right["set"]:
            yield f"{who}, {name}: expected the same prompts; got {left['set']}, {right['set']}"
        ways = [one["answers"] for one in (left, right)]
        # Of given responses nobody knows how they were sampled.
        is_sampled = all(way["given"] is None for way in ways)
        if is_sampled and ways[0] != ways[1]:
            yield f"{who}, {name}: expected the same sampling; got {ways[0]} and {ways[1]}"
