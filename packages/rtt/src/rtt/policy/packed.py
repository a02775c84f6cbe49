"""One forward pass over many responses without padding: packed rows and their attention.

In: token ids of several sequences in one row, and which of them may see which. Out: hidden states.
The samples of a prompt can share it: the prompt is forwarded once, every response sees it and
itself, never another response. Works for any `transformers` decoder that calls the attention
interface; `check_packing` proves it for the model at hand before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lmcommon.errors import UserError
from rtt.policy.softmax import HeadForm, head_weights, project

__all__ = ["Block", "Layout", "Packed", "check_packing", "lay_out", "packed_hidden"]

_NAME = "rtt_packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Equally long stretches that attend alike: `query` rows [n, q] see `key` rows [n, k].

    The last query sees every key, the one before all but the last, and so on.
    """

    query_NQ: Tensor  # noqa: N815
    key_NK: Tensor  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the sequences of a packed row lie.

    Example:
        prompts of 3 tokens with responses of 2 and 2: 7 tokens, positions 0 1 2 3 4 3 4.
    """

    position_1N: Tensor  # noqa: N815
    """Position of each token in its own sequence."""
    blocks: tuple[Block, ...]
    inverse_N: Tensor  # noqa: N815
    """Brings the tokens of the blocks, one after another, into the order of the row."""
    before_K: Tensor  # noqa: N815
    """For each response token the place whose hidden state predicts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A packed row: ids [1, N] and their layout."""

    ids_1N: Tensor  # noqa: N815
    layout: Layout


def lay_out(bundles: Sequence[tuple[int, Sequence[int]]], device: Any = None) -> Layout:
    """Lay bundles of (prompt length, response lengths) one after another.

    The row reads prompt, response, response, ..., prompt, response, ...; sequences of one shape
    are attended together, wherever they lie.

    Raises:
        ValueError: An empty prompt or response.
    """
    positions: list[int] = []
    before: list[int] = []
    stretches: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for prompt, responses in bundles:
        if prompt < 1 or min(responses, default=1) < 1:
            raise ValueError(f"expected prompts and responses of 1 token or more; got {bundles!r}")
        start = len(positions)
        positions.extend(range(prompt))
        stretches.setdefault((0, prompt), []).append((start, start))
        for response in responses:
            first = len(positions)
            positions.extend(range(prompt, prompt + response))
            before.extend((start + prompt - 1, *range(first, first + response - 1)))
            stretches.setdefault((prompt, response), []).append((start, first))
    blocks = tuple(_block(*shape, places) for shape, places in stretches.items())
    order_N = torch.cat([block.query_NQ.flatten() for block in blocks])
    inverse_N = torch.empty_like(order_N)
    inverse_N[order_N] = torch.arange(len(order_N))
    return Layout(
        position_1N=torch.tensor([positions]).to(device),
        blocks=tuple(
            Block(query_NQ=block.query_NQ.to(device), key_NK=block.key_NK.to(device))
            for block in blocks
        ),
        inverse_N=inverse_N.to(device),
        before_K=torch.tensor(before, dtype=torch.long).to(device),
    )


def _block(seen: int, length: int, places: list[tuple[int, int]]) -> Block:
    """Stretches of `length` tokens at `first` that also see `seen` tokens from `start`."""
    at = torch.tensor(places)
    query_NQ = at[:, 1:] + torch.arange(length)
    return Block(
        query_NQ=query_NQ, key_NK=torch.cat([at[:, :1] + torch.arange(seen), query_NQ], dim=1)
    )


def packed_hidden(model: Any, packed: Packed) -> Tensor:
    """Hidden states [N, H] of a packed row, as if every sequence had been alone."""
    if model.config._attn_implementation != _NAME:
        _adopt(model)
    output = model.base_model(
        input_ids=packed.ids_1N,
        position_ids=packed.layout.position_1N,
        # A mask of four axes is handed through as it is, so none of [N, N] is ever made.
        attention_mask=torch.empty(1, 1, 1, 1, device=packed.ids_1N.device),
        use_cache=False,
        rtt_layout=packed.layout,
    )
    hidden_NH: Tensor = output.last_hidden_state[0]
    return hidden_NH


@torch.no_grad()
def check_packing(model: Any) -> None:
    """Prove on two short sequences that packing changes nothing for this model.

    Raises:
        UserError: It does: layers that mix along the row (state space, linear attention), or
            attention of another kind than softmax(q k).
    """
    was_training = model.training
    model.eval()
    vocabulary = model.get_output_embeddings().weight.shape[0]
    device = model.device
    ids = torch.arange(1, 10, device=device) * 7 % vocabulary
    prompt, first, second = ids[:4], ids[4:6], ids[6:9]
    layout = lay_out([(4, (2, 3)), (4, (2,))], device)
    row = torch.cat([prompt, first, second, prompt, first]).unsqueeze(0)
    hidden_NH = packed_hidden(model, Packed(ids_1N=row, layout=layout))
    weight_VH, bias_V = head_weights(model.get_output_embeddings())
    ours = project(hidden_NH[layout.before_K], weight_VH, bias_V, HeadForm.of(model.config))
    alone = torch.cat(
        [
            model(input_ids=torch.cat([prompt, part]).unsqueeze(0), use_cache=False)
            .logits[0, 3:-1]
            .float()
            for part in (first, second, first)
        ]
    )
    model.train(was_training)
    worst = (ours.log_softmax(-1) - alone.log_softmax(-1)).abs().max().item()
    limit = 1e-3 if weight_VH.dtype == torch.float32 else 0.1
    if not worst <= limit:
        raise UserError(
            f"policy: expected a decoder whose packed log-probabilities equal those of single "
            f"sequences; {type(model).__name__} differs by {worst:.3g}; use another model, or the "
            "engine that pads (engine=trl)"
        )


def _adopt(model: Any) -> None:
    """Let the model attend through `_attend`, which is SDPA wherever nothing is packed."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    model.set_attn_implementation(_NAME)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    dropout: float = 0.0, scaling: float | None = None, rtt_layout: Layout | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    if rtt_layout is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        plain: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **rest
        )
        return plain
    window = rest.get("sliding_window")
    parts = []
    for block in rtt_layout.blocks:
        mask = _band(block.query_NQ.shape[1], block.key_NK.shape[1], window, query.device)
        out = scaled_dot_product_attention(
            _pick(query, block.query_NQ), _pick(key, block.key_NK), _pick(value, block.key_NK),
            attn_mask=mask, is_causal=mask is None, dropout_p=dropout, scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )  # fmt: skip
        parts.append(out.transpose(1, 2).flatten(0, 1))
    return torch.cat(parts).index_select(0, rtt_layout.inverse_N).unsqueeze(0), None


def _pick(states: Tensor, places_NS: Tensor) -> Tensor:
    """States [1, heads, tokens, width] of some stretches, [n, heads, stretch, width]."""
    rows: Tensor = states[0].transpose(0, 1).index_select(0, places_NS.flatten())
    return rows.view(*places_NS.shape, *rows.shape[1:]).transpose(1, 2)


def _band(asked: int, seen: int, window: int | None, device: Any) -> Tensor | None:
    """Which keys [seen] each query [asked] may see; None where plain causal says it."""
    if asked == seen and (window is None or seen <= window):
        return None
    ones = torch.ones(asked, seen, dtype=torch.bool, device=device)
    band = ones.tril(seen - asked)
    return band if window is None else band.triu(seen - asked - window + 1)
