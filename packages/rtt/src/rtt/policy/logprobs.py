"""Log-probabilities of responses under a policy, without ever holding [B, T, V] in full.

In: a causal model and padded prompts and responses. Out: log-probability and entropy of every
response token. The head is applied to chunks of response positions only; each chunk is recomputed
in the backward pass, so the peak is one chunk times the vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["position_ids", "response_logprobs", "token_logprobs"]


def response_logprobs(
    model: Any,
    prompt_BL: Tensor,
    prompt_mask_BL: Tensor,
    response_BT: Tensor,
    mask_BT: Tensor,
    *,
    chunk: int = 4096,
) -> tuple[Tensor, Tensor]:
    """Score responses: log-probability [B, T] (with gradient) and entropy [B, T] (without).

    Args:
        model: A `transformers` causal model.
        prompt_BL: Prompt ids, padded on the left.
        prompt_mask_BL: 1 on prompt tokens.
        response_BT: Response ids, padded on the right.
        mask_BT: 1 on response tokens.
        chunk: Positions whose logits are held at once.

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
        hidden_BTH[kept], model.get_output_embeddings(), response_BT[kept], chunk=chunk
    )
    logprob = torch.zeros(response_BT.shape, dtype=values_N.dtype, device=values_N.device)
    entropy = torch.zeros_like(logprob)
    return logprob.masked_scatter(kept, values_N), entropy.masked_scatter(kept, entropy_N)


def token_logprobs(
    hidden_NH: Tensor, head: Any, target_N: Tensor, *, chunk: int = 4096
) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy of each target token, chunk by chunk, in float32.

    Args:
        hidden_NH: Hidden states that predict the targets.
        head: The output embedding; maps [N, H] to [N, V].
        target_N: Token ids.
        chunk: Rows whose logits are held at once.

    Returns:
        logprob_N with gradient, entropy_N without.
    """
    parts = [
        _chunk_logprobs(hidden_NH[first : first + chunk], head, target_N[first : first + chunk])
        if hidden_NH.shape[0] <= chunk
        else checkpoint(
            _chunk_logprobs,
            hidden_NH[first : first + chunk],
            head,
            target_N[first : first + chunk],
            use_reentrant=False,
        )
        for first in range(0, max(hidden_NH.shape[0], 1), chunk)
    ]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def _chunk_logprobs(hidden_CH: Tensor, head: Any, target_C: Tensor) -> tuple[Tensor, Tensor]:
    logprob_CV = torch.log_softmax(head(hidden_CH).float(), dim=-1)
    chosen_C = logprob_CV.gather(1, target_C.unsqueeze(1)).squeeze(1)
    detached = logprob_CV.detach()
    return chosen_C, -(detached.exp() * detached).sum(dim=-1)


def position_ids(mask_BL: Tensor) -> Tensor:
    """Positions that start at 0 on the first real token of each row."""
    return (mask_BL.long().cumsum(dim=1) - 1).clamp(min=0)
