"""The loop of our own: blame, rewrite what is guilty, keep only what is proved to be better.

One version is improved at a time. In each round failures are drawn evenly over kinds of error and
guilty prompts, the prompts with the most blame are rewritten (both of a proved pair at once), and
the child must mend failures it was shown, then pass the gate on validation questions. Failures that
no prompt is to blame for are put aside for advice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lmcommon.rng import random_for
from memtrace.optimizing.blaming import Blamer, blame_mass
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.records import blamed_record, blind_record, kept_record
from memtrace.optimizing.types import (
    Blame,
    Candidate,
    Decision,
    Example,
    LimitReachedError,
    Optimization,
    Record,
    Scored,
    Splits,
    Version,
    digest_of,
)

__all__ = ["GreedySettings", "greedy", "mean_score", "secrets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedySettings:
    """Settings of the loop.

    Example: `GreedySettings(minibatch=4, patience=6)`
    """

    minibatch: int = 4
    """Failures a rewrite is shown, at most."""
    kept: int = 2
    """Successes it is shown besides."""
    search: int = 8
    """Training questions asked at a time, in search of failures."""
    patience: int = 6
    """Rounds in a row without an accepted version, until it gives up."""
    explore: float = 0.1
    """How often another guilty prompt than the guiltiest is rewritten."""
    blame: str = "attribution"
    """attribution, or uniform: any prompt is as guilty as any other (a baseline)."""
    seed: int = 0


@dataclass(slots=True)
class _State:
    """The version that is improved, and what is known of it."""

    best: dict[str, str]
    validation: list[Scored]
    seen: list[Scored] = field(default_factory=list)
    """Training questions asked so far, with their runs."""
    open: list[Example] = field(default_factory=list)
    """Training questions not asked yet."""
    tried: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Texts that did not pass, by component."""
    shown: Counter[str] = field(default_factory=Counter)
    """How often a failure was shown."""


def greedy(
    evaluator: Evaluator, splits: Splits, proposer: Proposer, *, blamer: Blamer | None = None,
    gate: Gate | None = None, settings: GreedySettings | None = None,
    on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Improve the prompts of a system.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by; held-out examples are not touched.
        proposer: Rewrites prompts.
        blamer: Attributes failures; None: one with the usual stages.
        gate: Decides over versions; None: the usual one.
        settings: Of the loop.
        on_version: Called with each version as it is decided.
    """
    settings = settings or GreedySettings()
    loop = _Loop(
        evaluator, splits, proposer, blamer or Blamer(evaluator, seed=settings.seed),
        gate or Gate(seed=settings.seed), settings, on_version,
    )  # fmt: skip
    return loop.run()


class _Loop:
    """One run of the loop."""

    def __init__(
        self, evaluator: Evaluator, splits: Splits, proposer: Proposer, blamer: Blamer, gate: Gate,
        settings: GreedySettings, on_version: Callable[[Version], None] | None,
    ) -> None:  # fmt: skip
        self._evaluator, self._splits, self._proposer = evaluator, splits, proposer
        self._blamer, self._gate, self._settings = blamer, gate, settings
        self._tell = on_version
        self._versions: list[Version] = []
        self._aside: dict[str, Blame] = {}
        self._round = 0

    def run(self) -> Optimization:
        """Rounds until nothing is left to do or to spend."""
        seed = dict(self._evaluator.seed)
        try:
            first = self._evaluator.evaluate(seed, self._splits.validation)
        except LimitReachedError as error:
            return self._ended(seed, seed, None, None, str(error))
        state = _State(best=seed, validation=first, open=self._shuffled())
        stopped, fruitless = "", 0
        while not stopped:
            self._round += 1
            try:
                outcome = self._step(state)
            except LimitReachedError as error:
                stopped = str(error)
                break
            if outcome is None:
                stopped = "no failure is left that a prompt is to blame for"
                break
            fruitless = 0 if outcome else fruitless + 1
            if fruitless >= self._settings.patience:
                stopped = f"{fruitless} rounds in a row without an accepted version"
        return self._ended(dict(self._evaluator.seed), state.best, first, state.validation, stopped)

    # A round --------------------------------------------------------------------------------

    def _step(self, state: _State) -> bool | None:
        """One round. True: a version was accepted; None: there is nothing left to mend."""
        failures = self._failures(state)
        blames = [self._blame(one) for one in failures]
        guilty = [one for one in blames if one.shares and not one.is_invalid]
        for one in blames:
            if not one.is_invalid and not one.shares:
                self._aside[one.scored.example.key] = one
        if not guilty:
            # Those that were put aside are never drawn again, so this ends.
            return None if not failures else False
        mass, elsewhere = blame_mass(blames)
        chosen = self._components(mass, guilty)
        texts, refused = self._proposed(state, chosen, guilty)
        for one in guilty:
            state.shown[one.scored.example.key] += 1
        child = {**state.best, **texts}
        told = {**mass, **{f"({name})": share for name, share in elsewhere.items()}}
        if not texts:
            decision = Decision(accepted=False, reason="no usable rewrite")
        else:
            decision = self._tried(state, child, guilty)
        self._record(state, child, texts, decision, told, refused)
        if not decision.accepted:
            for name, text in texts.items():
                state.tried[name].append(text)
            return False
        self._accept(state, child)
        return True

    def _tried(self, state: _State, child: Candidate, guilty: Sequence[Blame]) -> Decision:
        """First what the rewrite was shown, then the gate."""
        shown = [one.scored.example for one in guilty]
        kept = [one.example for one in self._kept(state)]
        scores = self._evaluator.evaluate(child, [*shown, *kept])
        mended = sum(one.score == 1 for one in scores[: len(shown)])
        broken = sum(one.is_failure for one in scores[len(shown) :])
        if mended <= broken:
            return Decision(
                accepted=False,
                reason=f"mends {mended} of {len(shown)} failures it was shown, breaks {broken} of "
                f"{len(kept)} others",
            )
        return self._gate.decide(
            state.validation, lambda examples: self._evaluator.evaluate(child, examples)
        )

    def _failures(self, state: _State) -> list[Scored]:
        """Training failures for this round; asks further questions until there are enough."""
        settings = self._settings
        while True:
            found = [
                one for one in state.seen
                if one.is_failure and one.example.key not in self._aside
            ]  # fmt: skip
            if len(found) >= settings.minibatch or not state.open:
                break
            some, state.open = state.open[: settings.search], state.open[settings.search :]
            state.seen += self._evaluator.evaluate(state.best, some, keeps_trace=True)
        return self._spread(state, found)

    def _spread(self, state: _State, failures: Sequence[Scored]) -> list[Scored]:
        """A minibatch: the least shown first, evenly over question types."""
        rng = random_for(self._settings.seed, "minibatch", self._round)
        shuffled = sorted(failures, key=lambda one: one.example.key)
        rng.shuffle(shuffled)
        shuffled.sort(key=lambda one: state.shown[one.example.key])
        place: Counter[str] = Counter()
        ranked = []
        for rank, one in enumerate(shuffled):
            place[one.example.category] += 1
            ranked.append((place[one.example.category], rank, one))
        ranked.sort(key=lambda row: row[:2])
        return [one for _, _, one in ranked[: self._settings.minibatch]]

    def _blame(self, scored: Scored) -> Blame:
        if self._settings.blame == "attribution":
            return self._blamer.blame(scored)
        return _uniform(scored, self._evaluator.components)

    def _components(self, mass: Mapping[str, float], guilty: Sequence[Blame]) -> tuple[str, ...]:
        """The guiltiest prompt, with those that are proved to share its guilt."""
        rng = random_for(self._settings.seed, "component", self._round)
        names = sorted(mass, key=lambda name: (-mass[name], name))
        if self._settings.blame == "uniform":
            return (rng.choice(sorted(names)),)
        first = names[0]
        if len(names) > 1 and rng.random() < self._settings.explore:
            first = rng.choice(names[1:])
        partners = Counter(
            name
            for one in guilty
            if first in one.shares and one.attribution.decisive is not None
            for name in one.shares
            if name != first
        )
        return (first, *(name for name, count in partners.most_common(1) if count))

    def _proposed(
        self, state: _State, chosen: Sequence[str], guilty: Sequence[Blame]
    ) -> tuple[dict[str, str], dict[str, str]]:
        texts, refused = {}, {}
        for component in chosen:
            records = self._records(state, component, guilty)
            if not any(not one.is_kept for one in records):
                refused[component] = "no failure shows a use of it"
                continue
            proposal = self._proposer.propose(
                component, state.best[component], records, tried=state.tried[component],
                secrets=secrets_of(one.scored.example for one in guilty), draw=self._round,
            )  # fmt: skip
            if proposal.refused is None:
                texts[component] = proposal.text
            else:
                refused[component] = proposal.refused
        return texts, refused

    def _records(self, state: _State, component: str, guilty: Sequence[Blame]) -> list[Record]:
        is_blind = self._settings.blame == "uniform"
        found: list[Record | None] = []
        for one in guilty:
            reader = self._blamer.reader(one.scored)
            if is_blind:
                found.append(blind_record(one.scored, reader, component, self._settings.seed))
            else:
                found.append(blamed_record(one, reader, component))
        for scored in self._kept(state):
            reader = self._blamer.reader(scored)
            if is_blind:
                found.append(blind_record(scored, reader, component, self._settings.seed))
            else:
                found.append(kept_record(scored, reader, component))
        return [one for one in found if one is not None]

    def _kept(self, state: _State) -> list[Scored]:
        """Right answers that are shown, others every round."""
        right = [one for one in state.seen if one.score == 1]
        rng = random_for(self._settings.seed, "kept", self._round)
        return rng.sample(right, min(self._settings.kept, len(right)))

    def _accept(self, state: _State, child: dict[str, str]) -> None:
        state.best = child
        state.validation = self._evaluator.evaluate(child, self._splits.validation)
        state.tried.clear()
        state.shown.clear()
        self._aside.clear()
        # What the old version got right it is likely to get right again: those come last.
        wrong = [one.example for one in state.seen if one.score != 1]
        right = [one.example for one in state.seen if one.score == 1]
        state.open = [*wrong, *state.open, *right]
        state.seen = []

    def _record(
        self, state: _State, child: Candidate, texts: Mapping[str, str], decision: Decision,
        mass: Mapping[str, float], refused: Mapping[str, str],
    ) -> None:  # fmt: skip
        version = Version(
            number=len(self._versions) + 1, digest=digest_of(child), parent=digest_of(state.best),
            texts=texts, decision=decision, mass=mass, refused=refused,
            metric_calls=self._evaluator.spending.metric_calls,
            validation=self._validation(child) if decision.accepted else None,
        )  # fmt: skip
        self._versions.append(version)
        if self._tell is not None:
            self._tell(version)

    def _validation(self, child: Candidate) -> float | None:
        return mean_score(self._evaluator.evaluate(child, self._splits.validation))

    def _shuffled(self) -> list[Example]:
        examples = sorted(self._splits.train, key=lambda one: one.key)
        random_for(self._settings.seed, "train").shuffle(examples)
        return examples

    def _ended(
        self, seed: Candidate, best: Candidate, first: Sequence[Scored] | None,
        last: Sequence[Scored] | None, stopped: str,
    ) -> Optimization:  # fmt: skip
        method = "memtrace" if self._settings.blame == "attribution" else "uniform"
        return Optimization(
            method=method, seed=seed, best=best, versions=tuple(self._versions), stopped=stopped,
            spending=self._evaluator.spending, seed_validation=mean_score(first or ()),
            best_validation=mean_score(last or ()), blames=tuple(self._aside.values()),
        )  # fmt: skip


def _uniform(scored: Scored, components: Sequence[str]) -> Blame:
    """Every prompt as guilty as any other."""
    from memtrace.attribution.types import Attribution, Verdict

    nothing = Attribution(
        answer=scored.answer or "", question=scored.example.text, prediction=scored.prediction,
        gold=scored.example.gold, suspects=(), paths=(), confidence=0.0,
        verdict=Verdict.ABSTAINED, reason="nothing was attributed",
    )  # fmt: skip
    shares = dict.fromkeys(components, 1 / len(components))
    return Blame(scored=scored, attribution=nothing, shares=shares)


def mean_score(scores: Sequence[Scored]) -> float | None:
    """Accuracy over what could be scored; None: nothing could."""
    known = [one.score for one in scores if one.score is not None]
    return sum(known) / len(known) if known else None


def secrets_of(examples: Iterable[Example]) -> tuple[str, ...]:
    """Right answers that would be recognised in a prompt: with a capital, a digit, or long."""
    golds = {one.gold for one in examples if one.gold}
    return tuple(sorted(
        gold for gold in golds
        if any(c.isdigit() or c.isupper() for c in gold) or len(gold.split()) > 2
    ))  # fmt: skip
