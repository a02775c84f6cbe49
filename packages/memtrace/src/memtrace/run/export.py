"""`memtrace-export`: a trace as a file of smartcomment or as OpenTelemetry spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from memtrace.interchange.guess import FORMATS

__all__ = ["ExportConfig", "export_trace", "main"]


@dataclass(kw_only=True)
class ExportConfig:
    """What to read and where it goes."""

    trace: str = "???"
    """The trace file."""
    out: str = "???"
    """The file to write; for otlp also the address of a receiver (http://...)."""
    format: str = "auto"
    """memtracebench (smartcomment's JSON) or otlp (spans). auto: memtracebench for what was
    imported from it, if out ends in .json, else otlp."""

    def __post_init__(self) -> None:
        if self.format not in ("auto", *FORMATS):
            known = ", ".join(("auto", *FORMATS))
            raise UserError(f"format: expected one of {known}; got {self.format!r}")


def export_trace(cfg: ExportConfig, run: Run) -> dict[str, Any]:
    """Export a trace for smartcomment, MemTraceBench or OpenTelemetry."""
    with memtrace.open(cfg.trace) as trace:
        form = cfg.format
        if form == "auto":
            is_theirs = "memtracebench" in trace.metadata and cfg.out.endswith(".json")
            form = "memtracebench" if is_theirs else "otlp"
        if form == "memtracebench":
            report = memtrace.export_memtracebench(trace, cfg.out)
        else:
            report = memtrace.export_otlp(trace, cfg.out)
    for problem in report.problems[:20]:
        run.console.print(problem, markup=False, highlight=False)
    return {
        "out": report.target, "format": report.format, "written": report.written, **report.counts,
        "problems": len(report.problems),
    }  # fmt: skip


main = entrypoint(
    "memtrace/export", ExportConfig, export_trace, groups={}, positional=("trace", "out"),
    keeps_run=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
