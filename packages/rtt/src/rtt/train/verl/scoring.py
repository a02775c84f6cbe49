"""What a reward worker of verl finds out about responses: score, token part, figures for the log.

In: token ids with the rubric they answer. Out: one `ResponseReward` each. A worker sees responses
one by one, so only schemes that need no other response of the prompt can be asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lmcommon.errors import UserError
from rtt.credit.response import aggregate
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer, score_tensors
from rtt.train.trl.dataset import RUBRIC_COLUMN
from rtt.train.trl.reward import RubricReward, ScoredRow
from rtt.types import ScoredGroup

__all__ = ["SCHEMES", "Response", "ResponseReward", "ResponseScorer", "check_credit"]

SCHEMES = ("intra", "none")
"""Schemes whose token part depends on one response and sums to zero over it."""

_EPS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response to score."""

    tokens: tuple[int, ...]
    """Token ids, without padding."""
    rubric_prompt: str
    """The prompt as `rtt.train.verl.dataset` writes it."""
    step: int = 0
    """Training step, from 0; only a warm-up asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseReward:
    """What is known of one response.

    Example:
        `ResponseReward(score=1.0, token=(0.5, -0.5), figures={"unscored": 0.0})`
    """

    score: float
    """Reward; NaN where unscored."""
    token: tuple[float, ...]
    """What token credit adds to the advantage of each token, weight included; zeros where
    unscored."""
    figures: dict[str, Any]
    """For verl's log: numbers, and texts where a value is no number."""


def check_credit(credit: Credit) -> None:
    """Refuse what verl's reward path cannot carry.

    Raises:
        UserError: A scheme that compares responses, or a setting that the estimator cannot follow.
    """
    if credit.scheme not in SCHEMES:
        raise UserError(
            f"credit={credit.scheme}: expected {' or '.join(SCHEMES)} with engine=verl, whose "
            "reward workers see one response at a time; take engine=trl or engine=local for "
            "schemes that compare the responses of a prompt"
        )
    if credit.combine != "add":
        raise UserError(
            f"credit.combine: expected add with engine=verl; got {credit.combine!r}; "
            "mixing scales the response part, which verl normalises itself"
        )
    if credit.eps != _EPS:
        raise UserError(f"credit.eps: expected {_EPS} with engine=verl; got {credit.eps!r}")


class ResponseScorer:
    """Scores responses, many at once.

    Args:
        tokenizer: The policy's.
        scorer: Verdicts and relevances.
        credit: How verdicts become a score and token credit.
    """

    def __init__(self, tokenizer: Any, scorer: Scorer, credit: Credit) -> None:
        check_credit(credit)
        self._credit = credit
        self._reward = RubricReward(tokenizer, scorer, credit)

    def __call__(self, responses: Sequence[Response]) -> list[ResponseReward]:
        """Score responses, in order, as one batch."""
        scores = self._reward(
            completion_ids=[list(one.tokens) for one in responses],
            **{RUBRIC_COLUMN: [one.rubric_prompt for one in responses]},
        )
        return [
            self._told(row, math.nan if score is None else score, one.step)
            for row, score, one in zip(self._reward.rows, scores, responses, strict=True)
        ]

    def _told(self, row: ScoredRow, score: float, step: int) -> ResponseReward:
        scores = score_tensors([ScoredGroup(prompt=row.prompt, samples=(row.scored,))])
        # In a group of one the response part is zero: what is left is the token part.
        token_1T, _ = self._credit.advantages(scores, 1, step=step)
        satisfied, rate = (
            aggregate(scores.verdict_BR, mode, criterion_mask_BR=scores.criterion_mask_BR).item()
            for mode in ("aon", "csr")
        )
        return ResponseReward(
            score=score,
            token=tuple(token_1T[0].to(torch.float64).tolist()),
            figures={
                "all_satisfied": satisfied,
                "satisfied_rate": rate,
                "unscored": float(math.isnan(score)),
                "criteria": json.dumps(row.scored.satisfied),
            },
        )
