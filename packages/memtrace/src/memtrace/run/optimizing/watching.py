"""What is seen while an optimisation runs: a bar of metric calls, and each version as it comes.

In: what the loop tells. Out: lines on standard output, a bar on standard error where that is a
terminal, rows of `versions.jsonl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from lmcommon.runlog import Run
from memtrace.optimizing.types import Splits, Version
from memtrace.run.optimizing.plan import Plan
from memtrace.show.optimization.rows import version_cells, version_row

__all__ = ["Watch"]

_WIDTHS = {"version": 8, "changed": 24, "verdict": 10, "won / lost": 11, "p": 7, "validation": 11,
           "metric calls": 13}  # fmt: skip


class Watch:
    """Tells how far an optimisation is.

    Args:
        run: Whose console and folder.
        plan: What is done.
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._run = run
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("metric calls{task.fields[told]}"), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(plan.method, total=None, told="")
        self._best: float | None = None
        self._written = {row["number"] for row in run.read("versions")}
        self._has_head = False

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._bar.stop()

    def stage(self, name: str, limit: int | None) -> None:
        """Another part of the work begins."""
        self._bar.update(self._task, description=name, completed=0, total=limit)

    def spent(self, metric_calls: int) -> None:
        """So many metric calls are spent of this part."""
        told = "" if self._best is None else f", best validation {self._best:.3f}"
        self._bar.update(self._task, completed=metric_calls, told=told)

    def parts(self, splits: Splits, components: Sequence[str]) -> None:
        """What is learned from and decided by."""
        self._say(
            f"{len(splits.train)} training, {len(splits.validation)} validation and "
            f"{len(splits.held_out)} held-out questions; prompts: {', '.join(components)}"
        )

    def version(self, version: Version) -> None:
        """A version was decided."""
        if version.number not in self._written:
            self._written.add(version.number)
            self._run.append("versions", version_row(version))
        if version.validation is not None and version.decision.accepted:
            self._best = version.validation
        cells = version_cells(version)
        if not self._has_head:
            self._has_head = True
            self._say("".join(name.ljust(width) for name, width in _WIDTHS.items()) + "why")
        line = "".join(f"{cells[name]} ".ljust(width) for name, width in _WIDTHS.items())
        self._say(line + cells["why"])

    def _say(self, line: str) -> None:
        self._run.console.print(line, markup=False, highlight=False, soft_wrap=True)
