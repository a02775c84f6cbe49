"""Shares with their intervals as one small PNG: groups of bars, one colour a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lmcommon.extras import require

__all__ = ["Bar", "draw_bars"]

Bar = tuple[float, float, float]
"""Value, and the ends of its interval."""


def draw_bars(
    series: Mapping[str, Mapping[str, Bar]], groups: Sequence[str], path: Path, *,
    xlabel: str, title: str = "",
) -> Path:  # fmt: skip
    """Draw horizontal bars.

    Args:
        series: Label to its bars by group; a group a series lacks has no bar.
        groups: The groups, from top to bottom.
        path: PNG to write.
        xlabel: What the values are.
        title: Shown above.

    Returns:
        `path`.

    Raises:
        MissingExtraError: Without `memtrace-llm[plot]`.
    """
    figure_module = require("matplotlib.figure", extra="memtrace-llm[plot]")
    thickness = 0.8 / max(1, len(series))
    inches = max(2.0, 0.8 + len(groups) * max(0.3, 0.16 * len(series)))
    figure = figure_module.Figure(figsize=(8, inches), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for number, (label, bars) in enumerate(series.items()):
        shown = [(place, bars[group]) for place, group in enumerate(groups) if group in bars]
        values = [bar[0] for _, bar in shown]
        axes.barh(
            [place - 0.4 + thickness * (number + 0.5) for place, _ in shown], values,
            height=thickness, label=label, color=f"C{number % 10}",
            hatch=("", "//", "..", "xx")[number // 10 % 4], ecolor="#444444", capsize=2,
            xerr=[
                [max(0.0, value - bar[1]) for value, (_, bar) in zip(values, shown, strict=True)],
                [max(0.0, bar[2] - value) for value, (_, bar) in zip(values, shown, strict=True)],
            ],
        )  # fmt: skip
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.set(xlabel=xlabel, title=title)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
    if len(series) > 1:
        axes.legend(fontsize="small")
    figure.savefig(path)
    return path
