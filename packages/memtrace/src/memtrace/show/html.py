"""One HTML file for a run: systems side by side, every question, every blamed operation.

The file stands alone: no script from elsewhere, no request, dark and light. Everything that came
from data or models is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.runlog import write_atomic
from memtrace.evaluate.types import Episode
from memtrace.show.cases import CaseView

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["Row", "render", "write_html"]

_STEERING = ("Cc", "Cs")
"""Categories of characters that are not seen themselves."""
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Those that turn what follows them around."""


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
    """Fill one of the page templates.

    Everything that is filled in is escaped, and what steers the display (the other direction,
    terminal codes) is made visible.

    Args:
        template: Its file name.
        values: What it speaks of.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("memtrace.show", "templates"), autoescape=True, finalize=_finalized,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["highlight"] = _highlight
    return environment


def _finalized(value: object) -> object:
    """A plain text with nothing in it that is not seen; markup is ours, and stays."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _visible(value)


def _visible(text: str) -> str:
    return "".join("\ufffd" if one in _DIRECTIONS or _steers(one) else one for one in text)


def _steers(one: str) -> bool:
    return one not in "\n\r\t" and unicodedata.category(one) in _STEERING


def _highlight(text: str, phrase: str) -> Markup:
    """Escape a text and mark where a phrase stands in it."""
    from markupsafe import Markup, escape

    text, phrase = _visible(text), _visible(phrase)
    pieces = re.split(f"({re.escape(phrase)})", text, flags=re.IGNORECASE) if phrase else [text]
    marked = (
        Markup("<mark>{}</mark>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )
    return Markup("").join(marked)
