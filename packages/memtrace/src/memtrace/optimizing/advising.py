"""Advice: what no prompt can mend, tried with other settings, by replay.

In: failures whose blame lies on operations that no prompt governs. Out: `Advice`: every knob near
these operations with its measured effect on the validation questions and on the tokens a question
takes, also where there is none; and the failures that nothing helped. It is never applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmcommon.errors import BudgetError, UserError
from lmcommon.rng import random_for
from lmcommon.stats import holm
from memtrace.optimizing.comparing import Compared, compare
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.knobs import Knob, knobs_near
from memtrace.optimizing.types import Blame, Candidate, Example, LimitReachedError, Scored

__all__ = ["Advice", "KnobEffect", "advise"]

_ALPHA = 0.05
_LEAST = 30
"""Validation questions to measure on, at least, where there are so many."""
_SHOWN_FAILURES = 12
"""Failures each knob is also tried on, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobEffect:
    """What a knob came to.

    Example: `KnobEffect(knob=knob, compared=compared, mended=3, failures=4, p_holm=0.01, ...)`
    """

    knob: Knob
    compared: Compared | None = None
    """On the validation questions; None: it could not be tried."""
    mended: int = 0
    """Of the failures it was tried for, how many it makes right."""
    failures: int = 0
    p_holm: float | None = None
    """The test's p-value, corrected for the number of knobs that were tried."""
    tokens_before: float | None = None
    """Prompt tokens of the call that answers, a question."""
    tokens_after: float | None = None
    obstacle: str | None = None
    """Why it could not be tried."""

    @property
    def helps(self) -> bool:
        """Whether it is proved to be better on the validation questions."""
        return (
            self.compared is not None and self.p_holm is not None and self.p_holm <= _ALPHA
            and self.compared.wins > self.compared.losses
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.obstacle is not None or self.compared is None:
            return f"not tried: {self.obstacle}"
        if self.helps:
            return "helps"
        if not self.compared.wins and not self.compared.losses:
            return "no effect"
        worse = self.compared.losses > self.compared.wins
        return "not proved" if not worse else "loses more than it wins"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "change": {one.name: one.value for one in self.knob.changes},
            "before": list(self.knob.before), "near": self.knob.why, "verdict": self.verdict,
            "compared": None if self.compared is None else self.compared.to_dict(),
            "mended": self.mended, "failures": self.failures, "p_holm": self.p_holm,
            "tokens_before": self.tokens_before, "tokens_after": self.tokens_after,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What was tried beside prompts.

    Example: `Advice(operations={"retrieve": 3.0}, effects=effects, unmended=(), metric_calls=90)`
    """

    operations: Mapping[str, float]
    """Blame by operation that no prompt governs."""
    effects: Sequence[KnobEffect] = ()
    unmended: Sequence[Blame] = ()
    """Failures that no knob made right."""
    metric_calls: int = 0
    measured: int = 0
    """Validation questions on which settings were tried."""
    validation: int = 0
    """All validation questions."""
    stopped: str | None = None
    """Why some knobs were not tried."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "operations": dict(self.operations), "metric_calls": self.metric_calls,
            "measured": self.measured, "validation": self.validation, "stopped": self.stopped,
            "effects": [one.to_dict() for one in self.effects],
            "unmended": [one.scored.example.key for one in self.unmended],
        }  # fmt: skip


def advise(
    evaluator: Evaluator, best: Candidate, blames: Sequence[Blame], validation: Sequence[Example],
    *, seed: int = 0,
) -> Advice:  # fmt: skip
    """Try settings for what prompts are not to blame for.

    Args:
        evaluator: One of its own: its limit of metric calls is the limit of the advice.
        best: The prompts under which settings are tried.
        blames: Failures that were put aside.
        validation: Questions on which effects are measured.
        seed: Of the intervals.
    """
    failures = [one for one in blames if not one.is_invalid]
    operations = _mass(failures)
    knobs = list(knobs_near(_config(evaluator), operations))
    measured = _measured(validation, len(knobs), len(failures), evaluator.left, seed)
    tried = _examples(measured, failures)
    swaps = evaluator.swaps(best)
    effects: list[KnobEffect] = []
    stopped = None
    open_ = {one.scored.example.key for one in failures}
    if knobs:
        try:
            before = evaluator.replayed(swaps, tried)
            for knob in knobs:
                try:
                    after = evaluator.replayed([*swaps, *knob.changes], tried)
                except BudgetError:
                    raise
                except UserError as error:
                    effects.append(KnobEffect(knob=knob, obstacle=str(error)))
                    continue
                effects.append(_effect(knob, before, after, len(measured), seed))
                open_ -= {one.example.key for one in after if one.score == 1}
        except (LimitReachedError, BudgetError) as error:
            stopped = f"{len(effects)} of {len(knobs)} settings were tried: {error}"
    return Advice(
        operations=operations, effects=tuple(_corrected(effects)), stopped=stopped,
        unmended=tuple(one for one in failures if one.scored.example.key in open_),
        metric_calls=evaluator.spending.metric_calls, measured=len(measured),
        validation=len(validation),
    )  # fmt: skip


def _measured(
    validation: Sequence[Example], knobs: int, failures: int, limit: int | None, seed: int
) -> Sequence[Example]:
    """The validation questions to measure on: all of them, or as many as leave room for each knob.

    Below `_LEAST` rather a knob is left out than a question.
    """
    if limit is None or not knobs:
        return validation
    room = limit // (knobs + 1) - min(failures, _SHOWN_FAILURES)
    count = max(room, _LEAST)
    if count >= len(validation):
        return validation
    return random_for(seed, "advice").sample(list(validation), count)


def _mass(failures: Sequence[Blame]) -> dict[str, float]:
    mass: dict[str, float] = {}
    for one in failures:
        for name, share in one.elsewhere.items():
            mass[name] = mass.get(name, 0.0) + share
    return dict(sorted(mass.items(), key=lambda item: (-item[1], item[0])))


def _config(evaluator: Evaluator) -> Mapping[str, Any]:
    config = evaluator.system.get("config")
    return config if isinstance(config, Mapping) else {}


def _examples(validation: Sequence[Example], failures: Sequence[Blame]) -> list[Example]:
    """Validation questions first, then failures that are none of them."""
    known = {one.key for one in validation}
    more = [one.scored.example for one in failures if one.scored.example.key not in known]
    return [*validation, *more[:_SHOWN_FAILURES]]


def _effect(
    knob: Knob, before: Sequence[Scored], after: Sequence[Scored], validation: int, seed: int
) -> KnobEffect:
    wrong = [(old, new) for old, new in zip(before, after, strict=True) if old.is_failure]
    meant = wrong if len(before) == validation else [
        (old, new)
        for old, new in zip(before[validation:], after[validation:], strict=True)
        if old.is_failure
    ]  # fmt: skip
    return KnobEffect(
        knob=knob, compared=compare(before[:validation], after[:validation], seed=seed),
        mended=sum(new.score == 1 for _, new in meant), failures=len(meant),
        tokens_before=_tokens(before[:validation]), tokens_after=_tokens(after[:validation]),
    )  # fmt: skip


def _tokens(scores: Sequence[Scored]) -> float | None:
    known = [one.prompt_tokens for one in scores if one.prompt_tokens is not None]
    return sum(known) / len(known) if known else None


def _corrected(effects: Sequence[KnobEffect]) -> Iterator[KnobEffect]:
    """P-values by Holm, over the knobs that were tried."""
    tested = [one.compared.p_value for one in effects
              if one.compared is not None and one.compared.p_value is not None]  # fmt: skip
    adjusted = iter(holm(tested))
    for one in effects:
        has_test = one.compared is not None and one.compared.p_value is not None
        yield replace(one, p_holm=next(adjusted)) if has_test else one
