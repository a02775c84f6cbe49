"""Reports on files: what is no trace at all, and what can be saved of a damaged one."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from memtrace.graph.checking.findings import CheckReport, Problem, Tick, Verdict
from memtrace.graph.checking.kinds import kind_of_file
from memtrace.graph.checking.pages import MAGIC, Pages
from memtrace.graph.checking.salvage import rows

__all__ = ["SHOWN", "can_be_saved", "damaged", "no_tick", "no_trace_at_all", "refusal"]

SHOWN = {"operations": "operations", "variables": "variables", "inputs": "input edges",
         "blobs": "values"}  # fmt: skip
"""Tables that people are told of, under the names they know."""


def no_trace_at_all(path: Path) -> CheckReport | None:
    """A report on what is not even an SQLite file."""
    if not path.is_file():
        what = "a folder is here" if path.is_dir() else "nothing is here"
        return refusal(path, "missing", Problem("no file", "file", what), "Check the path.")
    if path.stat().st_size == 0:
        return refusal(
            path, "empty", Problem("empty", "file", "the file has no bytes"),
            "A recording that was killed at once leaves this: record again.",
        )  # fmt: skip
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(MAGIC):
        return None
    saved = can_be_saved(path, no_tick)
    if saved:
        problem = Problem("header damaged", "file", "it does not begin as an SQLite file does")
        return damaged(path, [problem], saved)
    return refusal(
        path, "foreign", Problem("no trace", "file", f"it is {kind_of_file(head)}"),
        "Give a file that memtrace.record wrote; memtrace-import reads other formats.",
    )  # fmt: skip


def can_be_saved(path: Path, tick: Tick) -> dict[str, int]:
    """How many rows a repair would find; empty for a file without a single operation or value."""
    found: Counter[str] = Counter()
    with Pages(path) as pages:
        for row in rows(pages, lambda page: tick("reading pages", page, pages.count)):
            found[row.table] += 1
    return {shown: found[table] for table, shown in SHOWN.items() if found[table]}


def damaged(
    path: Path, problems: list[Problem], saved: dict[str, int], version: int | None = None,
    counts: dict[str, int] | None = None, notes: list[str] | None = None,
    is_recording: bool = False,
) -> CheckReport:  # fmt: skip
    """The report on a damaged trace. `saved` is what `can_be_saved` found."""
    advice = (
        f"Save it with: memtrace-check {shlex.quote(str(path))} repair=NEW_FILE"
        if saved
        else "Nothing in it can be saved: restore the file from a copy, or record again."
    )
    return CheckReport(
        path=str(path), verdict="damaged", schema=version, counts=counts, problems=tuple(problems),
        notes=tuple(notes or ()), is_recording=is_recording, can_be_saved=saved or None,
        advice=advice,
    )  # fmt: skip


def refusal(
    path: Path, verdict: Verdict, problem: Problem, advice: str, notes: Sequence[str] = ()
) -> CheckReport:
    """The report on a file that is not looked into any further."""
    return CheckReport(
        path=str(path), verdict=verdict, problems=(problem,), advice=advice, notes=tuple(notes)
    )


def no_tick(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
