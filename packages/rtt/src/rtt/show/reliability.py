"""A discriminator's figures as one HTML page: does a probability mean what it says, kind by kind.

In: bins of a reliability diagram, and F1 of every kind with its best floor. Out: a page of inline
SVG that stands alone and says every number in a table as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rtt.show.page import page, safe

__all__ = ["Bar", "reliability_page"]

_SIZE, _LEFT, _TOP = 240, 40, 10
_ROW, _NAME, _LENGTH = 17, 250, 320
_STYLE = """
.panels { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
figcaption { font-weight: 600; } svg text { fill: var(--soft); font-size: 11px; }
.ideal { stroke: var(--soft); stroke-dasharray: 3 3; } .frame { stroke: var(--line); fill: none; }
.before { stroke: var(--down); fill: none; stroke-width: 1.6; stroke-dasharray: 5 3; }
.after { stroke: var(--up); fill: none; stroke-width: 2.2; }
.bar { fill: var(--up); } .floor { stroke: var(--down); stroke-width: 2.5; }
.bars { width: 100%; max-width: 46rem; height: auto; }
"""


class Bar(NamedTuple):
    """One kind. Example: `Bar("keywords:existence", 0.93, 0.41)`."""

    name: str
    value: float
    floor: float | None
    """F1 of the best floor."""


def reliability_page(
    panels: Mapping[str, Mapping[str, Sequence[tuple[int, float, float]]]],
    bars: Mapping[str, Sequence[Bar]], *, title: str, facts: Sequence[tuple[str, object]] = (),
) -> str:  # fmt: skip
    """The page as text.

    Args:
        panels: Part of the data to bins (items, mean probability, share relevant) "before" and
            "after" calibration.
        bars: Part of the data to its kinds.
        title: Heading.
        facts: Name and value, shown below the heading.
    """
    told = " · ".join(f"{safe(name)} <b>{safe(value)}</b>" for name, value in facts)
    diagrams = "".join(_diagram(name, both) for name, both in panels.items())
    charts = "".join(
        f"<h2>{safe(name)}: F1 of every kind</h2>"
        f'<p class="soft">Bar: the discriminator; upright line: the best floor.</p>{_chart(rows)}'
        for name, rows in bars.items()
        if rows
    )
    body = (
        f'<p class="soft">{told}</p><h2>Does a probability mean what it says?</h2>'
        '<p class="soft">Words by the probability they were told (across) and the share of them '
        "that is relevant (up). Dotted: what should be; dashed: before calibration; whole: after."
        f'</p><div class="panels">{diagrams}</div>{charts}'
    )
    return page(title, body, style=_STYLE)


def _diagram(name: str, both: Mapping[str, Sequence[tuple[int, float, float]]]) -> str:
    lines = "".join(
        f'<polyline class="{safe(which)}" points="{" ".join(_point(x, y) for _, x, y in filled)}"/>'
        for which, bins in both.items()
        if (filled := [one for one in bins if one[0]])
    )
    labels = "".join(
        f'<text x="{_LEFT - 6}" y="{_place(0, value)[1] + 4:.0f}" text-anchor="end">'
        f"{value:g}</text>"
        f'<text x="{_place(value, 0)[0]:.0f}" y="{_TOP + _SIZE + 16}" text-anchor="middle">'
        f"{value:g}</text>"
        for value in (0, 0.5, 1)
    )
    rows = "".join(
        f"<tr><td>{n}</td><td>{x:.3f}</td><td>{y:.3f}</td></tr>"
        for n, x, y in both.get("after", ())
        if n
    )
    return (
        f"<figure><figcaption>{safe(name)}</figcaption>"
        f'<svg width="{_LEFT + _SIZE + 16}" height="{_TOP + _SIZE + 24}" role="img" '
        f'aria-label="reliability of {safe(name)}">'
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIZE}" height="{_SIZE}"/>'
        f'<polyline class="ideal" points="{_point(0, 0)} {_point(1, 1)}"/>{lines}{labels}</svg>'
        "<details><summary>numbers after calibration</summary><table><tr><th>words</th>"
        f"<th>told</th><th>relevant</th></tr>{rows}</table></details></figure>"
    )


def _chart(rows: Sequence[Bar]) -> str:
    drawn, ordered = [], sorted(rows, key=lambda one: (-one.value, one.name))
    for number, one in enumerate(ordered):
        y = number * _ROW
        floor = "none" if one.floor is None else f"{one.floor:.3f}"
        drawn.append(
            f"<g><title>{safe(one.name)}: {one.value:.3f}, best floor {floor}</title>"
            f'<text x="{_NAME - 6}" y="{y + 12}" text-anchor="end">{safe(one.name)}</text>'
            f'<rect class="bar" x="{_NAME}" y="{y + 3}" width="{one.value * _LENGTH:.1f}" '
            f'height="{_ROW - 6}"/>'
            f'<text x="{_NAME + _LENGTH + 8}" y="{y + 12}">{one.value:.3f}</text>'
        )
        if one.floor is not None:
            x = _NAME + one.floor * _LENGTH
            drawn.append(f'<path class="floor" d="M{x:.1f} {y + 1}V{y + _ROW - 2}"/>')
        drawn.append("</g>")
    return (
        f'<svg class="bars" viewBox="0 0 {_NAME + _LENGTH + 50} {len(rows) * _ROW + 4}" '
        f'role="img" aria-label="F1 of {len(rows)} kinds">{"".join(drawn)}</svg>'
    )


def _place(x: float, y: float) -> tuple[float, float]:
    return _LEFT + x * _SIZE, _TOP + (1 - y) * _SIZE


def _point(x: float, y: float) -> str:
    return "{:.1f},{:.1f}".format(*_place(x, y))
