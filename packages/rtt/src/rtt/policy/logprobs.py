"""Log-probabilities of tokens under a policy, without ever holding [B, T, V].

In: a causal model with padded prompts and responses, or hidden states with an output embedding.
Out: log-probability and entropy of every response token, both with gradient. The head is applied
to chunks of rows; the backward pass makes each chunk again, so the peak is one chunk times the
vocabulary. This is the *recompute* form, for any loss of these two; where the loss is the clipped
one, `rtt.policy.fused` needs a matrix product less.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rtt.policy.softmax import (
    HeadForm,
    chunk_size,
    head_weights,
    logit_gradient_,
    project,
    statistics,
)

__all__ = ["position_ids", "response_logprobs", "token_logprobs"]


def response_logprobs(
    model: Any,
    prompt_BL: Tensor,
    prompt_mask_BL: Tensor,
    response_BT: Tensor,
    mask_BT: Tensor,
    *,
    chunk: int | None = None,
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Score responses: log-probability and entropy [B, T] of every token, both with gradient.

    Args:
        model: A `transformers` causal model.
        prompt_BL: Prompt ids, padded on the left.
        prompt_mask_BL: 1 on prompt tokens.
        response_BT: Response ids, padded on the right.
        mask_BT: 1 on response tokens.
        chunk: Positions whose logits are held at once; None: as many as a fixed buffer holds.
        temperature: Of the distribution whose log-probabilities are wanted.

    Returns:
        Natural log-probabilities and entropies in float32; zeros outside the mask.
    """
    ids = torch.cat([prompt_BL, response_BT], dim=1)
    mask = torch.cat([prompt_mask_BL, mask_BT], dim=1).long()
    hidden = model.base_model(
        input_ids=ids, attention_mask=mask, position_ids=position_ids(mask), use_cache=False
    ).last_hidden_state
    width = response_BT.shape[1]
    hidden_BTH = hidden[:, -width - 1 : -1]  # the state before a token predicts it
    kept = mask_BT.bool()
    values_N, entropy_N = token_logprobs(
        hidden_BTH[kept],
        model.get_output_embeddings(),
        response_BT[kept],
        chunk=chunk,
        form=HeadForm.of(model.config, temperature=temperature),
    )
    logprob = torch.zeros(response_BT.shape, dtype=values_N.dtype, device=values_N.device)
    entropy = torch.zeros_like(logprob)
    return logprob.masked_scatter(kept, values_N), entropy.masked_scatter(kept, entropy_N)


def token_logprobs(
    hidden_NH: Tensor,
    head: Any,
    target_N: Tensor,
    *,
    chunk: int | None = None,
    form: HeadForm | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy of each target token, chunk by chunk, in float32.

    Args:
        hidden_NH: Hidden states that predict the targets.
        head: The output embedding (a module with `weight` [V, H] and perhaps `bias`), or its
            weight.
        target_N: Token ids.
        chunk: Rows whose logits are held at once; None: as many as a fixed buffer holds.
        form: Temperature, scale and soft cap of the logits; None: none of them.

    Returns:
        logprob_N and entropy_N, both differentiable once.

    Raises:
        ValueError: Shapes that disagree, or a head without a weight.
    """
    weight_VH, bias_V = head_weights(head)
    check_rows(hidden_NH, weight_VH, target_N)
    logprob, entropy = _TokenLogprobs.apply(  # type: ignore[no-untyped-call]
        hidden_NH, weight_VH, bias_V, target_N, chunk, form or HeadForm()
    )
    return logprob, entropy


def check_rows(hidden_NH: Tensor, weight_VH: Tensor, *per_row_N: Tensor) -> None:
    """Check that every argument has one value a row, and that the head fits.

    Raises:
        ValueError: It does not; advantages of another shape than [N] are refused, never broadcast.
    """
    rows = len(hidden_NH)
    fits = hidden_NH.dim() == 2 and hidden_NH.shape[1] == weight_VH.shape[1]
    if not fits or any(one.shape != (rows,) for one in per_row_N):
        raise ValueError(
            "expected hidden states [N, H], a head [V, H] and one value a row [N]; got "
            f"{tuple(hidden_NH.shape)}, {tuple(weight_VH.shape)}, "
            f"{', '.join(str(tuple(one.shape)) for one in per_row_N)}"
        )


def position_ids(mask_BL: Tensor) -> Tensor:
    """Positions that start at 0 on the first real token of each row."""
    return (mask_BL.long().cumsum(dim=1) - 1).clamp(min=0)


class _TokenLogprobs(torch.autograd.Function):
    """Forward keeps three numbers a row; backward projects each chunk again."""

    @staticmethod
    def forward(
        ctx: Any, hidden_NH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, target_N: Tensor,
        chunk: int | None, form: HeadForm,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        size = chunk_size(len(hidden_NH), len(weight_VH), hidden_NH.device, chunk)
        logprob_N, lse_N, entropy_N = hidden_NH.new_empty(
            (3, len(hidden_NH)), dtype=sum_dtype(weight_VH)
        )
        buffer_CV = row_buffer(hidden_NH, weight_VH, size)
        for first in range(0, len(hidden_NH), size):
            rows = slice(first, first + size)
            logits_CV = project(hidden_NH[rows], weight_VH, bias_V, form, buffer_CV)
            logprob_N[rows], lse_N[rows], entropy_N[rows] = statistics(logits_CV, target_N[rows])
        ctx.save_for_backward(hidden_NH, weight_VH, bias_V, target_N, lse_N, entropy_N)
        ctx.size, ctx.form = size, form
        ctx.set_materialize_grads(False)
        return logprob_N.clone(), entropy_N.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_NH, weight_VH, bias_V, target_N, lse_N, entropy_N = ctx.saved_tensors
        logprob_gradient_N, entropy_gradient_N = gradients
        if logprob_gradient_N is None and entropy_gradient_N is None:
            return (None,) * 6
        if logprob_gradient_N is None:
            logprob_gradient_N = torch.zeros_like(lse_N)
        totals = HeadGradients(hidden_NH, weight_VH, bias_V, ctx.needs_input_grad[:3])
        buffer_CV = row_buffer(hidden_NH, weight_VH, ctx.size)
        for first in range(0, len(hidden_NH), ctx.size):
            rows = slice(first, first + ctx.size)
            logits_CV = project(hidden_NH[rows], weight_VH, bias_V, ctx.form, buffer_CV)
            gradient_CV = logit_gradient_(
                logits_CV, target_N[rows], lse_N[rows], logprob_gradient_N[rows], ctx.form,
                entropy_C=entropy_N[rows],
                entropy_gradient_C=None if entropy_gradient_N is None else entropy_gradient_N[rows],
            )  # fmt: skip
            totals.add(rows, gradient_CV)
        return (*totals.parts, None, None, None)


class HeadGradients:
    """Gradients of hidden states, weight and bias, added up chunk by chunk where they are needed.

    Args:
        hidden_NH: Hidden states; their gradient comes in their dtype.
        weight_VH: Head.
        bias_V: Its bias, if any.
        needs: Which of the three gradients are wanted.
    """

    def __init__(
        self, hidden_NH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, needs: tuple[bool, ...]
    ) -> None:
        self.hidden_NH, self.weight_VH = hidden_NH, weight_VH
        self._hidden_gradient = torch.empty_like(hidden_NH) if needs[0] else None
        self._weight_gradient: Tensor | None = None
        self._bias_gradient: Tensor | None = None
        self._wants_weight, self._wants_bias = needs[1], needs[2] and bias_V is not None
        # Sums over many chunks are kept in float32: bfloat16 would lose the small ones.
        self._sum_dtype = sum_dtype(weight_VH)

    def add(self, rows: slice, gradient_CV: Tensor) -> None:
        """Account for a chunk whose gradient with respect to the raw logits is given."""
        if self._hidden_gradient is not None:
            narrow_CV = gradient_CV.to(self.weight_VH.dtype)
            self._hidden_gradient[rows] = torch.mm(narrow_CV, self.weight_VH)
        if self._wants_weight:
            hidden_CH = self.hidden_NH[rows].to(self._sum_dtype)
            if self._weight_gradient is None:
                self._weight_gradient = torch.mm(gradient_CV.T, hidden_CH)
            else:
                self._weight_gradient.addmm_(gradient_CV.T, hidden_CH)
        if self._wants_bias:
            part_V = gradient_CV.sum(dim=0)
            self._bias_gradient = (
                part_V if self._bias_gradient is None else self._bias_gradient + part_V
            )

    @property
    def parts(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The three gradients in the dtype of their parameters; None where not wanted."""
        weight = self._weight_gradient
        if self._wants_weight and weight is None:
            weight = torch.zeros_like(self.weight_VH)
        return (
            self._hidden_gradient,
            None if weight is None else weight.to(self.weight_VH.dtype),
            self._bias_gradient,
        )


def sum_dtype(weight_VH: Tensor) -> torch.dtype:
    """What statistics and sums are kept in: float32, and float64 for a float64 head."""
    return torch.float64 if weight_VH.dtype == torch.float64 else torch.float32


def row_buffer(hidden_NH: Tensor, weight_VH: Tensor, size: int) -> Tensor | None:
    """Room for the logits of `size` rows; None where a matrix product cannot write into it."""
    if not hidden_NH.dtype == weight_VH.dtype == torch.float32:
        return None
    return hidden_NH.new_empty((min(size, len(hidden_NH)), len(weight_VH)))
