"""`memtrace-diff`: what two runs did differently, and where they first parted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.app.unkept import json_line
from lmcommon.runlog import write_atomic

__all__ = ["DiffConfig", "diff", "main"]


@dataclass(kw_only=True)
class DiffConfig:
    """Which traces to compare."""

    a: str
    """The run before: a trace file."""
    b: str
    """The run after: a trace file, such as a replay's."""
    out: str | None = None
    """Where to write everything as JSON; null: only the screen."""


def diff(config: DiffConfig, run: Run) -> dict[str, Any]:
    """Compare two runs of one pipeline: causes first, then what follows, then answers."""
    found = memtrace.diff(config.a, config.b)
    run.console.print(str(found), markup=False, highlight=False, soft_wrap=True)
    if config.out is not None:
        write_atomic(Path(config.out), json_line(found.to_dict()) + "\n")
    first = found.first
    return {
        "matched": found.matched, "changed": len(found.changes), "missing": len(found.missing),
        "added": len(found.added), "answers": found.answer_count,
        "answers_changed": len(found.answers), "same": found.is_empty,
        "first": None if first is None else {"a": first.a, "b": first.b, "name": first.name},
    }  # fmt: skip


main = entrypoint(
    "memtrace/diff", DiffConfig, diff, groups={}, positional=("a", "b"), keeps_run=False
)

if __name__ == "__main__":
    main()
