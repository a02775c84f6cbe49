"""The paper's own figures, from `paper_results.yaml` beside this file: facts to set beside ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["PaperTable", "paper_table", "standard_error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """One table of the paper, in percent.

    Example:
        `paper_table("partition").rows["Llama3.2-3B-Instruct"]["inter"][0]` is 77.45.
    """

    source: str
    """Which table or figure."""
    columns: tuple[str, ...]
    """Names, such as "ifeval/prompt_strict"."""
    labels: tuple[str, ...]
    sizes: tuple[int | None, ...]
    """Items of the test set; None: not given."""
    rows: Mapping[str, Mapping[str, tuple[float, ...]]]
    """Model to arm to one value a column."""


@cache
def paper_table(name: str) -> PaperTable:
    """One table by the name of its counterpart (`rtt.run.studying.arms.TABLES`), or
    "out_of_domain".

    Raises:
        KeyError: There is no such table.
    """
    told = _file()
    if name in told["tables"]:
        columns = told["columns"]
        return _table(told["tables"][name], columns)
    if name in told["sweeps"]:
        sweep = told["sweeps"][name]
        rows = {
            model: {arm: [value] for arm, value in line.items()}
            for model, line in sweep["rows"].items()
        }
        return _table({**sweep, "rows": rows}, {"mean": {"label": sweep["label"], "size": None}})
    if name != "out_of_domain":
        raise KeyError(name)
    told = told["out_of_domain"]
    return _table(
        told, {key: {"label": label, "size": None} for key, label in told["columns"].items()}
    )


def standard_error(percent: float, size: int) -> float:
    """Of a share of `size` independent items, in percentage points.

    Example:
        `standard_error(85.21, 541)` is 1.53: a gap of two points between two such shares is well
        inside their noise.
    """
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / size)


def _table(told: Mapping[str, Any], columns: Mapping[str, Any]) -> PaperTable:
    return PaperTable(
        source=told["source"], columns=tuple(columns),
        labels=tuple(one["label"] for one in columns.values()),
        sizes=tuple(one["size"] for one in columns.values()),
        rows={
            model: {arm: tuple(map(float, values)) for arm, values in line.items()}
            for model, line in told["rows"].items()
        },
    )  # fmt: skip


@cache
def _file() -> dict[str, Any]:
    import yaml

    text = files("rtt.run.studying").joinpath("paper_results.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
