"""Criteria judged by log P(yes) - log P(no): for models too small to be asked.

A small instruct model often says "No" to everything, yet the *difference* of its log-probabilities
still ranks true statements above false ones. A threshold on that margin, fitted on labelled
examples, turns it into a judge. The fit is checked by cross-validation, and a model that does no
better than chance there is refused: it never gives a verdict.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge.agreement import Agreement, compare_verdicts, wilson_interval
from lmcommon.judge.asking import but_for_graded
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.margins import Reads, margins
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.prompt import Prompt, load_prompt

__all__ = [
    "Calibration", "LogprobJudge", "calibrate", "calibrate_margins", "fit_threshold",
    "judge_prompt",
]  # fmt: skip

_FIELDS = frozenset({"prompt", "response", "criterion"})
_FOLDS = 10
_MINIMUM = 10
"""Labelled examples needed of each class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A fitted threshold with what it was fitted on. JSON-able by `dataclasses.asdict`."""

    threshold: float
    """Satisfied if the margin in nats is above this."""
    balanced_accuracy: float
    """Cross-validated: every example judged by a threshold fitted without it."""
    lower_bound: float
    """Lower end of the 95 % Wilson interval of the cross-validated balanced accuracy."""
    auc: float
    """Chance that a satisfied example has a higher margin than a violated one."""
    positives: int
    negatives: int
    unscored: int
    model: str
    """Name of the model it belongs to."""
    prompt: str
    """Digest of the prompt it belongs to."""
    reads: Reads = "continuation"
    """How the margin was read (see `margins`)."""


class LogprobJudge:
    """Judges criteria by a calibrated threshold on log P(yes) - log P(no).

    Args:
        model: Must be able to do what the calibration reads: to `score`, or to tell
            log-probabilities.
        calibration: From `calibrate` with the same model and prompt.
        prompt: Template with `{prompt}`, `{response}`, `{criterion}`; None: ours.

    Raises:
        UserError: No calibration, one of another model or prompt, or one that is no better than
            chance.
    """

    def __init__(
        self, model: ChatModel, calibration: Calibration | None, *, prompt: Prompt | None = None
    ) -> None:
        self.model, self.prompt = model, prompt or judge_prompt()
        self.calibration = _checked(calibration, model.name, self.prompt.digest)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, prompt digest, calibration and the model's identity."""
        return {
            "kind": "logprob", "prompt": self.prompt.digest,
            "calibration": asdict(self.calibration), "model": dict(self.model.identity),
        }  # fmt: skip

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order; a graded criterion is unscored."""
        return but_for_graded(items, self._judge)

    def _judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        threshold = self.calibration.threshold
        return [
            Verdict.unscored(margin)
            if isinstance(margin, str)
            else Verdict(satisfied=margin > threshold, rationale=f"margin {margin:.3f} nats")
            for margin in margins(self.model, items, self.prompt, reads=self.calibration.reads)
        ]


def calibrate(
    model: ChatModel, items: Sequence[JudgeItem], labels: Sequence[bool], *,
    prompt: Prompt | None = None, reads: Reads = "continuation",
) -> Calibration:  # fmt: skip
    """Fit the threshold of a model on labelled examples and measure it by cross-validation.

    Raises:
        UserError: Too few scored examples of a class, or a model that cannot score.
        ValueError: Not one label per item.
    """
    prompt = prompt or judge_prompt()
    told = margins(model, items, prompt, reads=reads)
    return calibrate_margins(told, labels, model=model.name, prompt=prompt.digest, reads=reads)


def calibrate_margins(
    told: Sequence[float | str], labels: Sequence[bool], *, model: str, prompt: str,
    reads: Reads = "continuation",
) -> Calibration:  # fmt: skip
    """The same from margins that are there already, failures as texts.

    Args:
        told: What `margins` gave.
        labels: One each.
        model: Name of the model.
        prompt: Digest of the prompt.
        reads: How the margins were read.

    Raises:
        UserError: Too few scored examples of a class.
        ValueError: Not one label per margin.
    """
    if len(told) != len(labels):
        raise ValueError(f"expected one label per item; got {len(labels)} for {len(told)}")
    found = list(zip(told, labels, strict=True))
    pairs = [(margin, label) for margin, label in found if not isinstance(margin, str)]
    problems = [margin for margin, _ in found if isinstance(margin, str)]
    positives = sum(label for _, label in pairs)
    negatives = len(pairs) - positives
    if min(positives, negatives) < _MINIMUM:
        raise UserError(
            f"calibration of {model!r}: expected at least {_MINIMUM} scored examples of each "
            f"class, got {positives} satisfied and {negatives} violated"
            + (f"; {len(problems)} failed, first: {problems[0]}" if problems else "; label more")
        )
    held_out = _cross_validated(pairs)
    return Calibration(
        threshold=fit_threshold(pairs), balanced_accuracy=held_out.balanced_accuracy or 0.0,
        lower_bound=_lower_bound(held_out), auc=_auc(pairs), positives=positives,
        negatives=negatives, unscored=len(problems), model=model, prompt=prompt, reads=reads,
    )  # fmt: skip


def fit_threshold(pairs: Sequence[tuple[float, bool]]) -> float:
    """The midpoint between two margins that has the best balanced accuracy; ties: the middle one.

    Args:
        pairs: Margin in nats and label; both classes must occur.
    """
    margins = sorted({margin for margin, _ in pairs})
    cuts = [(low + high) / 2 for low, high in pairwise(margins)] or margins
    high = sorted(margin for margin, label in pairs if label)
    low = sorted(margin for margin, label in pairs if not label)
    found = [
        ((1 - bisect_right(high, cut) / len(high)) + bisect_right(low, cut) / len(low)) / 2
        for cut in cuts
    ]
    best = max(found)
    winners = [cut for cut, quality in zip(cuts, found, strict=True) if math.isclose(quality, best)]
    return winners[len(winners) // 2]


def _cross_validated(pairs: Sequence[tuple[float, bool]]) -> Agreement:
    """Stratified folds: the examples of each class are dealt out in turn."""
    ordered = sorted(range(len(pairs)), key=lambda index: pairs[index][1])
    fold_of = {index: place % _FOLDS for place, index in enumerate(ordered)}
    said: list[bool | None] = [None] * len(pairs)
    for fold in range(_FOLDS):
        rest = [pair for index, pair in enumerate(pairs) if fold_of[index] != fold]
        cut = fit_threshold(rest)
        for index in (i for i in range(len(pairs)) if fold_of[i] == fold):
            said[index] = pairs[index][0] > cut
    return compare_verdicts(said, [label for _, label in pairs])


def _lower_bound(found: Agreement) -> float:
    """Wilson's bound for as many examples as the rarer class leaves: all, if both are as frequent.

    The mean of two recalls has the variance (v/P + v/N) / 4, that of 4PN / (P + N) examples.
    """
    positives = found.true_positive + found.false_negative
    negatives = found.true_negative + found.false_positive
    number = round(4 * positives * negatives / (positives + negatives))
    return wilson_interval((found.balanced_accuracy or 0.0) * number, number)[0]


def _auc(pairs: Sequence[tuple[float, bool]]) -> float:
    high = [margin for margin, label in pairs if label]
    low = [margin for margin, label in pairs if not label]
    wins = sum((up > down) + 0.5 * (up == down) for up in high for down in low)
    return wins / (len(high) * len(low))


def _checked(calibration: Calibration | None, model: str, prompt: str) -> Calibration:
    if calibration is None:
        raise UserError(
            f"a log-probability judge on {model!r} needs a calibration, got none: label some "
            "examples and run lmcommon.judge.calibrate(model, items, labels)"
        )
    if (calibration.model, calibration.prompt) != (model, prompt):
        raise UserError(
            f"expected a calibration of model {model!r} with prompt {prompt}, got one of "
            f"{calibration.model!r} with {calibration.prompt}; calibrate again"
        )
    if calibration.lower_bound <= 0.5:
        raise UserError(
            f"model {model!r} cannot judge: cross-validated balanced accuracy "
            f"{calibration.balanced_accuracy:.2f} on {calibration.positives} + "
            f"{calibration.negatives} examples is not above chance "
            f"(lower bound {calibration.lower_bound:.2f}); use a larger model or more examples"
        )
    return calibration


def judge_prompt() -> Prompt:
    """The prompt that ships with the package."""
    return load_prompt("lmcommon.judge", "prompts/criterion_logprob.md", _FIELDS)
