"""How likely a given text is: one batch of contexts and continuations to log-probabilities.

In: ids of contexts and continuations. Out: per continuation token log p(token | what precedes
it), in nats, from float32 logits. Rows are padded on the right, where causal attention never
looks; columns are fed in chunks, so the [B, T, V] logits of a long text never exist at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lmcommon.llm.hf.forward import Forward

__all__ = ["Scored", "likelihood"]


@dataclass(frozen=True, slots=True)
class Scored:
    """One text to score. `context` has at least one token."""

    context: Sequence[int]
    continuation: Sequence[int]

    @property
    def ids(self) -> list[int]:
        """Context and continuation."""
        return [*self.context, *self.continuation]


def likelihood(rows: Sequence[Scored], forward: Forward, *, shared: int = 0) -> list[list[float]]:
    """Log-probabilities of the continuations.

    Args:
        rows: The batch; all share their first `shared` context tokens.
        forward: The model.
        shared: Length of the common prefix, less than every context.

    Returns:
        One list a row, one number (nats) a continuation token.
    """
    lengths = [len(row.context) + len(row.continuation) for row in rows]
    width = max(lengths) - 1 - shared  # the last token of a row is only ever predicted
    ids_BS = torch.zeros(len(rows), width, dtype=torch.long)
    next_BS = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        own = torch.tensor(row.ids[shared:])
        ids_BS[index, : len(own) - 1] = own[:-1]
        next_BS[index, : len(own) - 1] = own[1:]
    first = min(len(row.context) for row in rows) - 1 - shared  # first column that is scored
    cache = forward.start(len(rows), rows[0].context[:shared])
    scores_BS = torch.zeros(len(rows), width)
    at = 0
    while at < width:
        is_scored = at >= first
        size = forward.chunk(len(rows), logits=is_scored)
        end = min(at + size, width) if is_scored else min(at + size, first)
        logits_BSV = forward.step(
            ids_BS[:, at:end].to(forward.device), cache, keep=end - at if is_scored else 1
        )
        if is_scored:
            scores_BS[:, at:end] = _picked(logits_BSV, next_BS[:, at:end])
        at = end
    return [
        scores_BS[index, len(row.context) - 1 - shared : length - 1 - shared].tolist()
        for index, (row, length) in enumerate(zip(rows, lengths, strict=True))
    ]


def _picked(logits_BSV: Tensor, next_BS: Tensor) -> Tensor:
    """Log softmax of the logits at the given tokens, [B, S] on the CPU."""
    index_BS1 = next_BS.to(logits_BSV.device).unsqueeze(-1)
    picked_BS = logits_BSV.gather(-1, index_BS1).squeeze(-1)
    return (picked_BS - logits_BSV.logsumexp(dim=-1)).cpu()
