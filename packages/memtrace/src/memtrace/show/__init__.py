"""To look at: explanations in the terminal, one HTML file a run."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.show.cases import CaseView, case_view
    from memtrace.show.html import Row, write_html
    from memtrace.show.terminal import explain

__all__ = ["CaseView", "Row", "case_view", "explain", "write_html"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "CaseView": "memtrace.show.cases",
        "Row": "memtrace.show.html",
        "case_view": "memtrace.show.cases",
        "explain": "memtrace.show.terminal",
        "write_html": "memtrace.show.html",
    },
)
