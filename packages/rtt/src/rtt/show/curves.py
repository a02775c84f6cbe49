"""Learning curves as one PNG: the mean over seeds, the range of the seeds, and each seed.

Colours are those of Okabe and Ito, told apart by most colour-blind eyes; every label has a dash
pattern of its own as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmcommon.extras import require
from rtt.show.metrics import Points, Series

__all__ = [
    "COLOURS", "DASHES", "draw_curves", "draw_panels", "mean_points", "span_points", "styles_of",
]  # fmt: skip

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
DASHES = ((), (6, 2), (2, 2), (7, 2, 2, 2))


def draw_curves(series: Series, path: Path, *, ylabel: str, title: str = "") -> Path:
    """Draw one metric, one line a label.

    Args:
        series: Label to its runs; a run is a sequence of (step, value). Runs of a label are
            averaged over the steps that they share; each is drawn thin, their range as a band.
        path: PNG to write.
        ylabel: What the values are.
        title: Shown above.

    Returns:
        `path`.

    Raises:
        MissingExtraError: Without `rtt-llm[plot]`.
    """
    return draw_panels({ylabel: series}, path, title=title)


def draw_panels(
    panels: Mapping[str, Series], path: Path, *, title: str = "", columns: int = 3
) -> Path:
    """Draw several metrics side by side, one panel each; arguments and errors as `draw_curves`.

    Args:
        panels: What the values are, to series.
        path: PNG to write.
        title: Shown above.
        columns: Panels in a row at most.
    """
    figure_module = require("matplotlib.figure", extra="rtt-llm[plot]")
    columns = min(columns, len(panels)) or 1
    rows = math.ceil(len(panels) / columns) or 1
    size = (7, 4) if len(panels) == 1 else (4.6 * columns, 3 * rows)
    figure = figure_module.Figure(figsize=size, dpi=110, layout="constrained")
    styles = styles_of(panels)
    for number, (name, series) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        for label, runs in series.items():
            _draw(axes, label, runs, *styles[label])
        axes.set(xlabel="step", ylabel=name)
        low, high = axes.get_ylim()
        if low > 0:
            axes.set_ylim(0, 1.05 * high)
        axes.grid(alpha=0.3)
        if number == 0:
            axes.legend(fontsize="small")
    figure.suptitle(title, fontsize="medium")
    figure.savefig(path)
    return path


def styles_of(panels: Mapping[str, Series]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """One colour and one dash pattern for each label, the same in every panel."""
    labels = dict.fromkeys(label for series in panels.values() for label in series)
    return {
        label: (COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)])
        for number, label in enumerate(labels)
    }


def mean_points(runs: Sequence[Points]) -> list[tuple[int, float]]:
    """Mean over runs at the steps that all of them have."""
    return [(step, sum(values) / len(values)) for step, values in _shared(runs)]


def span_points(runs: Sequence[Points]) -> list[tuple[int, float, float]]:
    """Lowest and highest run at the steps that all of them have."""
    return [(step, min(values), max(values)) for step, values in _shared(runs)]


def _shared(runs: Sequence[Points]) -> list[tuple[int, list[float]]]:
    values = [dict(run) for run in runs]
    steps = sorted(set.intersection(*(set(run) for run in values))) if values else []
    return [(step, [run[step] for run in values]) for step in steps]


def _draw(
    axes: Any, label: str, runs: Sequence[Points], colour: str, dash: tuple[int, ...]
) -> None:
    name = f"{label} ({len(runs)} seeds)" if len(runs) > 1 else label
    line = mean_points(runs)
    style = (0, dash) if dash else "-"
    marker = "o" if len(line) == 1 else None
    axes.plot(
        *(zip(*line, strict=True) if line else ((), ())),
        color=colour, linestyle=style, linewidth=2, marker=marker, label=name,
    )  # fmt: skip
    if len(runs) > 1 and line:
        band = span_points(runs)
        axes.fill_between(*zip(*band, strict=True), color=colour, alpha=0.15, linewidth=0)
        for run in runs:
            axes.plot(*zip(*run, strict=True), color=colour, linewidth=0.7, alpha=0.35)
