"""The report on a memory system: counted from finished runs, in Markdown and as one HTML file."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.show.reporting.building import build_report
    from memtrace.show.reporting.markdown import report_markdown
    from memtrace.show.reporting.page import report_html
    from memtrace.show.reporting.types import Report, Section

__all__ = ["Report", "Section", "build_report", "report_html", "report_markdown"]

_HOMES = {
    "Report": "types", "Section": "types", "build_report": "building", "report_html": "page",
    "report_markdown": "markdown",
}  # fmt: skip
__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"memtrace.show.reporting.{home}" for name, home in _HOMES.items()}
)
