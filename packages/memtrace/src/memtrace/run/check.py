"""`memtrace-check`: is a file a sound trace, and if not, what can be saved?

Leaves with exit code 0 when the trace is sound, or the repair that was asked for is written; with
2 and a diagnosis otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from memtrace.run.ticking import ticking

__all__ = ["CheckConfig", "check", "main"]


@dataclass(kw_only=True)
class CheckConfig:
    """Which file to check, and how thoroughly."""

    trace: str
    """The trace file."""
    deep: bool = False
    """Whether to decode every value."""
    repair: str | None = None
    """Where to write a sound trace with everything that can be saved; null: only look."""


def check(config: CheckConfig, run: Run) -> dict[str, Any]:
    """Check a trace file, and save what can be saved of a damaged one. It is never changed."""
    with ticking() as tick:
        report = memtrace.check(config.trace, deep=config.deep, tick=tick)
    run.console.print(str(report), markup=False, highlight=False, soft_wrap=True)
    figures = report.to_dict()
    if config.repair is not None:
        with ticking() as tick:
            repaired = memtrace.repair(config.trace, config.repair, tick=tick)
        run.console.print(str(repaired), markup=False, highlight=False, soft_wrap=True)
        figures["repair"] = asdict(repaired)
    return figures


def is_refusal(figures: Mapping[str, Any]) -> bool:
    """Whether the file is not sound and was not repaired."""
    return not figures["ok"] and "repair" not in figures


main = entrypoint(
    "memtrace/check", CheckConfig, check, groups={}, positional=("trace",), keeps_run=False,
    is_refusal=is_refusal,
)  # fmt: skip

if __name__ == "__main__":
    main()
