"""`memtrace-report`: what finished runs say of a memory system, in Markdown and as one page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.config import LLM_SCHEMAS
from lmcommon.runlog import write_atomic
from memtrace.attribution.types import Rate
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.run.tables import as_table
from memtrace.show.reporting.building import build_report
from memtrace.show.reporting.markdown import report_markdown
from memtrace.show.reporting.page import report_html
from memtrace.show.reporting.wording import operation_rows

if TYPE_CHECKING:
    from memtrace.show.reporting.types import Report, Section

__all__ = ["ReportConfig", "main", "report"]

GROUPS = {"llm": {**LLM_SCHEMAS, "simulated": SimulatedConfig}}
_COLUMNS = ("operation", "failures blamed on it", "proved", "error types", "facts lost there")
_TOLD = 5
"""Pieces of advice on the terminal; all are in the report."""


@dataclass(kw_only=True)
class ReportConfig:
    """Which runs, and how much of them is worked out."""

    runs: list[str] = field(default_factory=list)
    """Run folders of memtrace-trace or memtrace-attribute, folders of such, or traces."""
    method: str | None = None
    """Of runs of memtrace-attribute with several methods: whose verdicts to take."""
    operations: int = 5
    """How many of the worst operations are shown."""
    examples: int = 5
    """Worked examples of each of them, at most."""
    title: str = ""
    """Heading; empty: systems and data sets."""
    summary_llm: Any = None
    """Writes a summary that cites case ids, chosen with llm@summary_llm=...; null: none."""

    def __post_init__(self) -> None:
        for key in ("operations", "examples"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        if isinstance(self.summary_llm, str):
            raise UserError(
                f"summary_llm: expected a model; got the word {self.summary_llm!r}; choose one "
                f"with llm@summary_llm={self.summary_llm}"
            )


def report(cfg: ReportConfig, run: Run) -> dict[str, Any]:
    """Report on memory systems: error types, operations, worked examples, what to look at."""
    model = None if cfg.summary_llm is None else cfg.summary_llm.build()
    try:
        if model is not None:
            model.check()
        made = build_report(
            cfg.runs, method=cfg.method, operations=cfg.operations, examples=cfg.examples,
            summary_llm=model, title=cfg.title,
        )  # fmt: skip
    finally:
        if model is not None:
            model.close()
    run.report(report_markdown(made))
    page = run.folder / "report.html"
    write_atomic(page, report_html(made))
    _tell(made, run)
    return {"title": made.title, "sections": [_figures(one) for one in made.sections],
            "report": str(page)}  # fmt: skip


def _tell(made: Report, run: Run) -> None:
    for section in made.sections:
        rows = [{key: row[key] for key in _COLUMNS} for row in operation_rows(section.operations)]
        run.console.print(as_table(rows, section.title))
        for one in section.advice[:_TOLD]:
            run.console.print(f"{len(one.cases)}: {one.todo}", markup=False, highlight=False)


def _figures(section: Section) -> dict[str, Any]:
    return {
        "system": section.studied.system, "data": section.studied.data,
        "model": section.studied.model, "right": section.right.hits, "wrong": section.wrong.hits,
        "unscored": section.unscored,
        "accuracy": _rate(section.right) if section.studied.is_whole else None,
        "operations": {one.name: one.failures.hits for one in section.operations},
        "proved": sum(one.is_proved for one in section.studied.asked),
        "not_the_systems": len(section.invalid), "unexplained": len(section.unexplained),
        "advice": {one.rule: len(one.cases) for one in section.advice},
    }  # fmt: skip


def _rate(one: Rate) -> dict[str, float | None]:
    share = None if one.share is None else round(one.share, 4)
    return {"share": share, "low": round(one.low, 4), "high": round(one.high, 4)}


main = entrypoint("memtrace/report", ReportConfig, report, groups=GROUPS)

if __name__ == "__main__":
    main()
