"""What was seen of two versions on the same questions, while a gate asks on.

In: verdicts of both, as they come. Out: wins, losses, and the question types that fall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memtrace.optimizing.gate import Again, Ask, counted
from memtrace.optimizing.types import Example, Scored

__all__ = ["Seen"]


class Seen:
    """Paired verdicts. Questions on which the first version is unscored are left out.

    Args:
        max_drop: How far the accuracy of a question type may fall.
        least_lost: See `Gate`.
    """

    def __init__(self, max_drop: float, least_lost: int) -> None:
        self._max_drop, self._least_lost = max_drop, least_lost
        self._before: dict[str, Scored] = {}
        self._after: dict[str, Scored] = {}

    def ask(self, examples: Sequence[Example], first: Ask, second: Ask) -> None:
        """Ask both versions."""
        known = [one for one in first(examples) if one.score is not None]
        self._before |= {one.example.key: one for one in known}
        answered = second([one.example for one in known]) if known else ()
        self._after |= {one.example.key: one for one in answered}

    @property
    def wins(self) -> int:
        """Questions that only the second version has right."""
        return counted(self._before, self._after)[0]

    @property
    def losses(self) -> int:
        """Questions that only the first version has right."""
        return counted(self._before, self._after)[1]

    @property
    def count(self) -> int:
        """Questions that both were asked."""
        return len(self._after)

    @property
    def unscored(self) -> int:
        """Answers of the second version that came to no score."""
        return sum(one.score is None for one in self._after.values())

    def fallen(self, first: Ask, second: Ask, again: Again | None) -> dict[str, float]:
        """Question types whose accuracy falls by more than is allowed, with the change.

        Args:
            first: Asked further questions.
            second: Likewise.
            again: Further questions of a type that seems to fall; None: there are none.
        """
        drops = self._drops()
        if again is None or not drops:
            return drops
        found = {}
        for category in drops:
            more = Seen(self._max_drop, self._least_lost)
            more._before, more._after = dict(self._before), dict(self._after)
            more.ask([one for one in again(category) if one.key not in self._before], first, second)
            if (still := more._drops().get(category)) is not None:
                found[category] = still
        return found

    def _drops(self) -> dict[str, float]:
        sizes = Counter(one.example.category for one in self._before.values())
        return {
            category: net / sizes[category]
            for category, net in counted(self._before, self._after)[2].items()
            if net <= -self._least_lost and net / sizes[category] < -self._max_drop
        }
