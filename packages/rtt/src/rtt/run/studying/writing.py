"""The tables of a study as files: Markdown for people, CSV and JSON for programs, a picture.

In: results. Out: `tables.md`, `tables.csv`, `tables.json` and `beta.svg` in a folder.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmcommon.runlog import finite, write_atomic
from rtt.run.studying.collecting import Block, Line, blocks_of, kept_gains
from rtt.run.studying.intervals import Estimate
from rtt.run.studying.markdown import markdown_of
from rtt.run.studying.results import ArmResult
from rtt.run.studying.sweep import sweep_svg

__all__ = ["Written", "write_tables"]

_FIELDS = (
    "table", "origin", "model", "arm", "against", "column", "value", "low", "high",
    "standard_error", "over", "seeds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    markdown: str
    figures: dict[str, Any]
    """Headline figures: files, and each arm's first column."""


def write_tables(results: Sequence[ArmResult], folder: Path, *, title: str) -> Written:
    """Write all tables that the results fill.

    Raises:
        UserError: Arms of one benchmark were measured on different prompts.
    """
    blocks, kept = blocks_of(results), kept_gains(results)
    plots = []
    for block in blocks:
        picture = sweep_svg(block) if block.table.betas else None
        if picture is not None:
            write_atomic(folder / f"{block.name}.svg", picture)
            plots.append(f"{block.name}.svg")
    text = markdown_of(blocks, kept, title=title, plots=plots)
    write_atomic(folder / "tables.md", text)
    rows = [row for block in blocks for row in _rows(block)]
    write_atomic(folder / "tables.csv", _csv(rows))
    told = {"rows": rows, "kept_gains": [_kept(one) for one in kept]}
    write_atomic(folder / "tables.json", json.dumps(finite(told), indent=1) + "\n")
    return Written(
        text,
        {
            "tables": [block.name for block in blocks],
            "results": len(results),
            "unscored": sum(result.unscored for result in results),
            "markdown": str(folder / "tables.md"),
            "arm_means": _means(blocks),
            "kept_gains": [_kept(one) for one in kept],
        },
    )


def _rows(block: Block) -> Iterator[dict[str, Any]]:
    for line in (*block.lines, *block.differences):
        for column, cell in line.cells.items():
            told = asdict(cell)
            yield {
                "table": block.name, "origin": line.origin, "model": line.model, "arm": line.arm,
                "against": line.against, "column": column, "value": told["value"],
                "low": told["low"], "high": told["high"], "standard_error": told["error"],
                "over": told["over"], "seeds": list(told["seeds"]),
            }  # fmt: skip


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=_FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shown = " ".join(f"{value:.6g}" for value in row["seeds"])
        writer.writerow({**row, "seeds": shown})
    return out.getvalue()


def _means(blocks: Sequence[Block]) -> dict[str, dict[str, float]]:
    """Model to arm to the first column, in percent; ours alone."""
    means: dict[str, dict[str, float]] = {}
    lines: list[Line] = [line for block in blocks for line in block.lines if line.origin == "ours"]
    for line in lines:
        if line.cells:
            first = next(iter(line.cells.values()))
            means.setdefault(line.model, {})[line.arm] = round(first.value, 2)
    return means


def _kept(one: tuple[str, str, str, Estimate]) -> dict[str, Any]:
    model, arm, column, got = one
    return {
        "model": model, "arm": arm, "column": column, "share": got.value,
        "interval_95": list(got.interval) if got.interval else None, "over": got.over,
        "seeds": list(got.seeds),
    }  # fmt: skip
