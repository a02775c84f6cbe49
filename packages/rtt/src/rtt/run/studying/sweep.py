"""The sweep over the weight of the token credit as a picture: one panel ours, one the paper's.

In: the block of the sweep. Out: an SVG file's text, with bars for the intervals; each point tells
its numbers when it is hovered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from rtt.run.studying.collecting import Block, Line
from rtt.show.curves import COLOURS, DASHES
from rtt.show.svg import ticks

__all__ = ["sweep_svg"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 360, 260, 46, 34, 40
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}.line{fill:none;stroke-width:2}"
    ".bar{stroke-width:1.5}"
)


def sweep_svg(block: Block) -> str | None:
    """The picture; None where no weight was measured.

    Our panel shows the first column that the lines have.
    """
    betas = block.table.betas or {}
    panels: list[str] = []
    for origin, name in (("ours", "ours"), ("paper", "the paper's, mean of six columns")):
        lines = [line for line in block.lines if line.origin == origin and line.arm in betas]
        column = next((column for line in lines for column in line.cells), None)
        if column is None:
            continue
        named = f"{name}: {column}" if origin == "ours" else name
        series = {
            model: [line for line in lines if line.model == model and column in line.cells]
            for model in dict.fromkeys(line.model for line in lines)
        }
        panels.append(_panel(series, column, betas, named, len(panels) * _WIDTH))
    if not any(line.origin == "ours" and line.cells for line in block.lines):
        return None
    width = _WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" '
        f'height="{_HEIGHT}" role="img" aria-label="weight of the token credit"><style>{_STYLE}'
        f'</style><rect width="{width}" height="{_HEIGHT}" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(
    series: dict[str, list[Line]], column: str, betas: Mapping[str, float], name: str, shift: int
) -> str:
    weights = {line.arm: float(betas[line.arm]) for lines in series.values() for line in lines}
    cells = [line.cells[column] for lines in series.values() for line in lines]
    ys = ticks(
        min(cell.value if cell.low is None else cell.low for cell in cells),
        max(cell.value if cell.high is None else cell.high for cell in cells),
    )

    def x(weight: float) -> float:
        return shift + _LEFT + 14 + (_WIDTH - _LEFT - 34) * weight

    def y(value: float) -> float:
        room = _HEIGHT - _TOP - _BOTTOM
        return _TOP + room * (ys[-1] - value) / (ys[-1] - ys[0])

    drawn = [f'<text x="{shift + _LEFT}" y="18">{escape(name)}</text>']
    for value in ys:
        drawn.append(
            f'<path class="grid" d="M{shift + _LEFT} {y(value):.1f}H{shift + _WIDTH - 12}"/>'
            f'<text x="{shift + _LEFT - 5}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}'
            "</text>"
        )
    for weight in sorted(set(weights.values())):
        drawn.append(
            f'<text x="{x(weight):.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{weight:g}</text>'
        )
    drawn.append(
        f'<text x="{shift + (_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">beta'
        "</text>"
    )
    for place, (model, lines) in enumerate(series.items()):
        ordered = sorted(lines, key=lambda line: weights[line.arm])
        drawn.append(_curve(model, ordered, column, weights, place, x, y))
    return "".join(drawn)


def _curve(
    model: str, lines: Sequence[Line], column: str, weights: Mapping[str, float],
    place: int, x: Callable[[float], float], y: Callable[[float], float],
) -> str:  # fmt: skip
    colour = COLOURS[place % len(COLOURS)]
    dash = " ".join(map(str, DASHES[place % len(DASHES)])) or "none"
    points = [(x(weights[line.arm]), line.cells[column]) for line in lines]
    path = "L".join(f"{across:.1f} {y(cell.value):.1f}" for across, cell in points)
    marks = "".join(
        (
            f'<path class="bar" stroke="{colour}" d="M{across:.1f} {y(cell.low):.1f}V'
            f'{y(cell.high):.1f}"/>'
            if cell.low is not None and cell.high is not None else ""
        )
        + f'<circle cx="{across:.1f}" cy="{y(cell.value):.1f}" r="4" fill="{colour}"><title>'
        f"{escape(model)}, {escape(line.label)}: {cell.value:.2f}</title></circle>"
        for line, (across, cell) in zip(lines, points, strict=True)
    )  # fmt: skip
    return f'<path class="line" stroke="{colour}" stroke-dasharray="{dash}" d="M{path}"/>{marks}'
