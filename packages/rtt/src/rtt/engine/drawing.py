"""Drawing the next token: inverse-transform sampling from one uniform number a row.

In: logits and a uniform number of each row. Out: a token and its log-probability. A row's token
depends on its own number alone, so how rows are batched, chunked or spread over processes does not
matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lmcommon.errors import UserError
from lmcommon.rng import seed_for

__all__ = ["Sampling", "draw", "uniforms"]


@dataclass(kw_only=True)
class Sampling:
    """How tokens are drawn. The defaults sample from the policy itself.

    Example:
        the paper's: `Sampling(temperature=0.99, top_p=0.99, top_k=100)`.
    """

    temperature: float = 1.0
    """Divides the logits. Log-probabilities, of rollouts and of training, are at it too."""
    top_p: float = 1.0
    """Keep the most likely tokens that together have this probability."""
    top_k: int = 0
    """Keep so many of the most likely tokens; 0: all."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise UserError(
                f"sampling.temperature: expected a number above 0; got {self.temperature!r}"
            )
        if not 0 < self.top_p <= 1:
            raise UserError(
                f"sampling.top_p: expected a number above 0, at most 1; got {self.top_p!r}"
            )
        if self.top_k < 0:
            raise UserError(f"sampling.top_k: expected 0 or more; got {self.top_k!r}")


def uniforms(seed: int, place: int, samples: int, steps: int) -> Tensor:
    """The numbers in [0, 1) that decide the samples of one prompt, [samples, steps], float64.

    Args:
        seed: Of the whole draw.
        place: Which prompt of the draw.
        samples: Rows.
        steps: Tokens at most.
    """
    generator = torch.Generator().manual_seed(seed_for(seed, "prompt", place))
    return torch.rand(samples, steps, generator=generator, dtype=torch.float64)


def draw(logits_BV: Tensor, uniform_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Draw a token a row.

    Args:
        logits_BV: At the sampling temperature already.
        uniform_B: Numbers in [0, 1).
        sampling: Truncation.

    Returns:
        token_B and logprob_B: the log-probability *before* truncation, which is what the loss
        compares with.
    """
    logprob_BV = torch.log_softmax(logits_BV.float(), dim=-1)
    mass_BV = _truncated(logprob_BV, sampling).exp().double().cumsum(dim=-1)
    # The first token whose cumulated mass exceeds the number: one without mass never does, if the
    # number stays below the whole after rounding.
    whole_B1 = mass_BV[:, -1:]
    number_B1 = uniform_B.to(mass_BV.device).unsqueeze(1) * whole_B1
    number_B1 = torch.minimum(number_B1, torch.nextafter(whole_B1, torch.zeros_like(whole_B1)))
    token_B1 = torch.searchsorted(mass_BV, number_B1, right=True)
    return token_B1[:, 0], logprob_BV.gather(1, token_B1)[:, 0]


def _truncated(logprob_BV: Tensor, sampling: Sampling) -> Tensor:
    """Log-probabilities with -inf where top-k or top-p leaves a token out."""
    vocabulary = logprob_BV.shape[1]
    top_k = min(sampling.top_k or vocabulary, vocabulary)
    if top_k < vocabulary:
        worst_B1 = logprob_BV.topk(top_k, dim=-1).values[:, -1:]
        logprob_BV = logprob_BV.masked_fill(logprob_BV < worst_B1, -torch.inf)
    if sampling.top_p < 1:
        sorted_BV, order_BV = logprob_BV.softmax(dim=-1).sort(dim=-1, descending=True)
        # Kept: every token before which less than top_p has gathered, so always the first.
        is_out_BV = sorted_BV.cumsum(dim=-1) - sorted_BV >= sampling.top_p
        is_out_BV = torch.zeros_like(is_out_BV).scatter(1, order_BV, is_out_BV)
        logprob_BV = logprob_BV.masked_fill(is_out_BV, -torch.inf)
    return logprob_BV
