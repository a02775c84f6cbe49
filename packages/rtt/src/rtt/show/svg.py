"""Learning curves as one HTML page: inline SVG, readable without a script and by keyboard.

The thick line of a label is the mean over its seeds, the band runs from the lowest seed to the
highest, each seed is a thin line. Hovering a point tells step and value; a table below each panel
tells first, last and best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rtt.show.curves import mean_points, span_points, styles_of
from rtt.show.metrics import Points, Series
from rtt.show.page import page, safe

__all__ = ["curves_html", "ticks"]

_DARK = ("#56b4e9", "#ff8f4d", "#35c79a", "#e59ac4", "#f0b84a", "#9fd8ff", "#b0b0b0")
_MOST = 240
"""Points of a line; a longer run is drawn as means of neighbouring steps."""
_WIDTH, _HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 10, 30
_STYLE = """
.panels { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem .8rem; min-width: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 11px; }
.grid { stroke: var(--line); stroke-width: 1; } path { fill: none; }
.mean { stroke-width: 2.2; } .seed { stroke-width: .8; opacity: .45; } .band { opacity: .15; }
circle { opacity: 0; } circle:hover { opacity: 1; } .alone { opacity: 1; }
ul.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; }
.legend svg { display: inline-block; width: 3rem; height: .7rem; vertical-align: middle; }
"""


def curves_html(
    panels: Mapping[str, Series],
    *,
    title: str = "Learning curves",
    facts: Sequence[tuple[str, object]] = (),
) -> str:
    """The page as text.

    Args:
        panels: Name of each metric, to label to runs.
        title: Heading.
        facts: Name and value, shown below the heading.
    """
    styles = styles_of(panels)
    colours = "".join(
        f".c{number} {{ --c: light-dark({colour}, {_DARK[number % len(_DARK)]}); }}"
        f".c{number} path, .c{number}.mean {{ stroke: var(--c);"
        f" stroke-dasharray: {' '.join(map(str, dash)) or 'none'}; }}"
        for number, (colour, dash) in enumerate(styles.values())
    )
    places = {label: number for number, label in enumerate(styles)}
    legend = "".join(
        f'<li><svg viewBox="0 0 48 10" aria-hidden="true"><g class="c{number}">'
        f'<path class="mean" d="M0 5H48"/></g></svg> {safe(label)}{_seeds(label, panels)}</li>'
        for label, number in places.items()
    )
    told = " · ".join(f"{safe(name)} <b>{safe(value)}</b>" for name, value in facts)
    figures = "\n".join(_figure(name, series, places) for name, series in panels.items())
    body = (
        f'<p class="soft">{told}</p>\n<ul class="legend">{legend}</ul>\n'
        '<p class="soft">Thick: mean over seeds; band: lowest to highest seed; thin: each seed. '
        f"Hover a line for its numbers. A run of more than {_MOST} rows is drawn as means of "
        f'neighbouring ones.</p>\n<div class="panels">{figures}</div>'
    )
    return page(title, body, style=_STYLE + colours + "path.seed { stroke-dasharray: none; }")


def ticks(low: float, high: float, number: int = 5, *, least: float = 0.0) -> list[float]:
    """Round values from at most `low` to at least `high`, about `number` of them.

    Args:
        low: Lowest value to cover.
        high: Highest.
        number: How many steps, about.
        least: Smallest step; 1 for what is counted.

    Example:
        `ticks(0.03, 0.97)` is `[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]`.
    """
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        pad = abs(low) / 2 or 0.5
        low, high = low - pad, high + pad
    rough = (high - low) / number
    power = 10.0 ** math.floor(math.log10(rough))
    sizes = (1, 2, 5, 10) if least else (1, 2, 2.5, 5, 10)
    step = max(next(one * power for one in sizes if one * power >= rough * 0.999), least)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) + 0.0 for place in range(first, max(last, first + 1) + 1)]


def _seeds(label: str, panels: Mapping[str, Series]) -> str:
    number = max(len(series.get(label, ())) for series in panels.values())
    return f" ({number} seeds)" if number > 1 else ""


def _figure(name: str, series: Series, places: Mapping[str, int]) -> str:
    values = [value for runs in series.values() for run in runs for _, value in run]
    steps = [step for runs in series.values() for run in runs for step, _ in run]
    low, high = min(values), max(values)
    ys = ticks(min(low, 0.0) if low >= 0 else low, high)
    xs = ticks(min(steps), max(steps), least=1)
    frame = _Frame(min(steps), max(steps), ys[0], ys[-1])
    grid = "".join(
        f'<path class="grid" d="M{_LEFT} {frame.y(y):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{frame.y(y) + 4:.1f}" text-anchor="end">{y:g}</text>'
        for y in ys
    ) + "".join(
        f'<text x="{frame.x(x):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{x:g}</text>'
        for x in xs
        if frame.first <= x <= frame.last
    )
    lines = "".join(_lines(label, runs, places[label], frame) for label, runs in series.items())
    rows = "".join(_row(label, runs) for label, runs in series.items())
    return (
        f'<figure><figcaption>{safe(name)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{safe(name)} by step">{grid}{lines}</svg><details><summary>numbers'
        "</summary><table><tr><th>run</th><th>seeds</th><th>first</th><th>last</th><th>highest</th>"
        f"<th>lowest</th></tr>{rows}</table></details></figure>"
    )


class _Frame:
    """From data to the places of a drawing."""

    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self.first, self.last, self.low, self.high = first, last, low, high

    def x(self, step: float) -> float:
        room = _WIDTH - _LEFT - _RIGHT
        return _LEFT + room * (step - self.first) / ((self.last - self.first) or 1)

    def y(self, value: float) -> float:
        room = _HEIGHT - _TOP - _BOTTOM
        return _TOP + room * (self.high - value) / ((self.high - self.low) or 1)


def _lines(label: str, runs: Sequence[Points], number: int, frame: _Frame) -> str:
    mean = _thinned(mean_points(runs))
    parts = []
    if len(runs) > 1 and mean:
        span = span_points(runs)
        lower = _thinned([(step, low) for step, low, _ in span])
        upper = _thinned([(step, high) for step, _, high in span])
        outline = _path([*upper, *reversed(lower)], frame)
        parts.append(f'<path class="band" style="fill:var(--c);stroke:none" d="{outline}Z"/>')
        parts += [f'<path class="seed" d="{_path(_thinned(run), frame)}"/>' for run in runs]
    parts.append(f'<path class="mean" d="{_path(mean, frame)}"/>')
    alone = ' class="alone"' if len(mean) == 1 else ""
    parts += [
        f'<circle{alone} cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" r="4" '
        f'style="fill:var(--c)"><title>{safe(label)}, step {step:g}: {value:.4g}</title></circle>'
        for step, value in mean
    ]
    return f'<g class="c{number}">{"".join(parts)}</g>'


def _path(points: Sequence[tuple[float, float]], frame: _Frame) -> str:
    return "".join(
        f"{'L' if place else 'M'}{frame.x(step):.1f} {frame.y(value):.1f}"
        for place, (step, value) in enumerate(points)
    )


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    size = math.ceil(len(points) / _MOST) or 1
    buckets = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(step for step, _ in one) / len(one), sum(value for _, value in one) / len(one))
        for one in buckets
    ]


def _row(label: str, runs: Sequence[Points]) -> str:
    mean = mean_points(runs)
    if not mean:
        none = '<td colspan="4">no step in common</td>'
        return f"<tr><td>{safe(label)}</td><td>{len(runs)}</td>{none}</tr>"
    values = [value for _, value in mean]
    cells = "".join(f"<td>{x:.4g}</td>" for x in (values[0], values[-1], max(values), min(values)))
    return f"<tr><td>{safe(label)}</td><td>{len(runs)}</td>{cells}</tr>"
