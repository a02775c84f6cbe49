"""Verdicts by the log-probability of "yes": how a model too small to be asked can judge.

In: a calibrated threshold from a file. Where there is no file yet and the prompts bring verdicts of
another judge (`metadata["verdicts"]`), the threshold is fitted on those: every prompt is judged by
one that was fitted without it, and the one fitted on all is written to the file, with what it was
fitted on: a later run that judges one of these again is refused, since it would know the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.logprob import Calibration, calibrate_margins, fit_threshold, judge_prompt
from lmcommon.judge.margins import Reads, margins
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.runlog import write_atomic
from rtt.verdicts.sources import VerdictSource

__all__ = ["CrossFitted", "HeldApart", "fitted_on", "read_calibration"]

_FOLDS = 10
_FITTED = "fitted_on"
"""In the file: digests of the prompts and responses whose verdicts the threshold was fitted on."""


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Judges prompts that bring verdicts, each by a threshold that the others' verdicts fit.

    Example:
        `CrossFitted(model, Path("calibration.json")).verdicts(items)` judges all items at once, and
        writes the calibration of all of them.
    """

    model: ChatModel
    path: Path
    """Where the calibration goes."""
    reads: Reads = "first_token"

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of verdicts an item, in rubric order; folds are of prompts.

        Raises:
            UserError: A prompt brings no verdicts, or there are too few of a class to fit on.
        """
        prompt = judge_prompt()
        asked = [
            JudgeItem(prompt=one.prompt, response=response, criterion=criterion)
            for one, response in items
            for criterion in one.rubric.criteria
        ]
        labels = [label for one, _ in items for label in _labels(one)]
        names = list(dict.fromkeys(one.id for one, _ in items))
        folds = [names.index(one.id) % _FOLDS for one, _ in items for _ in one.rubric.criteria]
        told = margins(self.model, asked, prompt, reads=self.reads)
        whole = calibrate_margins(
            told, labels, model=self.model.name, prompt=prompt.digest, reads=self.reads
        )
        verdicts = iter(_by_folds(told, labels, folds))
        kept = {**asdict(whole), _FITTED: sorted({_digest(*item) for item in items})}
        write_atomic(self.path, json.dumps(kept, indent=2) + "\n")
        return [tuple(next(verdicts) for _ in one.rubric.criteria) for one, _ in items]


@dataclass(frozen=True, slots=True)
class HeldApart:
    """Passes verdicts on, but of no response that brings verdicts the threshold was fitted on."""

    source: VerdictSource
    path: Path
    """Of the calibration."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of verdicts an item, from the source.

        Raises:
            UserError: The calibration was fitted on one of the items.
        """
        known = fitted_on(self.path)
        labelled = [item for item in items if item[0].metadata.get("verdicts") is not None]
        if any(_digest(*item) in known for item in labelled):
            raise UserError(
                f"verdicts.calibration: expected one that was not fitted on the responses it is to "
                f"judge; got {str(self.path)!r}, which was; remove it, or name a file that is not "
                "there yet, to fit anew, each prompt by the others"
            )
        return self.source.verdicts(items)


def fitted_on(path: Path) -> frozenset[str]:
    """Digests of what the calibration of a file was fitted on; empty if it does not say."""
    return frozenset(json.loads(path.read_text(encoding="utf-8")).get(_FITTED, ()))


def read_calibration(path: Path) -> Calibration:
    """A calibration from its file.

    Raises:
        UserError: It holds none.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(**{key: one for key, one in told.items() if key != _FITTED})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"verdicts.calibration: expected a file that rtt-evaluate wrote; got {str(path)!r}: "
            f"{error}"
        ) from error


def _digest(prompt: RubricPrompt, response: str) -> str:
    text = json.dumps([prompt.id, prompt.prompt, response])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _labels(prompt: RubricPrompt) -> Sequence[bool]:
    labels = prompt.metadata.get("verdicts")
    if labels is None or any(one.is_graded for one in prompt.rubric.criteria):
        raise UserError(
            f"verdicts.calibration: expected the file of a calibration, or prompts that bring "
            f"yes/no verdicts to fit one on; prompt {prompt.id!r} brings none; make it with "
            "rtt-evaluate benchmarks=[infobench] infobench.responses=stored agreement=true "
            "verdicts=logprob verdicts.calibration=FILE"
        )
    return [bool(one) for one in labels]


def _by_folds(
    told: Sequence[float | str], labels: Sequence[bool], folds: Sequence[int]
) -> list[Verdict]:
    rows = list(zip(told, labels, folds, strict=True))
    cuts = {}
    for fold in set(folds):
        rest = [(one, label) for one, label, of in rows if of != fold and not isinstance(one, str)]
        if {label for _, label in rest} == {True, False}:
            cuts[fold] = fit_threshold(rest)
    verdicts = []
    for margin, _, fold in rows:
        if isinstance(margin, str):
            verdicts.append(Verdict.unscored(margin))
        elif fold not in cuts:
            verdicts.append(Verdict.unscored("the other prompts have verdicts of one class alone"))
        else:
            verdicts.append(
                Verdict(satisfied=margin > cuts[fold], rationale=f"margin {margin:.3f} nats")
            )
    return verdicts
