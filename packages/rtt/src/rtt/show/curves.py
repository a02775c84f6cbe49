"""Learning curves as one small PNG: the mean over seeds, and each seed behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lmcommon.extras import require

__all__ = ["draw_curves"]

Points = Sequence[tuple[int, float]]


def draw_curves(
    series: Mapping[str, Sequence[Points]], path: Path, *, ylabel: str, title: str = ""
) -> Path:
    """Draw one line a label.

    Args:
        series: Label to its runs; a run is a sequence of (step, value). Runs of a label that
            share their steps are averaged into a thick line.
        path: PNG to write.
        ylabel: What the values are.
        title: Shown above.

    Returns:
        `path`.

    Raises:
        MissingExtraError: Without `rtt-llm[plot]`.
    """
    figure_module = require("matplotlib.figure", extra="rtt-llm[plot]")
    figure = figure_module.Figure(figsize=(7, 4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for number, (label, runs) in enumerate(series.items()):
        colour, dash = f"C{number % 10}", ("-", "--", "-.", ":")[number % 4]
        steps = sorted(set.intersection(*({s for s, _ in run} for run in runs))) if runs else []
        values = [dict(run) for run in runs]
        mean = [sum(run[step] for run in values) / len(values) for step in steps]
        axes.plot(steps, mean, color=colour, linestyle=dash, linewidth=2, label=label)
        if len(runs) > 1:
            for run in runs:
                axes.plot(*zip(*run, strict=True), color=colour, linewidth=0.7, alpha=0.35)
    axes.set(xlabel="step", ylabel=ylabel, title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
    return path
