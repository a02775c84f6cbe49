"""The forward passes of a discriminator: padded rows, and rows that share their beginning.

In: encoded rows. Out: one logit for each response token, row after row. What a model can do is
found out on the model itself, with a few tokens: whether it looks ahead, and whether forwarding a
common beginning once gives what the plain forward gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rtt.discriminator.encoding import Encoded
from rtt.discriminator.inputs import Inputs
from rtt.discriminator.linear import can_pack, with_packed_linears
from rtt.policy.packed import Packed, lay_out, packed_hidden

__all__ = ["Forward"]

_CLOSE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}


class Forward:
    """A frozen token classifier.

    Args:
        model: A `transformers` model for token classification with one label.
        pad: Token id of padding.
        pack: Whether its matrix products go through oneDNN, where that can be.
        compiled: Whether `torch.compile` translates it.
        reads_matches: Whether it is told matches (`rtt.discriminator.inputs`).
    """

    def __init__(
        self, model: Any, *, pad: int, pack: bool = True, compiled: bool = False,
        reads_matches: bool = False,
    ) -> None:  # fmt: skip
        self._plain = model.eval()
        self._inputs = Inputs.of(model, pad=pad, reads_matches=reads_matches)
        packs = pack and not compiled and can_pack(model)
        self._model = with_packed_linears(model) if packs else model
        self._call = torch.compile(self._model, dynamic=True) if compiled else self._model

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        device: torch.device = self._plain.device
        return device

    @cached_property
    @torch.inference_mode()
    def is_causal(self) -> bool:
        """Whether a token's logit is the same whatever follows it."""
        one = self._probe(8)
        other = one.clone()
        other[0, -1] = self._probe(9)[0, -1]
        logits = [self._plain(input_ids=ids).logits[0, :-1].float() for ids in (one, other)]
        return bool((logits[0] - logits[1]).abs().max() <= 1e-6 * (1 + logits[0].abs().max()))

    @cached_property
    @torch.inference_mode()
    def can_share(self) -> bool:
        """Whether rows may share their beginning: it is causal, and the values come out the same.

        Not so for layers that mix along the row (state space, linear attention) and for attention
        that does not go through the interface of `transformers`.
        """
        if self._inputs.reads_matches or not self.is_causal:
            return False
        if not getattr(self._plain, "_supports_attention_backend", False):
            return False
        if self._head is None:
            return False
        ids = self._probe(9)[0].tolist()
        rows = [
            Encoded(ids=(*ids[:4], *ids[first:last]), start=4, offsets=((0, 1),) * (last - first))
            for first, last in ((4, 6), (6, 9), (4, 9))
        ]
        alone = torch.cat([self._plain_logits(row) for row in rows])
        limit = _CLOSE.get(self._plain.dtype, 0.0) * (1 + float(alone.abs().max()))
        return bool((self.shared([(4, rows)]) - alone).abs().max() <= limit)

    def padded(self, rows: Sequence[Encoded]) -> Tensor:
        """Logits of rows in one batch, padded on the right; [response tokens of all rows]."""
        lengths = {len(row.ids) for row in rows}
        # A causal token never sees the padding behind it.
        masked = not self.is_causal and len(lengths) > 1
        told = self._inputs.tensors(rows, masked=masked, device=self.device)
        logits_BL = self._call(**told).logits.squeeze(-1)
        return torch.cat(
            [line[row.start : len(row.ids)] for line, row in zip(logits_BL, rows, strict=True)]
        )

    def shared(self, bundles: Sequence[tuple[int, Sequence[Encoded]]]) -> Tensor:
        """Logits of rows whose first tokens, so many in each bundle, are forwarded once."""
        ids: list[int] = []
        shapes, kept = [], []
        for common, rows in bundles:
            ids += rows[0].ids[:common]
            for row in rows:
                last = len(ids) + len(row.ids) - common
                kept.append(torch.arange(last - len(row.offsets), last))
                ids += row.ids[common:]
            shapes.append((common, [len(row.ids) - common for row in rows]))
        packed = Packed(ids_1N=self._tensor([ids]), layout=lay_out(shapes, self.device))
        hidden_NH = packed_hidden(self._model, packed)
        assert self._head is not None, "can_share says whether this may be called"
        logits_K1: Tensor = self._head(hidden_NH[torch.cat(kept).to(self.device)])
        return logits_K1.squeeze(-1)

    @cached_property
    def _head(self) -> nn.Linear | None:
        """The linear layer with one output, under either of its usual names."""
        for name in ("score", "classifier"):
            if isinstance(head := getattr(self._plain, name, None), nn.Linear):
                return head
        return None

    def _plain_logits(self, row: Encoded) -> Tensor:
        logits: Tensor = self._plain(input_ids=self._tensor([row.ids])).logits[0, row.start :, 0]
        return logits

    def _probe(self, count: int) -> Tensor:
        most = int(self._plain.config.vocab_size)
        return (torch.arange(1, count + 1, device=self.device) * 7 % most).unsqueeze(0)

    def _tensor(self, rows: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.long).to(self.device)
