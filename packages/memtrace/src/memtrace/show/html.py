"""One HTML file for a run: systems side by side, every question, every blamed operation.

The file stands alone: no script from elsewhere, no request, dark and light. Everything that came
from data or models is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.runlog import write_atomic
from memtrace.evaluate.types import Episode
from memtrace.show.cases import CaseView

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Row", "render", "write_html"]


@dataclass(frozen=True, slots=True)
class Row:
    """A question in the report: its episode, and its explanation if it was answered wrongly."""

    episode: Episode
    case: CaseView | None = None

    @property
    def state(self) -> str:
        """right, wrong or unscored."""
        if self.episode.is_unscored:
            return "unscored"
        return "wrong" if self.episode.is_failure else "right"


def write_html(
    path: Path, *, title: str, facts: Mapping[str, str], systems: Sequence[Mapping[str, Any]],
    rows: Sequence[Row],
) -> Path:  # fmt: skip
    """Write the report.

    Args:
        path: Where.
        title: Heading.
        facts: Label to text, shown under the heading (model, data, seed).
        systems: One mapping a system, all with the same keys: the columns of the overview.
        rows: The questions, in the order to show.
    """
    html = render("report.html", title=title, facts=facts, systems=systems, rows=rows)
    write_atomic(path, html)
    return path


def render(template: str, **values: Any) -> str:
    """Fill one of the page templates; everything that is filled in is escaped.

    Args:
        template: Its file name.
        values: What it speaks of.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("memtrace.show", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["highlight"] = _highlight
    return environment.get_template(template).render(**values)


def _highlight(text: str, phrase: str) -> Markup:
    """Escape a text and mark where a phrase stands in it."""
    from markupsafe import Markup, escape

    pieces = re.split(f"({re.escape(phrase)})", text, flags=re.IGNORECASE) if phrase else [text]
    marked = (
        Markup("<mark>{}</mark>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )
    return Markup("").join(marked)
