"""One causal language model, fed in chunks, with the keys and values of a prefix kept.

In: rows of token ids. Out: logits, and a cache that grows. A prefix that many rows share runs
once, and the last one is held, so that the next question about the same long context starts where
that context ends. Shapes: `B` rows, `S` new tokens a row, `T` tokens in the cache, `V` vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from lmcommon.llm.hf.batches import common_length

__all__ = ["Forward", "Prefix"]

_CHUNK = 512
_LOGITS_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Prefix:
    """Token ids and, per layer, their keys and values of shape [1, heads, len(ids), width]."""

    ids: tuple[int, ...] = ()
    layers: tuple[tuple[Tensor, Tensor], ...] = ()


class Forward:
    """Runs a `transformers` causal model without gradients."""

    def __init__(self, model: Any, *, keep_prefix: bool = True) -> None:
        self.model = model
        self.device: torch.device = model.device
        self.vocabulary: int = model.config.get_text_config().vocab_size
        self.held = Prefix()
        layers = DynamicCache(config=model.config).layers
        # A prefix can be cut and shared only where every layer keeps every token.
        self.can_share = keep_prefix and all(type(layer) is DynamicLayer for layer in layers)

    def chunk(self, rows: int, *, logits: bool) -> int:
        """How many columns to feed at once, so that the logits stay within 256 MiB."""
        if not logits:
            return _CHUNK
        return max(1, min(_CHUNK, _LOGITS_BYTES // (4 * rows * self.vocabulary)))

    def start(self, rows: int, prefix_ids: Sequence[int]) -> DynamicCache:
        """A cache for `rows` rows that already holds `prefix_ids` (may be empty)."""
        if not prefix_ids:
            return DynamicCache(config=self.model.config)
        prefix = self._prefix(tuple(prefix_ids))
        return DynamicCache(
            [(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in prefix.layers]
        )

    def step(
        self,
        ids_BS: Tensor,
        cache: DynamicCache,
        *,
        mask_BT: Tensor | None = None,
        positions_BS: Tensor | None = None,
        keep: int = 1,
    ) -> Tensor:
        """Feed `S` columns; the logits of the last `keep` of them, [B, keep, V] in float32."""
        with torch.inference_mode():
            out = self.model(
                input_ids=ids_BS,
                attention_mask=mask_BT,
                position_ids=positions_BS,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        logits: Tensor = out.logits
        return logits.float()

    def _prefix(self, ids: tuple[int, ...]) -> Prefix:
        """The held prefix, cut and extended to `ids`."""
        kept = common_length(ids, self.held.ids)
        if kept == len(ids):
            return Prefix(ids, _cut(self.held, kept))
        cache = DynamicCache(list(_cut(self.held, kept))) if kept else DynamicCache()
        for at in range(kept, len(ids), _CHUNK):
            columns = torch.tensor([ids[at : at + _CHUNK]], device=self.device)
            self.step(columns, cache)
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        self.held = Prefix(ids, layers)
        return self.held


def _cut(prefix: Prefix, length: int) -> tuple[tuple[Tensor, Tensor], ...]:
    return tuple((k[:, :, :length], v[:, :, :length]) for k, v in prefix.layers)
