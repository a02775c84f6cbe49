"""The clipped policy loss with per-token advantages (paper eq. 6), and the k3 estimate of KL.

In: log-probabilities and advantages [B, T] with a 0/1 mask. Out: one scalar to minimise. What
lies under the mask (NaN, inf, garbage) reaches neither the value nor the gradient. Advantages of
shape (B,) are refused: broadcasting them silently is how a public fused loss goes wrong.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats, read_mask

__all__ = [
    "Aggregation", "Importance", "aggregate_tokens", "clipped_loss", "kl_k3", "log_ratio",
    "policy_loss",
]  # fmt: skip

Aggregation = Literal[
    "token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"
]
Importance = Literal["token", "sequence"]

LOG_RATIO_LIMIT = 20.0
"""|log ratio| is clamped here, so that exp stays finite and no inf * 0 enters the gradient."""


def policy_loss(
    logprob_BT: ArrayLike,
    old_logprob_BT: ArrayLike,
    advantage_BT: ArrayLike,
    mask_BT: ArrayLike | None,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    aggregation: Aggregation = "token-mean",
    importance: Importance = "token",
    dual_clip: float | None = None,
) -> Tensor:
    """Clipped surrogate loss (paper eq. 6, negated): `-min(w A, clip(w, 1-low, 1+high) A)`.

    Args:
        logprob_BT: Log-probabilities under the policy being trained; carries the gradient.
        old_logprob_BT: The same under the policy that sampled; treated as a constant.
        advantage_BT: Per-token advantages; treated as constants.
        mask_BT: 1 on response tokens; None: all.
        clip_low: Lower clip of the ratio (the paper: 0.2).
        clip_high: Upper clip (the paper: 0.27 for Qwen, 0.2 for Llama).
        aggregation: How token losses l become one number:
            "token-mean" (paper): sum(l) / number of valid tokens;
            "seq-mean-token-mean": mean over rows of (row sum / row's valid tokens);
            "seq-mean-token-sum": mean over rows of the row sum;
            "seq-mean-token-sum-norm": sum(l) / T with T the padded width, as in the public code.
        importance: "token": w per token; "sequence" (GSPO): exp of the row's masked mean log
            ratio, on every token of the row.
        dual_clip: If set (> 1): where A < 0 the token loss is at most `-dual_clip * A`.

    Returns:
        A scalar; 0 with zero gradients when every token is masked.

    Raises:
        ValueError: An argument of another shape than [B, T], an unknown option, a bad clip.
    """
    _check_options(clip_low, clip_high, aggregation, importance, dual_clip)
    logprob, old, advantage = read_floats(
        logprob_BT=logprob_BT, old_logprob_BT=old_logprob_BT, advantage_BT=advantage_BT
    )
    mask = read_mask("mask_BT", mask_BT, logprob)
    check_shapes(logprob_BT=logprob, old_logprob_BT=old, advantage_BT=advantage, mask_BT=mask)
    advantage = torch.where(mask, advantage.detach(), 0.0)
    loss_BT = clipped_loss(
        log_ratio(logprob, old.detach(), mask, importance=importance), advantage,
        clip_low=clip_low, clip_high=clip_high, dual_clip=dual_clip,
    )  # fmt: skip
    return aggregate_tokens(torch.where(mask, loss_BT, 0.0), mask, aggregation)


def clipped_loss(
    log_ratio: Tensor,
    advantage: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> Tensor:
    """The clipped loss of each token, not reduced; any shape, one advantage a log ratio.

    The log ratio is clamped to +-20. Options as in `policy_loss`.
    """
    ratio = log_ratio.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    gain = torch.minimum(ratio * advantage, clipped * advantage)
    if dual_clip is not None:
        gain = torch.where(advantage < 0, torch.maximum(gain, dual_clip * advantage), gain)
    return -gain


def kl_k3(
    logprob_BT: ArrayLike, ref_logprob_BT: ArrayLike, mask_BT: ArrayLike | None = None
) -> Tensor:
    """Low-variance, non-negative estimate of KL(policy || reference) a token ("k3").

    `exp(d) - d - 1` with `d = ref_logprob - logprob` (Schulman, "Approximating KL divergence").

    Returns:
        kl_BT, zeros outside the mask; the gradient goes through `logprob_BT` only.

    Raises:
        ValueError: Shapes that disagree.
    """
    logprob, ref = read_floats(logprob_BT=logprob_BT, ref_logprob_BT=ref_logprob_BT)
    mask = read_mask("mask_BT", mask_BT, logprob)
    check_shapes(logprob_BT=logprob, ref_logprob_BT=ref, mask_BT=mask)
    difference = -log_ratio(logprob, ref.detach(), mask)
    return torch.where(mask, torch.expm1(difference) - difference, 0.0)


def log_ratio(
    logprob_BT: Tensor, old_logprob_BT: Tensor, mask_BT: Tensor, *, importance: Importance = "token"
) -> Tensor:
    """Log importance ratio [B, T], zeros outside the bool mask, clamped to +-20.

    "sequence" gives every token of a row the masked mean of the row's log ratios.
    """
    # Both sides are masked before they meet: inf - inf would be NaN, also in the gradient.
    kept = torch.where(mask_BT, logprob_BT, 0.0) - torch.where(mask_BT, old_logprob_BT, 0.0)
    if importance == "sequence":
        count_B1 = mask_BT.sum(dim=1, keepdim=True).clamp(min=1)
        kept = torch.where(mask_BT, kept.sum(dim=1, keepdim=True) / count_B1, 0.0)
    return kept.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def aggregate_tokens(loss_BT: Tensor, mask_BT: Tensor, aggregation: Aggregation) -> Tensor:
    """Reduce masked token losses to a scalar; the options are explained at `policy_loss`."""
    rows, width = loss_BT.shape
    if aggregation == "token-mean":
        return loss_BT.sum() / mask_BT.sum().clamp(min=1)
    if aggregation == "seq-mean-token-sum-norm":
        return loss_BT.sum() / max(width, 1)
    row_B = loss_BT.sum(dim=1)
    if aggregation == "seq-mean-token-mean":
        row_B = row_B / mask_BT.sum(dim=1).clamp(min=1)
    return row_B.sum() / max(rows, 1)


def _check_options(
    clip_low: float,
    clip_high: float,
    aggregation: str,
    importance: str,
    dual_clip: float | None,
) -> None:
    for name, value, options in (
        ("aggregation", aggregation, get_args(Aggregation)),
        ("importance", importance, get_args(Importance)),
    ):
        if value not in options:
            raise ValueError(f"{name}: expected one of {', '.join(options)}; got {value!r}")
    if not (0 <= clip_low <= 1 and clip_high >= 0):
        raise ValueError(
            f"clip: expected clip_low in [0, 1] and clip_high >= 0; got {clip_low}, {clip_high}"
        )
    if dual_clip is not None and dual_clip <= 1:
        raise ValueError(f"dual_clip: expected None or a number above 1; got {dual_clip!r}")
