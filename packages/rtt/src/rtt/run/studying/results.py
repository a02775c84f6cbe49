"""What an arm came to, and its file `result.json`.

In: counts by prompt. Out: columns whose means, intervals and differences can be computed again from
the file alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.errors import DataError, UserError
from lmcommon.runlog import finite, write_atomic

__all__ = ["RESULT", "ArmResult", "Column", "read_results", "result_in", "write_result"]

RESULT = "result.json"
_FORM = "rtt-study arm 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of a benchmark: a ratio of sums over prompts.

    Example:
        `Column(prompts=("p1", "p2"), hits=(1.0, 3.0), counts=(4.0, 4.0)).value` is 0.5.
    """

    prompts: tuple[str, ...]
    """Ids, in the order of the benchmark; empty for a figure of the whole run."""
    hits: tuple[float, ...]
    counts: tuple[float, ...]
    """0 where nothing of a prompt was scored: it counts nowhere."""

    @property
    def value(self) -> float | None:
        """Hits over counts; None where nothing was counted."""
        total = sum(self.counts)
        return sum(self.hits) / total if total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm of one model with one seed, trained and measured."""

    model: str
    arm: str
    seed: int
    columns: Mapping[str, Column]
    """By "benchmark/figure", such as "ifeval/prompt_strict"."""
    unscored: int = 0
    """Verdicts that could not be had; they count in no column."""
    training: Mapping[str, Any]
    """Headline figures of the training run."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the columns were measured with."""


def write_result(folder: Path, result: ArmResult) -> None:
    """Write `result.json`, whole or not at all."""
    told = {"form": _FORM, **asdict(result)}
    write_atomic(folder / RESULT, json.dumps(finite(told), ensure_ascii=False) + "\n")


def result_in(folder: Path) -> ArmResult | None:
    """The result of an arm's folder; None if it is not finished.

    Raises:
        DataError: The file is no result of an arm.
    """
    path = folder / RESULT
    return _read(path) if path.exists() else None


def read_results(folder: Path) -> list[ArmResult]:
    """All results below a folder, at any depth, in the order of their paths.

    Raises:
        UserError: There is none, or two for the same model, arm and seed.
        DataError: A file is damaged.
    """
    found: dict[tuple[str, str, int], Path] = {}
    results = []
    for path, result in _below(folder):
        key = (result.model, result.arm, result.seed)
        if key in found:
            raise UserError(
                f"{folder}: expected one result for each model, arm and seed; got two of {key}: "
                f"{found[key]} and {path}; give the folder of one study, or move one away"
            )
        found[key] = path
        results.append(result)
    if not results:
        raise UserError(
            f"{folder}: expected results of rtt-study below it (files {RESULT}); got none"
        )
    return results


def _below(folder: Path) -> Iterator[tuple[Path, ArmResult]]:
    for path in sorted(folder.rglob(RESULT)):
        told = _load(path)
        if told.get("form") == _FORM:  # a training run writes a file of that name as well
            yield path, _from_json(path, told)


def _read(path: Path) -> ArmResult:
    told = _load(path)
    if told.get("form") != _FORM:
        raise DataError(
            f"expected {_FORM!r}, got {told.get('form')!r}", path=str(path), field="form"
        )
    return _from_json(path, told)


def _load(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"expected JSON ({error})", path=str(path)) from error
    return told if isinstance(told, dict) else {}


def _from_json(path: Path, told: Mapping[str, Any]) -> ArmResult:
    try:
        return ArmResult(
            model=told["model"], arm=told["arm"], seed=int(told["seed"]),
            columns={
                name: Column(
                    prompts=tuple(one["prompts"]), hits=_floats(one["hits"]),
                    counts=_floats(one["counts"]),
                )
                for name, one in told["columns"].items()
            },
            unscored=int(told["unscored"]), training=told["training"],
            measured=told.get("measured", {}),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"expected the result of an arm ({type(error).__name__}: {error})", path=str(path)
        ) from error


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
