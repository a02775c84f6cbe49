"""The softmax over the vocabulary for a chunk of rows: statistics and gradients in one buffer.

In: hidden states of a chunk, the output embedding, target tokens. Out: log-probabilities and
entropies, and the gradient with respect to the logits, written over the logits themselves. All of
it in float32, whatever the model's dtype, and in slices of the vocabulary that stay in the cache:
beside the one `[C, V]` buffer nothing of that width is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["HeadForm", "chunk_size", "head_weights", "logit_gradient_", "project", "statistics"]

_SLICE = 8192
"""Columns handled at once; a slice of a chunk fits in a processor's cache."""
_CHUNK_MB = {"cpu": 96, "cuda": 512}
_OTHER_CHUNK_MB = 256


@dataclass(frozen=True, slots=True)
class HeadForm:
    """How logits come from the raw output of the head: `softcap(raw * scale) / temperature`.

    Example:
        `HeadForm.of(model.config, temperature=0.7)`
    """

    temperature: float = 1.0
    """Of the sampling distribution; log-probabilities and entropies are at this temperature."""
    scale: float = 1.0
    softcap: float | None = None
    """`softcap(x) = cap * tanh(x / cap)`; None: none."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected a number above 0; got {self.temperature!r}")

    @classmethod
    def of(cls, config: Any, *, temperature: float = 1.0) -> HeadForm:
        """The form that a `transformers` configuration asks for.

        Covers soft-capped logits (Gemma 2) and the scaled ones of Cohere and OLMo-like models
        (`logit_scale`), Falcon-H1 (`lm_head_multiplier`) and Granite (divided by
        `logits_scaling`).
        """
        text = config.get_text_config() if hasattr(config, "get_text_config") else config
        scale = next(
            (
                float(value)
                for name in ("logit_scale", "lm_head_multiplier")
                if (value := getattr(text, name, None)) is not None
            ),
            1.0,
        )
        if (divisor := getattr(text, "logits_scaling", None)) is not None:
            scale /= float(divisor)
        return cls(temperature, scale, getattr(text, "final_logit_softcapping", None))


def head_weights(head: Any) -> tuple[Tensor, Tensor | None]:
    """Weight [V, H] and bias [V] of an output embedding (or a plain weight), gathered if sharded.

    Raises:
        ValueError: It is neither a tensor nor a module with a `weight` of two axes.
    """
    weight = head if isinstance(head, Tensor) else getattr(head, "weight", None)
    bias = None if isinstance(head, Tensor) else getattr(head, "bias", None)
    if not isinstance(weight, Tensor) or weight.dim() != 2:
        raise ValueError(
            "head: expected a weight [V, H] or a module that has one, such as "
            f"model.get_output_embeddings(); got {type(head).__name__}"
        )
    return _whole(weight), None if bias is None else _whole(bias)


def chunk_size(rows: int, vocabulary: int, device: torch.device, chunk: int | None) -> int:
    """How many rows to hold at once: the caller's number, or what a fixed buffer has room for."""
    if chunk is not None:
        if chunk < 1:
            raise ValueError(f"chunk: expected None or a number above 0; got {chunk!r}")
        return min(chunk, max(rows, 1))
    room = _CHUNK_MB.get(device.type, _OTHER_CHUNK_MB) << 20
    fits = max(room // (4 * vocabulary), 16)
    pieces = max(-(-rows // fits), 1)
    return max(-(-rows // pieces), 1)  # equal chunks: no short one at the end


def project(
    hidden_CH: Tensor,
    weight_VH: Tensor,
    bias_V: Tensor | None,
    form: HeadForm,
    buffer_CV: Tensor | None = None,
) -> Tensor:
    """Logits [C, V] in float32, into the buffer where the dtypes allow it."""
    if hidden_CH.dtype == weight_VH.dtype == torch.float32:
        out = None if buffer_CV is None else buffer_CV[: len(hidden_CH)]
        raw_CV = torch.mm(hidden_CH, weight_VH.T, out=out)
    elif hidden_CH.is_cuda and hidden_CH.dtype == weight_VH.dtype:
        raw_CV = torch.mm(hidden_CH, weight_VH.T, out_dtype=torch.float32)
    elif weight_VH.dtype == torch.float64:
        raw_CV = torch.mm(hidden_CH.double(), weight_VH.T)
    else:
        raw_CV = torch.mm(hidden_CH.to(weight_VH.dtype), weight_VH.T).float()
    if bias_V is not None:
        raw_CV += bias_V
    if form.scale != 1.0:
        raw_CV *= form.scale
    if form.softcap is not None:
        raw_CV.div_(form.softcap).tanh_().mul_(form.softcap)
    if form.temperature != 1.0:
        raw_CV /= form.temperature
    return raw_CV


def statistics(logits_CV: Tensor, target_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability of the target, log-sum-exp and entropy of each row, [C] each."""
    top_C1 = logits_CV.amax(dim=1, keepdim=True)
    total_C = torch.zeros_like(top_C1[:, 0])
    weighted_C = torch.zeros_like(total_C)
    for part_CS in _slices(logits_CV):
        shifted_CS = part_CS - top_C1
        mass_CS = shifted_CS.exp()
        total_C += mass_CS.sum(dim=1)
        # A logit of -inf (a banned token) has no mass; 0 * -inf must not become NaN.
        weighted_C += mass_CS.mul_(shifted_CS.clamp_(min=-1e4)).sum(dim=1)
    log_total_C = total_C.log()
    lse_C = top_C1[:, 0] + log_total_C
    chosen_C = logits_CV.gather(1, target_C.unsqueeze(1))[:, 0]
    return chosen_C - lse_C, lse_C, log_total_C - weighted_C / total_C


def logit_gradient_(
    logits_CV: Tensor,
    target_C: Tensor,
    lse_C: Tensor,
    logprob_gradient_C: Tensor,
    form: HeadForm,
    *,
    entropy_C: Tensor | None = None,
    entropy_gradient_C: Tensor | None = None,
) -> Tensor:
    """Overwrite logits by the gradient with respect to the head's raw output.

    With p the softmax, H the entropy, g and e the incoming gradients of log-probability and
    entropy: `g * (onehot - p) - e * p * (log p + H)`, times the derivative of the form.
    """
    rows = torch.arange(len(target_C), device=target_C.device)
    capped = None if form.softcap is None else form.temperature / form.softcap
    slope_C = _slope(logits_CV[rows, target_C], capped)
    gradient_C1 = logprob_gradient_C.unsqueeze(1)
    for part_CS in _slices(logits_CV):
        slope_CS = None if capped is None else 1 - (part_CS * capped).square_()
        part_CS.sub_(lse_C.unsqueeze(1))
        if entropy_C is None or entropy_gradient_C is None:
            part_CS.exp_().mul_(-gradient_C1)
        else:
            factor_CS = (part_CS.clamp(min=-1e4) + entropy_C.unsqueeze(1)).mul_(
                entropy_gradient_C.unsqueeze(1)
            )
            part_CS.exp_().mul_(factor_CS.add_(gradient_C1).neg_())
        if slope_CS is not None:
            part_CS.mul_(slope_CS)
    logits_CV[rows, target_C] += logprob_gradient_C * slope_C
    factor = form.scale / form.temperature
    return logits_CV if factor == 1.0 else logits_CV.mul_(factor)


def _slope(logits_C: Tensor, capped: float | None) -> Tensor | float:
    return 1.0 if capped is None else 1 - (logits_C * capped).square()


def _slices(logits_CV: Tensor) -> Iterator[Tensor]:
    return iter(logits_CV.split(_SLICE, dim=1))


def _whole(weight: Tensor) -> Tensor:
    """A sharded parameter gathered; others as they are."""
    gather = getattr(weight, "full_tensor", None)
    return weight if gather is None else gather()
