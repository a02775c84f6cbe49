"""Which responses to look at: of a step, of a prompt, the best, the worst, the most telling.

In: views of whole groups. Out: a few of them, ordered prompt by prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from rtt.show.view import CreditView

__all__ = ["PICKS", "Pick", "pick", "telling"]

Pick = Literal["telling", "best", "worst", "first"]
PICKS: tuple[str, ...] = get_args(Pick)


def pick(
    views: Sequence[CreditView], order: Pick, *, prompts: int, samples: int
) -> list[CreditView]:
    """The first `prompts` groups by their first response, with their first `samples` responses.

    Args:
        views: Responses; those of one step and group are samples of one prompt.
        order: "best" and "worst" by the share of criteria met, then by the mean advantage
            (unscored responses come last); "telling": mixed verdicts, praise beside blame, a wide
            spread of advantages; "first": as they come.
        prompts: Groups at most.
        samples: Responses of a group at most.
    """
    groups: dict[tuple[int, int], list[CreditView]] = {}
    for view in views:
        groups.setdefault((view.step, view.group), []).append(view)
    pools = list(groups.values())
    if order != "first":
        key = _KEYS[order]
        pools = [sorted(pool, key=key) for pool in pools]
        pools.sort(key=lambda pool: key(pool[0]))
    return [view for pool in pools[:prompts] for view in pool[:samples]]


def telling(view: CreditView) -> tuple[bool, bool, float]:
    """How much a response has to tell, as a key that sorts the most telling last."""
    is_mixed = len({criterion.satisfied for criterion in view.criteria}) > 1
    low, high = min(view.advantage, default=0.0), max(view.advantage, default=0.0)
    return is_mixed, low < 0 < high, high - low


def _best(view: CreditView) -> tuple[float, ...]:
    return (view.met is None, -(view.met or 0.0), -view.mean_advantage)


def _worst(view: CreditView) -> tuple[float, ...]:
    return (view.met is None, view.met or 0.0, view.mean_advantage)


def _most_telling(view: CreditView) -> tuple[float, ...]:
    return tuple(-float(one) for one in telling(view))


_KEYS: dict[str, Callable[[CreditView], tuple[float, ...]]] = {
    "best": _best,
    "worst": _worst,
    "telling": _most_telling,
}
