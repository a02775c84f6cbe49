"""`lmcommon-describe`: what does a data set hold, and what is wrong with it?

In: one option of the group `data`. Out: counts, kinds and warnings as a table, `rows.jsonl` with
one line a conversation or prompt, and the counts as headline figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.data.config import DATA_SCHEMAS
from lmcommon.data.summary import describe as counts_of
from lmcommon.data.types import Conversation, RubricPrompt

__all__ = ["DescribeConfig", "describe", "main"]


@dataclass(kw_only=True)
class DescribeConfig:
    """Which set to describe."""

    data: Any = None
    seed: int = 0
    max_warnings: int = 20
    """How many warnings to print; all of them are in rows.jsonl."""


def describe(config: DescribeConfig, run: Run) -> dict[str, Any]:
    """Read a data set whole and say what it holds: counts, kinds, warnings."""
    from rich.table import Table

    rows: list[Conversation] | list[RubricPrompt] = config.data.build()
    figures = counts_of(rows)
    table = Table("what", "how many", title=type(config.data).__name__.removesuffix("Config"))
    for name, value in figures.items():
        if isinstance(value, dict):
            for kind, number in value.items():
                table.add_row(f"  {kind}", str(number))
        else:
            table.add_row(name, str(value))
    run.console.print(table)
    warnings: list[str] = []
    written = {row["id"] for row in run.read("rows")}
    for row in rows:
        said = _warnings(row)
        warnings += [f"{row.id}: {warning}" for warning in said]
        if row.id not in written:
            run.append("rows", {"id": row.id, "source": row.source, "warnings": said})
    for warning in warnings[: config.max_warnings]:
        run.console.print(f"warning: {warning}", markup=False, highlight=False)
    if len(warnings) > config.max_warnings:
        run.console.print(f"... and {len(warnings) - config.max_warnings} more in rows.jsonl")
    return figures


def _warnings(row: Conversation | RubricPrompt) -> list[str]:
    if isinstance(row, Conversation):
        return list(row.warnings)
    return [str(warning) for warning in row.metadata.get("warnings", ())]


main = entrypoint("lmcommon/describe", DescribeConfig, describe, groups={"data": DATA_SCHEMAS})

if __name__ == "__main__":
    main()
