"""The policy loss and its gradient in one sweep over the rows: the *single-pass* form.

A clipped token loss is separable: once the log-probability of a token is known, so is the
derivative of its loss. So each chunk of rows is projected once, its loss taken, and its logits
overwritten by their gradient: three matrix products instead of the recompute form's four, and no
more than one chunk of logits in memory. In: hidden states, the output embedding, targets and what
the loss needs a token. Out: the scalar, with log-probabilities and entropies to look at.

It does not fit where the loss of one token depends on another one's log-probability (sequence
ratios) or on the entropy (a bonus): `rtt.policy.token_logprobs` with `rtt.loss` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rtt.loss import clipped_loss
from rtt.policy.logprobs import HeadGradients, check_rows, row_buffer, sum_dtype
from rtt.policy.softmax import (
    HeadForm,
    chunk_size,
    head_weights,
    logit_gradient_,
    project,
    statistics,
)

__all__ = ["FusedLoss", "TokenLoss", "fused_policy_loss", "fused_token_loss"]

TokenLoss = Callable[[Tensor, slice], Tensor]
"""From the log-probabilities of some rows, and which rows they are, to the loss of each: [C]."""


class FusedLoss(NamedTuple):
    """What one sweep gives."""

    loss: Tensor
    """Sum of the token losses, a scalar; differentiable once."""
    logprob_N: Tensor  # noqa: N815
    """Log-probability of each target, detached."""
    entropy_N: Tensor  # noqa: N815
    """Entropy of each row, detached."""


def fused_policy_loss(
    hidden_NH: Tensor,
    head: Any,
    target_N: Tensor,
    old_logprob_N: Tensor,
    advantage_N: Tensor,
    scale_N: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    form: HeadForm | None = None,
    chunk: int | None = None,
) -> FusedLoss:
    """The clipped policy loss (paper eq. 6), `sum_n scale_n * l_n`, in one sweep.

    Args:
        hidden_NH: Hidden states that predict the targets, valid tokens only.
        head: The output embedding, or its weight [V, H].
        target_N: Token ids.
        old_logprob_N: Log-probabilities under the policy that sampled.
        advantage_N: Advantage of each token.
        scale_N: Weight of each token's loss: 1 / (valid tokens) for the token mean, times an
            importance weight if there is one.
        clip_low: Lower clip of the ratio.
        clip_high: Upper clip.
        dual_clip: See `rtt.loss.policy_loss`.
        form: Temperature, scale and soft cap of the logits.
        chunk: Rows whose logits are held at once; None: as many as a fixed buffer holds.

    Raises:
        ValueError: An argument of another shape than [N]: advantages a sequence are refused,
            where a public fused loss broadcasts them to a wrong value.
    """
    check_rows(hidden_NH, head_weights(head)[0], target_N, old_logprob_N, advantage_N, scale_N)
    old, advantage, scale = old_logprob_N.detach(), advantage_N.detach(), scale_N.detach()

    def loss_of(logprob_C: Tensor, rows: slice) -> Tensor:
        return scale[rows] * clipped_loss(
            logprob_C - old[rows], advantage[rows],
            clip_low=clip_low, clip_high=clip_high, dual_clip=dual_clip,
        )  # fmt: skip

    return fused_token_loss(hidden_NH, head, target_N, loss_of, form=form, chunk=chunk)


def fused_token_loss(
    hidden_NH: Tensor,
    head: Any,
    target_N: Tensor,
    loss_of: TokenLoss,
    *,
    form: HeadForm | None = None,
    chunk: int | None = None,
) -> FusedLoss:
    """The sum of any separable token loss, in one sweep.

    Args:
        hidden_NH: Hidden states that predict the targets.
        head: The output embedding, or its weight [V, H].
        target_N: Token ids.
        loss_of: Loss of some rows from their log-probabilities; differentiated by autograd.
        form: Temperature, scale and soft cap of the logits.
        chunk: Rows whose logits are held at once; None: as many as a fixed buffer holds.

    Example:
        Supervised: `fused_token_loss(hidden, head, ids, lambda logprob, rows: -logprob / count)`.
    """
    weight_VH, bias_V = head_weights(head)
    check_rows(hidden_NH, weight_VH, target_N)
    loss, logprob_N, entropy_N = _OneSweep.apply(  # type: ignore[no-untyped-call]
        hidden_NH, weight_VH, bias_V, target_N, loss_of, form or HeadForm(), chunk,
        torch.is_grad_enabled(),
    )  # fmt: skip
    return FusedLoss(loss, logprob_N, entropy_N)


class _OneSweep(torch.autograd.Function):
    """Forward makes the gradients too; backward hands them over, scaled."""

    @staticmethod
    def forward(
        ctx: Any, hidden_NH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, target_N: Tensor,
        loss_of: TokenLoss, form: HeadForm, chunk: int | None, is_training: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        size = chunk_size(len(hidden_NH), len(weight_VH), hidden_NH.device, chunk)
        needs = ctx.needs_input_grad[:3] if is_training else (False, False, False)
        totals = HeadGradients(hidden_NH, weight_VH, bias_V, needs)
        buffer_CV = row_buffer(hidden_NH, weight_VH, size)
        parts = []
        loss = torch.zeros((), device=hidden_NH.device, dtype=sum_dtype(weight_VH))
        for first in range(0, len(hidden_NH), size):
            rows = slice(first, first + size)
            logits_CV = project(hidden_NH[rows], weight_VH, bias_V, form, buffer_CV)
            logprob_C, lse_C, entropy_C = statistics(logits_CV, target_N[rows])
            part, gradient_C = _loss_and_gradient(loss_of, logprob_C, rows)
            loss = loss + part
            parts.append((logprob_C, entropy_C))
            if any(needs):
                totals.add(
                    rows, logit_gradient_(logits_CV, target_N[rows], lse_C, gradient_C, form)
                )
        ctx.gradients = totals.parts if any(needs) else None
        logprob_N, entropy_N = (
            torch.cat(column) if parts else hidden_NH.new_zeros(0, dtype=loss.dtype)
            for column in (zip(*parts, strict=True) if parts else ((), ()))
        )
        ctx.mark_non_differentiable(logprob_N, entropy_N)
        ctx.set_materialize_grads(False)
        return loss, logprob_N, entropy_N

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *incoming: Tensor | None) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError(
                "expected one backward pass over a fused loss: its gradients were handed over; "
                "compute the loss again"
            )
        gradients, ctx.gradients = ctx.gradients, None
        factor = incoming[0]
        if factor is None:
            return (None,) * 8
        # On a processor the usual factor 1 is free to see; a device would have to be waited for.
        if factor.is_cuda or factor != 1:
            for gradient in gradients:
                if gradient is not None:
                    gradient *= factor
        return (*gradients, None, None, None, None, None)


def _loss_and_gradient(loss_of: TokenLoss, logprob_C: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """The summed loss of some rows and its derivative by their log-probabilities."""
    with torch.enable_grad():
        leaf_C = logprob_C.detach().requires_grad_()
        loss_C = loss_of(leaf_C, rows)
        if loss_C.shape != logprob_C.shape:
            raise ValueError(
                f"token loss: expected one value a row, {tuple(logprob_C.shape)}; "
                f"got {tuple(loss_C.shape)}"
            )
        loss = loss_C.sum()
        (gradient_C,) = torch.autograd.grad(loss, leaf_C)
    return loss.detach(), gradient_C
