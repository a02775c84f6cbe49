"""Which credit: the configured path from scores to per-token advantages, and what it measures.

In: `ScoreTensors`. Out: advantage [B, T] and the metrics of this step (`rtt.train.metrics`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_args

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.credit.baselines import Spread, gdpo
from rtt.credit.controls import contrast_weights, reweigh, two_channel
from rtt.credit.limits import clip_credit, ramp, threshold_relevance
from rtt.credit.mixing import CombineMode, combine
from rtt.credit.response import RewardMode, aggregate, response_advantage
from rtt.train.metrics import relevance_metrics, reward_metrics, signal_metrics
from rtt.train.schemes import ALL_OPTIONS, OPTIONS, TOKEN_SCHEMES, Scheme
from rtt.train.scoring import ScoreTensors

__all__ = ["Credit"]


@dataclass(kw_only=True)
class Credit:
    """How verdicts become advantages. Everything beyond the paper is off by default.

    Example:
        `Credit(scheme="intra", reward="aon")` is RTT-AON as in the paper;
        `Credit(scheme="none", reward="csr")` is plain GRPO on the satisfied rate.
    """

    scheme: str = "intra"
    """Tokens: intra (the paper), inter, mean_then_group, softmax_share, baseline_intra,
    baseline_times_relevance. No tokens: none (plain GRPO), gdpo, two_channel. cort: the response
    advantage, reweighed by token."""
    reward: str = "aon"
    """aon, csr, csr_signed or weighted. gdpo and two_channel only log it."""
    combine: str = "add"
    weight: float = 0.5
    """Of the token credit (the paper's beta; CoRT's eta)."""
    eps: float = 1e-6
    warmup: int = 0
    """Steps over which the weight rises smoothly from 0."""
    threshold: float = 0.0
    """Relevances below it become 0."""
    binarise: bool = False
    """Relevances at or above the threshold become 1."""
    floor: float = 0.0
    """A pool whose standard deviation is below it earns no credit."""
    clip: float | None = None
    """Largest token credit, before the weight; what is cut is spread over the response."""
    exclude_eos: bool = False
    """The end-of-sequence token gets no token credit."""
    skip_constant: bool = False
    """Criteria without any token credit do not thin out the mean over criteria."""
    criterion_weights: bool = False
    """The criteria's own weights count in the mean over criteria."""
    spread: str = "plain"
    """How baseline_times_relevance lays credit on tokens: plain, mean or sum."""
    batch_normalise: bool = True
    """Whether gdpo standardises over the batch."""
    soft_weight: float = 1.0
    """Of the soft channel of two_channel."""

    def __post_init__(self) -> None:
        for key, options in (
            ("scheme", get_args(Scheme)), ("reward", get_args(RewardMode)),
            ("combine", get_args(CombineMode)), ("spread", get_args(Spread)),
        ):  # fmt: skip
            if (value := getattr(self, key)) not in options:
                raise UserError(
                    f"credit.{key}: expected one of {', '.join(options)}; got {value!r}"
                )
        for key in ("eps", "clip"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise UserError(f"credit.{key}: expected a number above 0; got {value!r}")
        for key in ("floor", "threshold", "warmup"):
            if not getattr(self, key) >= 0:
                raise UserError(f"credit.{key}: expected 0 or more; got {getattr(self, key)!r}")
        if self.scheme == "cort" and not 0 <= self.weight < 2:
            raise UserError(f"credit.weight: expected 0 to below 2 for cort; got {self.weight!r}")
        self._refuse_what_is_ignored()

    @property
    def label(self) -> str:
        """Name for tables and curves, such as "AON", "RTT-CSR" or "RTT-AON, clip 3"."""
        reward = self.reward.upper()
        names = {
            "none": reward, "intra": f"RTT-{reward}", "gdpo": "GDPO",
            "two_channel": "two-channel", "cort": f"CoRT-{reward}",
        }  # fmt: skip
        extras = [
            key if value is True else f"{key} {value:g}" if isinstance(value, float) else
            f"{key} {value}"
            for key, value in self._set_options().items()
        ]  # fmt: skip
        return ", ".join([names.get(self.scheme, f"{self.scheme} {reward}"), *extras])

    def weight_at(self, step: int | None) -> float:
        """Weight of the token credit at an optimiser step, from 0.

        Raises:
            ValueError: There is a warm-up and no step was given.
        """
        if not self.warmup:
            return self.weight
        if step is None:
            raise ValueError(f"step: expected the step of the warm-up of {self.warmup}; got None")
        return self.weight * ramp(step, self.warmup)

    def advantages(
        self, scores: ScoreTensors, group_size: int, *, step: int | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        """Per-token advantages [B, T] of a batch, and its metrics.

        Args:
            scores: What scoring found; the rows of one prompt are consecutive.
            group_size: G.
            step: Optimiser steps taken so far; only a warm-up asks for it.
        """
        reward_B = aggregate(
            scores.verdict_BR, self.reward,  # type: ignore[arg-type]
            criterion_mask_BR=scores.criterion_mask_BR, criterion_weight_BR=scores.weight_BR,
        )  # fmt: skip
        response_B = self._response(reward_B, scores, group_size)
        weight = self.weight_at(step)
        if self.scheme == "cort":
            weight_BT = self._contrast(scores, weight)
            total_BT = reweigh(response_B, weight_BT, scores.mask_BT)
            token_BT = reweigh(response_B, weight_BT - scores.mask_BT, scores.mask_BT)
        else:
            credit_BT = self._credit(scores, group_size)
            total_BT = combine(
                response_B, credit_BT, scores.mask_BT,
                mode=self.combine, weight=weight,  # type: ignore[arg-type]
            )  # fmt: skip
            token_BT = weight * credit_BT
        return total_BT, {
            **reward_metrics(reward_B, scores),
            **signal_metrics(
                response_B, token_BT, scores, group_size,
                limit=None if self.clip is None else self.clip * weight,
            ),
            **relevance_metrics(scores),
            "token_weight": weight,
        }  # fmt: skip

    def _response(self, reward_B: Tensor, scores: ScoreTensors, group_size: int) -> Tensor:
        if self.scheme == "gdpo":
            return gdpo(
                2 * scores.verdict_BR - 1, group_size, eps=self.eps,
                batch_normalise=self.batch_normalise,
                criterion_mask_BR=scores.criterion_mask_BR,
                criterion_weight_BR=scores.weight_BR if self.criterion_weights else None,
            )  # fmt: skip
        if self.scheme == "two_channel":
            return two_channel(
                scores.verdict_BR, _known("hard_BR", scores.hard_BR), group_size,
                soft_weight=self.soft_weight, eps=self.eps,
                criterion_mask_BR=scores.criterion_mask_BR,
            )  # fmt: skip
        return response_advantage(reward_B, group_size, eps=self.eps)

    def _contrast(self, scores: ScoreTensors, strength: float) -> Tensor:
        return contrast_weights(
            self._relevance(scores), scores.mask_BT, strength=strength,
            criterion_mask_BR=scores.criterion_mask_BR,
            criterion_weight_BR=scores.weight_BR if self.criterion_weights else None,
        )  # fmt: skip

    def _credit(self, scores: ScoreTensors, group_size: int) -> Tensor:
        if self.scheme not in TOKEN_SCHEMES:
            return torch.zeros_like(scores.mask_BT)
        mask_BT = scores.mask_BT
        if self.exclude_eos:
            mask_BT = mask_BT * (1 - _known("eos_BT", scores.eos_BT))
        options: dict[str, Any] = {
            "eps": self.eps,
            "criterion_mask_BR": scores.criterion_mask_BR,
            "criterion_weight_BR": scores.weight_BR if self.criterion_weights else None,
            **{
                key: getattr(self, key)
                for key in ("floor", "skip_constant", "spread")
                if key in OPTIONS[self.scheme]
            },
        }
        if self.scheme != "intra":
            options["group_size"] = group_size
        credit_BT = TOKEN_SCHEMES[self.scheme](
            self._relevance(scores), 2 * scores.verdict_BR - 1, mask_BT, **options
        )
        return credit_BT if self.clip is None else clip_credit(credit_BT, mask_BT, self.clip)

    def _relevance(self, scores: ScoreTensors) -> Tensor:
        return threshold_relevance(scores.relevance_BRT, self.threshold, binarise=self.binarise)

    def _set_options(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name in ALL_OPTIONS and getattr(self, field.name) != field.default
        }

    def _refuse_what_is_ignored(self) -> None:
        if ignored := sorted(self._set_options().keys() - OPTIONS[self.scheme]):
            takers = [name for name, options in OPTIONS.items() if ignored[0] in options]
            raise UserError(
                f"credit.{ignored[0]}: the scheme {self.scheme!r} has no use for it; expected one "
                f"of {', '.join(takers)}, or the option left at its default"
            )


def _known(name: str, tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise ValueError(f"scores.{name}: expected a tensor (see score_tensors); got None")
    return tensor
