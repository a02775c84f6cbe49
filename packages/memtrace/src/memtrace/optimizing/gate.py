"""The gate: a new version is taken only if it is measurably better, and no question type falls.

In: verdicts of parent and child on the same validation questions. Out: a `Decision`. The test is
McNemar's, exact and one-sided; questions are asked in the order in which they can decide most, and
asking stops as soon as no verdict that is still out could bring the child through. Stopping
like that cannot turn a rejection into an acceptance, so the test keeps its level.

An answer of the child that came to no score is taken for the worst it could be: lost, where the
parent was right. It is no zero (no accuracy counts it), but a bound: what passes is better whatever
those answers would have been, so that making questions fail is no way through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import comb

from lmcommon.rng import random_for
from memtrace.optimizing.types import Decision, Example, Scored

__all__ = ["Again", "Ask", "Gate", "counted", "one_sided_p"]

Ask = Callable[[Sequence[Example]], Sequence[Scored]]
Again = Callable[[str], Sequence[Example]]
"""From a question type to questions of it that neither version was made from."""


def one_sided_p(wins: int, losses: int) -> float:
    """The chance of at least so many wins among the discordant pairs, were both equally good."""
    n = wins + losses
    return float(sum(comb(n, k) for k in range(wins, n + 1)) / 2**n)


class Gate:
    """Decides over candidates.

    Args:
        alpha: A child is taken if the test's p-value is at most this.
        max_drop: How far the accuracy of a question type may fall: 0.01 is one point.
        least_lost: A type falls only if it loses at least so many questions more than it wins. One
            question is the smallest step there is: of few questions it is many points, and says
            nothing. 1 takes `max_drop` by the letter.
        chunk: Questions asked at a time.
        seed: Decides the order in which they are asked.
    """

    needs_all = True
    """Whether it decides on nothing less than all validation questions of the parent."""

    def __init__(
        self, *, alpha: float = 0.05, max_drop: float = 0.01, least_lost: int = 2, chunk: int = 8,
        seed: int = 0,
    ) -> None:  # fmt: skip
        if not 0 < alpha < 1 or max_drop < 0 or least_lost < 1 or chunk < 1:
            raise ValueError(
                "expected 0 < alpha < 1, max_drop >= 0, least_lost >= 1, chunk >= 1; got "
                f"{alpha}, {max_drop}, {least_lost}, {chunk}"
            )
        self.least_lost = least_lost
        self.alpha, self.max_drop, self.chunk, self._seed = alpha, max_drop, chunk, seed

    def decide_between(
        self, examples: Sequence[Example], parent: Ask, child: Ask, again: Again | None = None
    ) -> Decision:
        """Ask both what is needed, and decide.

        Args:
            examples: All validation questions.
            parent: Scores of the parent on some of them.
            child: Scores of the child on some of them.
            again: Further questions of a type that seems to fall; this gate asks none.
        """
        return self.decide(parent(examples), child)

    def decide(self, parent: Sequence[Scored], ask: Ask) -> Decision:
        """Ask the child what is needed, and decide.

        Args:
            parent: Scores of the parent on all validation questions.
            ask: Scores of the child on some of them.
        """
        before = {one.example.key: one for one in parent if one.score is not None}
        order = self._order([one.example for one in before.values()], before)
        sizes = Counter(one.example.category for one in before.values())
        after: dict[str, Scored] = {}
        open_, hopeless = list(order), ""
        while open_ and not hopeless:
            these, open_ = open_[: self.chunk], open_[self.chunk :]
            after |= {one.example.key: one for one in ask(these)}
            hopeless = self._hopeless(before, after, open_, sizes)
        wins, losses, nets = counted(before, after)
        unscored = sum(one.score is None for one in after.values())
        drops = {
            category: net / sizes[category]
            for category, net in nets.items()
            if self._falls(net, sizes[category])
        }
        p_value = one_sided_p(wins, losses) if wins + losses else None
        if not hopeless:
            hopeless = self._refusal(wins, losses, drops)
        reason = hopeless or f"{wins} won, {losses} lost, p = {p_value:.3g}"
        return Decision(
            accepted=not hopeless, reason=reason if not unscored else f"{reason} ({unscored} "
            "unscored, lost where the parent was right)", wins=wins, losses=losses,
            p_value=p_value, drops=drops, seen=len(after), unscored=unscored,
        )  # fmt: skip

    def _order(self, examples: Sequence[Example], before: dict[str, Scored]) -> list[Example]:
        """Failures of the parent first, each half spread over question types."""
        return sorted(self.spread(examples), key=lambda one: not before[one.key].is_failure)

    def spread(self, examples: Sequence[Example]) -> list[Example]:
        """Examples in random order, question types in turn."""
        rng = random_for(self._seed, "gate")
        shuffled = sorted(examples, key=lambda one: one.key)
        rng.shuffle(shuffled)
        place: Counter[str] = Counter()
        keyed = []
        for rank, one in enumerate(shuffled):
            place[one.category] += 1
            keyed.append((place[one.category], rank, one))
        return [one for _, _, one in sorted(keyed, key=lambda row: row[:2])]

    def _hopeless(
        self, before: dict[str, Scored], after: dict[str, Scored], open_: Sequence[Example],
        sizes: Counter[str],
    ) -> str:  # fmt: skip
        """Why no answer that is still out can bring the child through; empty: one may."""
        wins, losses, nets = counted(before, after)
        still = Counter(one.category for one in open_ if before[one.key].is_failure)
        best = wins + still.total()
        if best <= losses or one_sided_p(best, losses) > self.alpha:
            return (
                f"{wins} won, {losses} lost after {len(after)}: too few can still be won for "
                f"p <= {self.alpha:g}"
            )
        for category, net in nets.items():
            if self._falls(net + still[category], sizes[category]):
                return (
                    f"questions of type {category or '-'} fall by {-net / sizes[category]:.1%}; "
                    f"{wins} won, {losses} lost after {len(after)}"
                )
        return ""

    def _falls(self, net: int, size: int) -> bool:
        """Whether a type that won so many more questions than it lost has fallen."""
        return net <= -self.least_lost and net / size < -self.max_drop

    def _refusal(self, wins: int, losses: int, drops: dict[str, float]) -> str:
        told = f"{wins} won, {losses} lost"
        if drops:
            category, drop = min(drops.items(), key=lambda item: item[1])
            return f"questions of type {category or '-'} fall by {-drop:.1%}; {told}"
        if wins <= losses or one_sided_p(wins, losses) > self.alpha:
            p_told = "" if wins + losses == 0 else f", p = {one_sided_p(wins, losses):.3g}"
            return f"{told}{p_told}: no proof that it is better"
        return ""


def counted(before: dict[str, Scored], after: dict[str, Scored]) -> tuple[int, int, dict[str, int]]:
    """Wins, losses, and wins minus losses by question type, unscored answers at their worst."""
    wins = losses = 0
    nets: defaultdict[str, int] = defaultdict(int)
    for key, new in after.items():
        old = before[key].score
        assert old is not None
        score = 0.0 if new.score is None else new.score
        if score == old:
            continue
        won = score > old
        wins, losses = wins + won, losses + (not won)
        nets[new.example.category] += 1 if won else -1
    return wins, losses, dict(nets)
