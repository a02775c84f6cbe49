"""Which credit: the configured path from scores to per-token advantages, and what it measures.

In: `ScoreTensors`. Out: advantage [B, T] and metrics of this step: reward, satisfied rates, groups
without signal, size of the token part beside the response part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.credit.baselines import baseline_intra, baseline_times_relevance, gdpo
from rtt.credit.mixing import CombineMode, combine
from rtt.credit.response import RewardMode, aggregate, response_advantage
from rtt.credit.tokens import inter_sample, intra_sample, mean_then_group, softmax_share
from rtt.train.scoring import ScoreTensors

__all__ = ["Credit", "Scheme"]

Scheme = Literal[
    "none", "intra", "inter", "mean_then_group", "softmax_share", "baseline_intra",
    "baseline_times_relevance", "gdpo",
]  # fmt: skip
_GROUPED: dict[str, Callable[..., Tensor]] = {
    "baseline_intra": baseline_intra,
    "baseline_times_relevance": baseline_times_relevance,
    "inter": inter_sample,
    "mean_then_group": mean_then_group,
    "softmax_share": softmax_share,
}


@dataclass(kw_only=True)
class Credit:
    """How verdicts become advantages.

    Example:
        `Credit(scheme="intra", reward="aon")` is RTT-AON as in the paper;
        `Credit(scheme="none", reward="csr")` is plain GRPO on the satisfied rate.
    """

    scheme: str = "intra"
    """none (plain GRPO), intra (the paper), inter, mean_then_group, softmax_share; beyond the
    paper baseline_intra, baseline_times_relevance, and gdpo (no tokens)."""
    reward: str = "aon"
    """aon, csr or csr_signed."""
    combine: str = "add"
    weight: float = 0.5
    """Of the token credit (beta)."""
    eps: float = 1e-6

    def __post_init__(self) -> None:
        for key, value, options in (
            ("scheme", self.scheme, get_args(Scheme)),
            ("reward", self.reward, get_args(RewardMode)),
            ("combine", self.combine, get_args(CombineMode)),
        ):
            if value not in options:
                raise UserError(
                    f"credit.{key}: expected one of {', '.join(options)}; got {value!r}"
                )
        if self.eps <= 0:
            raise UserError(f"credit.eps: expected a number above 0; got {self.eps!r}")

    @property
    def label(self) -> str:
        """Name for tables and curves, such as "AON" or "RTT-CSR"."""
        reward = self.reward.upper()
        if self.scheme in ("none", "gdpo"):
            return reward if self.scheme == "none" else "GDPO"
        return f"RTT-{reward}" if self.scheme == "intra" else f"{self.scheme} {reward}"

    def advantages(self, scores: ScoreTensors, group_size: int) -> tuple[Tensor, dict[str, float]]:
        """Per-token advantages [B, T] of a batch, and its metrics."""
        reward_B = aggregate(
            scores.verdict_BR,
            self.reward,  # type: ignore[arg-type]
            criterion_mask_BR=scores.criterion_mask_BR,
        )
        response_B = self._response(reward_B, scores, group_size)
        credit_BT = self._credit(scores, group_size)
        total_BT = combine(
            response_B,
            credit_BT,
            scores.mask_BT,
            mode=self.combine,  # type: ignore[arg-type]
            weight=self.weight,
        )
        return total_BT, {
            **_reward_metrics(reward_B, scores),
            **_signal_metrics(response_B, credit_BT, scores.mask_BT, group_size, self.weight),
        }

    def _response(self, reward_B: Tensor, scores: ScoreTensors, group_size: int) -> Tensor:
        if self.scheme != "gdpo":
            return response_advantage(reward_B, group_size, eps=self.eps)
        return gdpo(
            2 * scores.verdict_BR - 1,
            group_size,
            eps=self.eps,
            criterion_mask_BR=scores.criterion_mask_BR,
        )

    def _credit(self, scores: ScoreTensors, group_size: int) -> Tensor:
        if self.scheme in ("none", "gdpo"):
            return torch.zeros_like(scores.mask_BT)
        signed_BR = 2 * scores.verdict_BR - 1
        if self.scheme == "intra":
            return intra_sample(
                scores.relevance_BRT,
                signed_BR,
                scores.mask_BT,
                eps=self.eps,
                criterion_mask_BR=scores.criterion_mask_BR,
            )
        return _GROUPED[self.scheme](
            scores.relevance_BRT,
            signed_BR,
            scores.mask_BT,
            group_size,
            eps=self.eps,
            criterion_mask_BR=scores.criterion_mask_BR,
        )


def _reward_metrics(reward_B: Tensor, scores: ScoreTensors) -> dict[str, float]:
    verdict, active = scores.verdict_BR, scores.criterion_mask_BR
    scored_B = ~reward_B.isnan()
    aon_B = aggregate(verdict, "aon", criterion_mask_BR=active)[scored_B]
    csr_B = aggregate(verdict, "csr", criterion_mask_BR=active)[scored_B]
    return {
        "reward": _mean(reward_B[scored_B]),
        "all_satisfied": _mean(aon_B),
        "satisfied_rate": _mean(csr_B),
        "unscored": float((~scored_B).sum()),
        "unscored_criteria": float((active == 0).sum()),
        "length": scores.mask_BT.sum(dim=1).mean().item(),
    }


def _signal_metrics(
    response_B: Tensor, credit_BT: Tensor, mask_BT: Tensor, group_size: int, weight: float
) -> dict[str, float]:
    token_BT = weight * credit_BT
    no_response = (response_B == 0).unflatten(0, (-1, group_size)).all(dim=1)
    no_token = (token_BT == 0).all(dim=1).unflatten(0, (-1, group_size)).all(dim=1)
    valid = mask_BT.sum().clamp(min=1)
    response_size = ((response_B.abs().unsqueeze(1) * mask_BT).sum() / valid).item()
    token_size = ((token_BT.abs() * mask_BT).sum() / valid).item()
    return {
        "groups_without_response_signal": _mean(no_response),
        "groups_without_token_signal": _mean(no_token),
        "groups_without_signal": _mean(no_response & no_token),
        "response_advantage_abs": response_size,
        "token_advantage_abs": token_size,
        "token_over_response": token_size / response_size if response_size else 0.0,
        "token_advantage_max": token_BT.abs().amax().item() if token_BT.numel() else 0.0,
        "token_row_sum_max": credit_BT.sum(dim=1).abs().amax().item() if len(credit_BT) else 0.0,
    }


def _mean(values: Tensor) -> float:
    return values.float().mean().item() if values.numel() else 0.0
