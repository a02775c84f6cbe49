"""`memtrace-import`: traces of other tools become a trace of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from memtrace.interchange.guess import FORMATS, guess_format
from memtrace.interchange.types import ImportReport
from memtrace.run.ticking import ticking

__all__ = ["ImportConfig", "import_trace", "main"]

_SHOWN = 20


@dataclass(kw_only=True)
class ImportConfig:
    """What to read and where to write."""

    path: str = "???"
    """The file; or a folder of smartcomment files, which become one trace each."""
    out: str = "???"
    """The trace to write; for a folder, the folder to write into."""
    format: str = "auto"
    """auto looks into the file; else memtracebench (smartcomment's JSON) or otlp (spans)."""
    strict: bool = False
    """memtracebench: stop at the first bad entry instead of telling it."""

    def __post_init__(self) -> None:
        if self.format not in ("auto", *FORMATS):
            known = ", ".join(("auto", *FORMATS))
            raise UserError(f"format: expected one of {known}; got {self.format!r}")


def import_trace(cfg: ImportConfig, run: Run) -> dict[str, Any]:
    """Import a file of smartcomment, MemTraceBench or OpenTelemetry as a trace."""
    source = Path(cfg.path)
    form = guess_format(source) if cfg.format == "auto" else cfg.format
    if form == "memtracebench":
        with _reading(source) as on_bytes:
            report = memtrace.import_memtracebench(
                source, cfg.out, strict=cfg.strict, on_bytes=on_bytes
            )
    else:
        report = memtrace.import_otlp(source, cfg.out)
    for problem in report.problems[:_SHOWN]:
        run.console.print(problem, markup=False, highlight=False)
    if len(report.problems) > _SHOWN:
        run.console.print(f"... and {len(report.problems) - _SHOWN:,} more")
    return _figures(report)


def _figures(report: ImportReport) -> dict[str, Any]:
    return {
        "out": str(report.out), "format": report.format, "operations": report.operations,
        "variables": report.variables, "edges": report.edges, **report.counts,
        "problems": len(report.problems),
    }  # fmt: skip


@contextmanager
def _reading(source: Path) -> Iterator[Callable[[int], None]]:
    """A progress bar over the bytes of a file or folder."""
    files = source.rglob("*.json") if source.is_dir() else [source]
    total = sum(file.stat().st_size for file in files if file.is_file())
    done = 0
    with ticking() as tick:

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            tick("reading", done >> 20, total >> 20)

        yield on_bytes


main = entrypoint(
    "memtrace/import", ImportConfig, import_trace, groups={}, positional=("path", "out"),
    keeps_run=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
