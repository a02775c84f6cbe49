"""The reward function: it scores each response once and remembers what it found.

TRL wants one number a response; the credit of the tokens needs all verdicts and relevances. So the
reward function keeps the scored rows, and the trainer reads them right after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.engine.text import text_with_offsets
from rtt.train.advantage import Credit
from rtt.train.clock import Clock
from rtt.train.scoring import Scorer, score_tensors
from rtt.train.trl.dataset import RUBRIC_COLUMN, read_rubric_prompt
from rtt.types import Group, Rollout, ScoredGroup, ScoredRollout

__all__ = ["RubricReward", "ScoredRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """One row of a generation batch: the prompt and its scored response.

    Example:
        `ScoredRow(prompt=prompt, scored=scored)`: every token is the policy's own.
    """

    prompt: RubricPrompt
    scored: ScoredRollout
    own: tuple[bool, ...] | None = None
    """Which tokens the policy wrote itself (not a tool or an environment), [T]; None: all."""


class RubricReward:
    """A reward function for TRL: all-or-nothing, satisfied rate, ... of a rubric.

    It serves plain `trl.GRPOTrainer` as well, on a data set of `rubric_dataset`.

    Args:
        tokenizer: The policy's.
        scorer: Verdicts and relevances.
        credit: How verdicts become one number; its scheme does not matter here.
        ends: Token ids that end a response; None: the tokenizer's.
    """

    def __init__(
        self, tokenizer: Any, scorer: Scorer, credit: Credit | None = None, *,
        ends: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self.__name__ = "rubric"  # TRL names its metrics after it
        self.tokenizer, self.scorer, self.credit = tokenizer, scorer, credit or Credit()
        self.ends = (tokenizer.eos_token_id,) if ends is None else tuple(ends)
        self.rows: list[ScoredRow] = []
        """The rows of the last call, in their order."""
        self.seconds: dict[str, float] = {}
        """What the last call took, by phase."""

    def __call__(
        self, *, completion_ids: Sequence[Sequence[int]], trainer_state: Any = None, **columns: Any
    ) -> list[float | None]:
        """Score responses; None for one without a verdict on any of its criteria."""
        version = 0 if trainer_state is None else trainer_state.global_step
        prompts = [read_rubric_prompt(text) for text in columns[RUBRIC_COLUMN]]
        groups = [
            Group(prompt=prompt, rollouts=(self._rollout(prompt, ids, version),))
            for prompt, ids in zip(prompts, completion_ids, strict=True)
        ]
        clock = Clock()
        scored = self.scorer.score(groups, lap=clock.lap)
        self.seconds = clock.seconds
        self.rows = [
            ScoredRow(prompt=group.prompt, scored=self._usable(group.samples[0]))
            for group in scored
        ]
        alone = [ScoredGroup(prompt=row.prompt, samples=(row.scored,)) for row in self.rows]
        reward_B = self.credit.rewards(score_tensors(alone))
        return [None if math.isnan(value) else value for value in reward_B.tolist()]

    def _rollout(self, prompt: RubricPrompt, ids: Sequence[int], version: int) -> Rollout:
        text, offsets = text_with_offsets(self.tokenizer, ids)
        return Rollout(
            prompt_id=prompt.id,
            tokens=tuple(ids),
            logprobs=(math.nan,) * len(ids),  # not known here
            text=text,
            offsets=offsets,
            finish_reason="stop" if ids and ids[-1] in self.ends else "length",
            policy_version=version,
        )

    def _usable(self, sample: ScoredRollout) -> ScoredRollout:
        """The sample with what cannot be used unscored: it must not reach a weight.

        That is a whole response with an id that the tokenizer does not know (a model may have more
        rows in its embedding than its tokenizer has tokens), and a criterion whose relevances are
        no numbers.
        """
        known, width = len(self.tokenizer), len(sample.rollout.tokens)
        strange = next((index for index in sample.rollout.tokens if index >= known), None)
        verdicts, relevance = [], []
        for verdict, weights in zip(sample.verdicts, sample.relevance, strict=True):
            if strange is not None:
                failure = f"token {strange} is unknown to the tokenizer ({known} tokens)"
            elif not all(map(math.isfinite, weights)):
                failure = "its relevances are not finite"
            else:
                verdicts.append(verdict)
                relevance.append(weights)
                continue
            verdicts.append(Verdict.unscored(failure))
            relevance.append((0.0,) * width)
        return replace(sample, verdicts=tuple(verdicts), relevance=tuple(relevance))
