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

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from memtrace.optimizing.gate import Again, Ask, Gate
from memtrace.optimizing.seen import Seen
from memtrace.optimizing.types import Decision, Example

__all__ = ["SequentialGate", "confirmed"]

_NO_DROPS: Mapping[str, float] = MappingProxyType({})
_HOPELESS = 0.25
"""Capital below which asking on is not worth it."""


class SequentialGate(Gate):
    """Decides over candidates by a test that may be looked at after every chunk.

    Args:
        alpha: How often a child that is no better is taken, at most.
        max_drop: How far the accuracy of a question type may fall.
        least_lost: See `Gate`.
        chunk: Questions asked at a time.
        seed: Decides the order in which they are asked.
        stake: What part of the capital is bet on each discordant pair.
        patience: Questions after which a child must have won more than it lost.
    """

    needs_all = False

    def __init__(
        self, *, alpha: float = 0.05, max_drop: float = 0.01, least_lost: int = 2, chunk: int = 8,
        seed: int = 0, stake: float = 0.8, patience: int = 24,
    ) -> None:  # fmt: skip
        super().__init__(
            alpha=alpha, max_drop=max_drop, least_lost=least_lost, chunk=chunk, seed=seed
        )
        if not 0 < stake < 1 or patience < 1:
            raise ValueError(f"expected 0 < stake < 1, patience >= 1; got {stake}, {patience}")
        self._stake, self._patience = stake, patience

    def decide_between(
        self, examples: Sequence[Example], parent: Ask, child: Ask, again: Again | None = None
    ) -> Decision:
        """Ask both what is needed, and decide.

        Args:
            examples: All validation questions.
            parent: Scores of the parent on some of them.
            child: Scores of the child on some of them.
            again: Further questions of a type that seems to fall: few were seen of each type, so
                one unlucky answer would decide; they are asked of both, and count with the others.
        """
        seen = Seen(self.max_drop, self.least_lost)
        open_ = self.spread(examples)
        while open_:
            these, open_ = open_[: self.chunk], open_[self.chunk :]
            seen.ask(these, parent, child)
            capital = self.capital(seen.wins, seen.losses)
            is_enough = capital >= 1 / self.alpha
            if is_enough and not seen.fallen(parent, child, again):
                return self._decision(seen, "")
            if capital < _HOPELESS or (seen.count >= self._patience and seen.wins <= seen.losses):
                return self._decision(seen, "not worth asking on")
        fallen = seen.fallen(parent, child, again)
        if fallen:
            category, drop = min(fallen.items(), key=lambda item: item[1])
            refusal = f"questions of type {category or '-'} fall by {-drop:.1%}"
            return self._decision(seen, refusal, fallen)
        return self._decision(seen, "no proof that it is better")

    def capital(self, wins: int, losses: int) -> float:
        """What the bet has come to. Its inverse is a p-value that may be looked at any time."""
        return float((1 + self._stake) ** wins * (1 - self._stake) ** losses)

    def _decision(
        self, seen: Seen, refusal: str, drops: Mapping[str, float] = _NO_DROPS
    ) -> Decision:
        p_value = min(1.0, 1 / self.capital(seen.wins, seen.losses))
        told = f"{seen.wins} won, {seen.losses} lost of {seen.count}, p = {p_value:.3g} at any time"
        return Decision(
            accepted=not refusal, reason=f"{told}: {refusal}" if refusal else told, drops=drops,
            wins=seen.wins, losses=seen.losses, p_value=p_value, seen=seen.count,
            unscored=seen.unscored,
        )  # fmt: skip


def confirmed(
    examples: Sequence[Example], first: Ask, last: Ask, *, max_drop: float = 0.01,
    least_lost: int = 2, again: Again | None = None,
) -> Decision:  # fmt: skip
    """Whether a version is better than the first one on all validation questions.

    Args:
        examples: All validation questions.
        first: Scores of the first version.
        last: Scores of the version.
        max_drop: How far the accuracy of a question type may fall.
        least_lost: See `Gate`.
        again: As in `SequentialGate.decide_between`.
    """
    seen = Seen(max_drop, least_lost)
    seen.ask(examples, first, last)
    drops = seen.fallen(first, last, again)
    told = f"{seen.wins} won, {seen.losses} lost of {seen.count}"
    refusal = ""
    if drops:
        category, drop = min(drops.items(), key=lambda item: item[1])
        refusal = f": questions of type {category or '-'} fall by {-drop:.1%}"
    elif seen.wins <= seen.losses:
        refusal = ": no better than the first version"
    return Decision(
        accepted=not refusal, reason=f"{told}{refusal}", wins=seen.wins, losses=seen.losses,
        drops=drops, seen=seen.count, unscored=seen.unscored,
    )  # fmt: skip
