"""The steps of a guided round, for whichever loop takes them: choose, show, rewrite, decide.

In: a `Round`. Out: prompts to rewrite, records, new texts, a `Decision`. Our own loop takes the
steps one after the other; on GEPA, GEPA calls them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lmcommon.rng import random_for
from memtrace.attribution.types import Attribution, Verdict
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.drawing import Draws, Round, secrets_of
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.records import blamed_record, blind_record, kept_record
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.types import (
    Blame,
    Candidate,
    Decision,
    Example,
    Record,
    Scored,
    Splits,
    digest_of,
)

__all__ = ["Steps"]

_NO_DRAFTS: Mapping[str, str] = MappingProxyType({})


class Steps:
    """What every guided loop does the same.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by.
        proposer: Rewrites prompts.
        blamer: Attributes failures.
        gate: Decides over versions.
        settings: Of the loop.
    """

    def __init__(
        self, evaluator: Evaluator, splits: Splits, proposer: Proposer, blamer: Blamer, gate: Gate,
        settings: GreedySettings,
    ) -> None:  # fmt: skip
        self._evaluator, self._splits, self._proposer = evaluator, splits, proposer
        self._blamer, self._gate, self._settings = blamer, gate, settings
        self._shown: set[str] = set()
        self._tried: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    @property
    def is_blind(self) -> bool:
        """Whether any prompt is as guilty as any other."""
        return self._settings.blame != "attribution"

    @property
    def allowed(self) -> dict[str, Any]:
        """What the gate lets question types fall, as arguments of `confirmed`."""
        return {"max_drop": self._gate.max_drop, "least_lost": self._gate.least_lost}

    def draws(self, candidate: Candidate, examples: Sequence[Example] | None = None) -> Draws:
        """Failures of a version.

        Args:
            candidate: The version.
            examples: Training questions in order; None: in random order.
        """
        if examples is None:
            examples = sorted(self._splits.train, key=lambda one: one.key)
            random_for(self._settings.seed, "train").shuffle(examples)
        blame = self._uniform if self.is_blind else self._blamer.blame
        return Draws(
            self._evaluator, candidate, examples, blame, self._blamer.known, self._settings
        )

    def begin(self, draws: Draws, number: int) -> Round | None:
        """A round of a version; None: nothing is left to mend.

        Raises:
            LimitReachedError: No version could be accepted any more.
        """
        self._evaluator.require(len(self._splits.validation) + 1 if self._gate.needs_all else 1)
        return draws.draw(number)

    def components(self, round_: Round, avoid: Collection[str] = ()) -> tuple[str, ...]:
        """The guiltiest prompt, with the one that is proved to share its guilt most often.

        Args:
            round_: The round.
            avoid: Prompts that are only taken where no other is guilty.
        """
        parent = digest_of(round_.parent)
        mass = {
            # A prompt whose rewrites came to nothing so far leaves the next try to others.
            name: share / (1 + len(self._tried[parent, name]))
            for name, share in round_.mass.items()
            if name not in avoid or set(avoid) >= round_.mass.keys()
        }
        rng = random_for(self._settings.seed, "component", round_.number)
        if self.is_blind:
            return (rng.choice(sorted(mass)),)
        names = sorted(mass, key=lambda name: (-mass[name], name))
        first = names[0]
        if len(names) > 1 and rng.random() < self._settings.explore:
            first = rng.choice(names[1:])
        partners = Counter(
            name
            for one in round_.guilty
            if first in one.shares and one.attribution.is_proved
            for name in one.shares
            if name != first
        )
        return (first, *(name for name, _ in partners.most_common(1)))

    def records(self, round_: Round, component: str) -> list[Record]:
        """What a rewrite of a prompt is shown; empty: no failure shows a use of it."""
        cases: list[Blame | Scored] = [*round_.guilty, *round_.kept]
        found = [self._record(one, component) for one in cases]
        records = [one for one in found if one is not None]
        return records if any(not one.is_kept for one in records) else []

    def rewrite(
        self, round_: Round, records: Mapping[str, Sequence[Record]],
        drafts: Mapping[str, str] = _NO_DRAFTS,
    ) -> tuple[dict[str, str], dict[str, str]]:  # fmt: skip
        """New texts, and why there is none, by component.

        Args:
            round_: The round.
            records: What the rewrite of each prompt is shown.
            drafts: Promising texts to go on from, instead of the parent's.
        """
        texts, refused = {}, {}
        for component, shown in records.items():
            if not shown:
                refused[component] = "no failure shows a use of it"
                continue
            proposal = self._proposer.propose(
                component, drafts.get(component, round_.parent[component]), shown,
                secrets=secrets_of(one.example for one in round_.failures),
                tried=self._tried[digest_of(round_.parent), component], draw=round_.number,
                edit=self._settings.edit,
            )  # fmt: skip
            if proposal.refused is None:
                texts[component] = proposal.text
            else:
                refused[component] = proposal.refused
        return texts, refused

    def afford(self, round_: Round, child: Candidate) -> None:
        """See that there is room to decide over a version and to know its validation score.

        Raises:
            LimitReachedError: There is not; nothing was asked.
        """
        examples = self._minibatch(round_)
        if self._gate.needs_all:
            examples += self._splits.validation
        self._evaluator.require(self._evaluator.price(child, examples))

    def decide(self, round_: Round, child: Candidate) -> Decision:
        """Over a version: first by what its rewrite was shown, then by the gate.

        A success that comes to no score counts as broken here.

        Raises:
            LimitReachedError: See `afford`.
        """
        self.afford(round_, child)
        decision = self._decided(round_, child)
        if not decision.accepted:
            for name, text in child.items():
                if text != round_.parent[name]:
                    self._tried[digest_of(round_.parent), name].append(text)
        return decision

    def _decided(self, round_: Round, child: Candidate) -> Decision:
        shown = len(round_.guilty)
        self._shown.update(one.key for one in self._minibatch(round_))
        scores = self._evaluator.evaluate(child, self._minibatch(round_))
        mended = sum(one.score == 1 for one in scores[:shown])
        broken = sum(one.score != 1 for one in scores[shown:])
        if mended <= broken:
            return Decision(
                accepted=False,
                reason=f"mends {mended} of {shown} failures it was shown, breaks {broken} of "
                f"{len(round_.kept)} others",
            )
        return self._gate.decide_between(
            self._splits.validation,
            lambda examples: self._evaluator.evaluate(round_.parent, examples),
            lambda examples: self._evaluator.evaluate(child, examples),
            self.again,
        )

    def again(self, category: str) -> list[Example]:
        """Training questions of a type that no rewrite was made from."""
        return [
            one for one in self._splits.train
            if one.category == category and one.key not in self._shown
        ]  # fmt: skip

    def _minibatch(self, round_: Round) -> list[Example]:
        return [one.example for one in (*round_.failures, *round_.kept)]

    def _record(self, one: Blame | Scored, component: str) -> Record | None:
        scored = one.scored if isinstance(one, Blame) else one
        reader = self._blamer.reader(scored)
        if self.is_blind:
            return blind_record(scored, reader, component, self._settings.seed)
        if isinstance(one, Blame):
            return blamed_record(one, reader, component)
        return kept_record(one, reader, component)

    def _uniform(self, scored: Scored) -> Blame:
        """Every prompt as guilty as any other."""
        components = self._evaluator.components
        nothing = Attribution(
            answer=scored.answer or "", question=scored.example.text,
            prediction=scored.prediction, gold=scored.example.gold, suspects=(), paths=(),
            confidence=0.0, verdict=Verdict.ABSTAINED, reason="nothing was attributed",
        )  # fmt: skip
        shares = dict.fromkeys(components, 1 / len(components))
        return Blame(scored=scored, attribution=nothing, shares=shares)
