"""The curve of an optimisation: validation accuracy over metric calls, as one inline SVG.

In: versions in order. Out: markup without script or request, its colours from the page's own
variables. A step is where an accepted version was measured on all validation questions; those that
were not, and rejected ones, are small marks below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from memtrace.optimizing.types import Optimization, Version, digest_of

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["curve"]

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 14, 40
_TICKS = 4


def curve(done: Optimization) -> Markup | None:
    """Draw the curve.

    Args:
        done: A finished loop.

    Returns:
        The SVG; None where the first version could not be scored.
    """
    from markupsafe import Markup

    if done.seed_validation is None:
        return None
    plot = _Plot(
        done.seed_validation, done.versions, done.spending.metric_calls,
        {digest_of(done.best): done.best_validation},
    )  # fmt: skip
    parts = "".join(plot.parts())
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="validation accuracy over metric calls">{}</svg>'
    ).format(Markup(parts))  # numbers and words of our own only


class _Plot:
    """One plot, in its own coordinates."""

    def __init__(
        self, first: float, versions: Sequence[Version], spent: int,
        values: Mapping[str, float | None],
    ) -> None:  # fmt: skip
        self._versions = versions
        measured = ((one.metric_calls, values.get(one.digest, one.validation)) for one in versions
                    if one.decision.accepted)  # fmt: skip
        self._steps = [(0, first)] + [
            (calls, value) for calls, value in measured if value is not None
        ]
        self._most = max([spent, *(one.metric_calls for one in versions), 1])
        heights = [value for _, value in self._steps]
        self._low = max(0.0, min(heights) - 0.1)
        self._high = min(1.0, max(heights) + 0.1)

    def parts(self) -> Iterator[str]:
        """Axes, steps, marks."""
        yield from self._axes()
        points, last = [], self._steps[0][1]
        for calls, value in self._steps:
            points += [(calls, last), (calls, value)]
            last = value
        points.append((self._most, last))
        line = " ".join(f"{self._x(calls):.1f},{self._y(value):.1f}" for calls, value in points)
        yield f'<polyline class="curve" points="{line}"/>'
        for calls, value in self._steps:
            title = f"{value:.3f} after {calls} metric calls"
            yield (
                f'<circle class="accepted" cx="{self._x(calls):.1f}" cy="{self._y(value):.1f}" '
                f'r="4"><title>{title}</title></circle>'
            )
        shown = {calls for calls, _ in self._steps}
        for one in self._versions:
            x, y = self._x(one.metric_calls), self._y(self._low) - 6
            if one.decision.accepted and one.metric_calls not in shown:
                yield (
                    f'<circle class="accepted" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>'
                    f"v{one.number} accepted, not measured on all questions</title></circle>"
                )
            elif not one.decision.accepted:
                yield (
                    f'<path class="rejected" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"><title>'
                    f"v{one.number} rejected</title></path>"
                )

    def _axes(self) -> Iterator[str]:
        for n in range(_TICKS + 1):
            value = self._low + (self._high - self._low) * n / _TICKS
            y = self._y(value)
            ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            yield f'<line class="grid" {ends}/>'
            yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
            calls = round(self._most * n / _TICKS)
            x = self._x(calls)
            below = _HEIGHT - _BOTTOM + 18
            yield f'<text x="{x:.1f}" y="{below}" text-anchor="middle">{calls}</text>'
        yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">metric calls</text>'

    def _x(self, calls: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * calls / self._most

    def _y(self, value: float) -> float:
        room = _HEIGHT - _TOP - _BOTTOM
        return _TOP + room * (self._high - value) / (self._high - self._low)
