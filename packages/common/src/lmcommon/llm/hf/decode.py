"""Token by token: one batch of prompts to replies.

In: prompt ids and `Sampling` of each row. Out: the generated ids with their log-probabilities.
Prompts are padded on the left; padding is masked and rows leave the batch when they are done, so
a row's reply does not depend on its neighbours (beyond rounding in the last bits). Every row draws
from a generator of its own. Log-probabilities are those of the model itself, before temperature,
top-p and top-k, as vLLM and the scoring of given text report them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lmcommon.llm.hf.forward import Forward
from lmcommon.llm.hf.tokens import ChatTokens
from lmcommon.llm.types import FinishReason, Sampling

__all__ = ["Row", "choose", "decode", "generator_for"]


@dataclass(slots=True)
class Row:
    """One reply in the making."""

    prompt: Sequence[int]
    sampling: Sampling
    generator: torch.Generator
    ids: list[int] = field(default_factory=list)
    """Generated tokens, without the end-of-text token."""
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    finish: FinishReason | None = None
    stop_at: str | None = None
    """The stop string that ended it."""


def decode(
    rows: Sequence[Row],
    forward: Forward,
    tokens: ChatTokens,
    ends: Collection[int],
    *,
    shared: int = 0,
) -> None:
    """Fill in every row.

    Args:
        rows: The batch; all share their first `shared` prompt tokens.
        forward: The model.
        tokens: For finding stop strings.
        ends: Ids that end a reply.
        shared: Length of the common prefix, less than every prompt.
    """
    cache = forward.start(len(rows), rows[0].prompt[:shared])
    logits_BV, mask_BT = _prefill(rows, forward, cache, shared)
    alive = list(rows)
    while True:
        chosen = _advance(alive, logits_BV, tokens, ends)
        going = [index for index, row in enumerate(alive) if row.finish is None]
        if not going:
            return
        if len(going) < len(alive):
            picked = torch.tensor(going, device=forward.device)
            cache.batch_select_indices(picked)
            mask_BT = mask_BT[picked]
            alive = [alive[index] for index in going]
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(alive), 1)], dim=1)
        ids_BS = torch.tensor([[chosen[index]] for index in going], device=forward.device)
        positions_BS = mask_BT.sum(dim=1, keepdim=True) - 1
        logits_BV = forward.step(ids_BS, cache, mask_BT=mask_BT, positions_BS=positions_BS)[:, -1]


def generator_for(seed: int | None) -> torch.Generator:
    """A generator on the CPU; without a seed, one that differs each time."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def choose(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Draw one token; temperature, then top-k, then top-p. Greedy at temperature 0."""
    if sampling.temperature == 0:
        return int(logits_V.argmax())
    scaled_V = logits_V.double().cpu() / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < len(scaled_V):
        kth = scaled_V.topk(sampling.top_k).values[-1]
        scaled_V = scaled_V.masked_fill(scaled_V < kth, -torch.inf)
    probs_V = scaled_V.softmax(dim=0)
    if sampling.top_p < 1:
        sorted_V, order_V = probs_V.sort(descending=True)
        before_V = sorted_V.cumsum(dim=0) - sorted_V  # the likeliest token always stays
        probs_V = probs_V.index_fill(0, order_V[before_V >= sampling.top_p], 0.0)
    return int(torch.multinomial(probs_V, 1, generator=generator))


def _prefill(
    rows: Sequence[Row], forward: Forward, cache: Any, shared: int
) -> tuple[Tensor, Tensor]:
    """Run what is not shared of the prompts; logits [B, V] of the first new token, mask [B, T]."""
    width = max(len(row.prompt) for row in rows) - shared
    ids_BS = torch.zeros(len(rows), width, dtype=torch.long)
    mask_BT = torch.ones(len(rows), shared + width, dtype=torch.long)
    for index, row in enumerate(rows):
        own = torch.tensor(list(row.prompt[shared:]))
        ids_BS[index, width - len(own) :] = own
        mask_BT[index, shared : shared + width - len(own)] = 0
    positions_BT = (mask_BT.cumsum(dim=1) - 1).clamp(min=0)
    ids_BS, mask_BT, positions_BT = (t.to(forward.device) for t in (ids_BS, mask_BT, positions_BT))
    size = forward.chunk(len(rows), logits=False)
    logits_BSV = ids_BS
    for at in range(0, width, size):
        end = min(at + size, width)
        logits_BSV = forward.step(
            ids_BS[:, at:end],
            cache,
            mask_BT=mask_BT[:, : shared + end],
            positions_BS=positions_BT[:, shared + at : shared + end],
        )
    return logits_BSV[:, -1], mask_BT


def _advance(
    rows: Sequence[Row], logits_BV: Tensor, tokens: ChatTokens, ends: Collection[int]
) -> list[int]:
    """Choose a token for every row, record it, and see whether the row is done."""
    chosen = [
        choose(logits_V, row.sampling, row.generator)
        for row, logits_V in zip(rows, logits_BV, strict=True)
    ]
    for row, token, logits_V in zip(rows, chosen, logits_BV, strict=True):
        if token in ends:
            row.finish = "stop"
            continue
        row.ids.append(token)
        if row.sampling.logprobs:
            _record(row, token, logits_V.log_softmax(dim=0))
        row.stop_at = _stop_in_tail(row, tokens)
        if row.stop_at is not None:
            row.finish = "stop"
        elif len(row.ids) >= row.sampling.max_tokens:
            row.finish = "length"
    return chosen


def _record(row: Row, token: int, logprobs_V: Tensor) -> None:
    row.logprobs.append(float(logprobs_V[token]))
    best = logprobs_V.topk(row.sampling.top_logprobs)
    row.top.append(list(zip(best.indices.tolist(), best.values.tolist(), strict=True)))


def _stop_in_tail(row: Row, tokens: ChatTokens) -> str | None:
    """The stop string that the newest token completed, if any."""
    if not row.sampling.stop:
        return None
    reach = max(len(mark.encode()) for mark in row.sampling.stop) + 4
    tail = tokens.text(row.ids[-reach:])
    return next((mark for mark in row.sampling.stop if mark and mark in tail), None)
