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
from rtt.credit.response import RewardMode, aggregate
from rtt.engine.text import text_with_offsets
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
        mode: How verdicts become one number, see `rtt.credit.aggregate`.
        ends: Token ids that end a response; None: the tokenizer's.
    """

    def __init__(
        self, tokenizer: Any, scorer: Scorer, mode: RewardMode = "aon", *,
        ends: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self.__name__ = "rubric"  # TRL names its metrics after it
        self.tokenizer, self.scorer, self.mode = tokenizer, scorer, mode
        self.ends = (tokenizer.eos_token_id,) if ends is None else tuple(ends)
        self.rows: list[ScoredRow] = []
        """The rows of the last call, in their order."""

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
        self.rows = [
            ScoredRow(prompt=group.prompt, scored=self._decoded(group.samples[0]))
            for group in self.scorer.score(groups)
        ]
        return self._rewards()

    def _rewards(self) -> list[float | None]:
        groups = [ScoredGroup(prompt=row.prompt, samples=(row.scored,)) for row in self.rows]
        scores = score_tensors(groups)
        reward_B = aggregate(
            scores.verdict_BR, self.mode, criterion_mask_BR=scores.criterion_mask_BR
        )
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

    def _decoded(self, sample: ScoredRollout) -> ScoredRollout:
        """The sample, or unscored where the tokenizer does not know one of its ids.

        A model may have more rows in its embedding than its tokenizer has tokens; a response with
        one of them has no text to hold to a rubric.
        """
        known = len(self.tokenizer)
        strange = next((index for index in sample.rollout.tokens if index >= known), None)
        if strange is None:
            return sample
        failure = Verdict.unscored(f"token {strange} is unknown to the tokenizer ({known} tokens)")
        return replace(
            sample,
            verdicts=(failure,) * len(sample.verdicts),
            relevance=((0.0,) * len(sample.rollout.tokens),) * len(sample.verdicts),
        )
