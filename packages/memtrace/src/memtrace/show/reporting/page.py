"""The report as one HTML file: no script, no request, dark and light; bars are drawn in it as SVG.

In: a `Report`. Out: the page. Everything that came from data or models is escaped.
"""

from __future__ import annotations

from typing import Any

from memtrace.attribution.types import Rate
from memtrace.scoring.analysis import Cell
from memtrace.show.html import render
from memtrace.show.reporting import wording
from memtrace.show.reporting.types import Report, Section

__all__ = ["report_html"]


def report_html(report: Report) -> str:
    """Write the report as a page that stands alone."""
    return render(
        "system_report.html", report=report, legend=wording.LEGEND,
        sections=[_shown(section) for section in report.sections],
        bar=_bar, spending=wording.spending, percent=wording.percent,
    )  # fmt: skip


def _shown(section: Section) -> dict[str, Any]:
    """A section with what the template cannot work out itself."""
    return {
        "section": section, "facts": wording.facts(section),
        "by_type": _by_part(section.cells_by_type),
        "note": "" if section.summary is None else wording.summary_note(section.summary),
    }  # fmt: skip


def _by_part(cells: tuple[Cell, ...]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.part[0], []).append(cell)
    return found


def _bar(one: Rate) -> dict[str, float]:
    """Where a bar and its interval are drawn, of a width of 100."""
    return {
        "value": round(100 * (one.share or 0.0), 2), "low": round(100 * one.low, 2),
        "high": round(100 * one.high, 2),
    }  # fmt: skip
