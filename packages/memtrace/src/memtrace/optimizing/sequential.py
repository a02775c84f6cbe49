"""The gate that asks as little as it can: a sequential test, and a confirmation at the end.

In: validation questions, and who asks them of parent and child. Out: a `Decision`. Questions are
asked in chunks, of both; after each chunk the evidence that the child wins more often than it loses
is a bet's capital: it starts at 1, each win multiplies it by 1 + stake, each loss by 1 - stake.
Were both equally good, it would reach 1 / alpha with a chance of at most alpha (Ville's
inequality), however often one looks. So a child may be taken as soon as the capital is there, and
be refused as soon as it is not worth asking on.

What is taken so was not seen on all questions: `confirmed` asks the rest of the last version and of
the first once, when nothing is left to mend, and goes back to an earlier version if a question type
fell after all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memtrace.optimizing.gate import Ask, Gate, counted
from memtrace.optimizing.types import Decision, Example, Scored

__all__ = ["SequentialGate", "confirmed"]

_HOPELESS = 0.25
"""Capital below which asking on is not worth it."""


class SequentialGate(Gate):
    """Decides over candidates by a test that may be looked at after every chunk.

    Args:
        alpha: How often a child that is no better is taken, at most.
        max_drop: How far the accuracy of a question type may fall.
        chunk: Questions asked at a time.
        seed: Decides the order in which they are asked.
        stake: What part of the capital is bet on each discordant pair.
        patience: Questions after which a child must have won more than it lost.
    """

    needs_all = False

    def __init__(
        self, *, alpha: float = 0.05, max_drop: float = 0.01, chunk: int = 8, seed: int = 0,
        stake: float = 0.8, patience: int = 24,
    ) -> None:  # fmt: skip
        super().__init__(alpha=alpha, max_drop=max_drop, chunk=chunk, seed=seed)
        if not 0 < stake < 1 or patience < 1:
            raise ValueError(f"expected 0 < stake < 1, patience >= 1; got {stake}, {patience}")
        self._stake, self._patience = stake, patience

    def decide_between(self, examples: Sequence[Example], parent: Ask, child: Ask) -> Decision:
        """Ask both what is needed, and decide."""
        before: dict[str, Scored] = {}
        after: dict[str, Scored] = {}
        open_ = self.spread(examples)
        while open_:
            these, open_ = open_[: self.chunk], open_[self.chunk :]
            known = [one for one in parent(these) if one.score is not None]
            before |= {one.example.key: one for one in known}
            after |= {one.example.key: one for one in child([one.example for one in known])}
            wins, losses, nets = counted(before, after)
            capital = self.capital(wins, losses)
            fallen = sorted(category for category, net in nets.items() if net < 0)
            if capital >= 1 / self.alpha and not fallen:
                return self._decision(before, after, "")
            if capital < _HOPELESS or (len(after) >= self._patience and wins <= losses):
                return self._decision(before, after, "not worth asking on")
        wins, losses, nets = counted(before, after)
        if fallen := sorted(category for category, net in nets.items() if net < 0):
            return self._decision(
                before, after, f"questions of type {fallen[0] or '-'} fall by {-nets[fallen[0]]}"
            )
        return self._decision(before, after, "no proof that it is better")

    def capital(self, wins: int, losses: int) -> float:
        """What the bet has come to. Its inverse is a p-value that may be looked at any time."""
        return float((1 + self._stake) ** wins * (1 - self._stake) ** losses)

    def _decision(
        self, before: dict[str, Scored], after: dict[str, Scored], refusal: str
    ) -> Decision:
        wins, losses, _ = counted(before, after)
        p_value = min(1.0, 1 / self.capital(wins, losses))
        told = f"{wins} won, {losses} lost of {len(after)}, p = {p_value:.3g} at any time"
        return Decision(
            accepted=not refusal, reason=f"{told}: {refusal}" if refusal else told, wins=wins,
            losses=losses, p_value=p_value, seen=len(after),
            unscored=sum(one.score is None for one in after.values()),
        )  # fmt: skip


def confirmed(
    first: Sequence[Scored], last: Sequence[Scored], *, max_drop: float = 0.01
) -> Decision:
    """Whether a version is better than the first one on all validation questions.

    Args:
        first: Scores of the first version.
        last: Scores of the version, on the same questions.
        max_drop: How far the accuracy of a question type may fall.
    """
    before = {one.example.key: one for one in first if one.score is not None}
    after = {one.example.key: one for one in last if one.example.key in before}
    sizes = Counter(one.example.category for one in before.values())
    wins, losses, nets = counted(before, after)
    drops = {
        category: net / sizes[category]
        for category, net in nets.items()
        if net / sizes[category] < -max_drop
    }
    told = f"{wins} won, {losses} lost of {len(after)}"
    refusal = ""
    if drops:
        category, drop = min(drops.items(), key=lambda item: item[1])
        refusal = f": questions of type {category or '-'} fall by {-drop:.1%}"
    elif wins <= losses:
        refusal = ": no better than the first version"
    return Decision(
        accepted=not refusal, reason=f"{told}{refusal}", wins=wins, losses=losses, drops=drops,
        seen=len(after), unscored=sum(one.score is None for one in after.values()),
    )  # fmt: skip
