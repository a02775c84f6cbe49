"""What a model is given for rows of token ids: padding, and matches with the criterion if it reads
them.

In: rows. Out: the tensors of a forward pass. A model that *reads matches* is told for every
response token whether the criterion holds it too, as a token type: most criteria name words, and a
small model does not learn soon to find them again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.types import Span

__all__ = ["MATCH_TYPES", "Inputs", "Row", "match_types"]

MATCH_TYPES = 4
"""Token types of a model that reads matches: 0 before the response, 1 not in the criterion, 2 in
it, 3 in it together with the token before or after."""


class Row(Protocol):
    """Token ids that end with (a piece of) a response."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Instruction, criterion, response."""
        ...

    @property
    def start(self) -> int:
        """Where the response begins in `ids`."""
        ...

    @property
    def criterion(self) -> Span:
        """Where the criterion stands in `ids`."""
        ...


def match_types(row: Row) -> list[int]:
    """A token type for each id of a row, see `MATCH_TYPES`.

    Example:
        With the criterion `say good night`, the response `good night all good` has 3 3 1 2.
    """
    first, last = row.criterion
    asked, response = row.ids[first:last], row.ids[row.start :]
    single, pairs = set(asked), set(pairwise(asked))
    types = [1 + (token in single) for token in response]
    for place, pair in enumerate(pairwise(response)):
        if pair in pairs:
            types[place] = types[place + 1] = 3
    return [0] * row.start + types


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """How the tensors of a forward pass are made.

    Example:
        `Inputs(pad=0).tensors(rows)` has ids and a mask; `Inputs.of(model, pad=0,
        reads_matches=True).tensors(rows)` also token types.
    """

    pad: int
    """Token id of padding."""
    reads_matches: bool = False
    """Whether matches are told."""

    @classmethod
    def of(cls, model: Any, *, pad: int, reads_matches: bool) -> Inputs:
        """For a token classifier.

        Raises:
            UserError: It shall read matches and has too few token types.
        """
        types = getattr(model.config, "type_vocab_size", 0)
        if reads_matches and types < MATCH_TYPES:
            raise UserError(
                f"reads_matches: expected a model with {MATCH_TYPES} token types; got "
                f"{type(model).__name__} with {types}; one that reads matches is made by "
                "backbone=tiny backbone.reads_matches=true"
            )
        return cls(pad=pad, reads_matches=reads_matches)

    def tensors(
        self, rows: Sequence[Row], *, masked: bool = True, device: torch.device | str = "cpu"
    ) -> dict[str, Tensor]:
        """Keyword arguments of the model, each [B, L], padded on the right.

        Args:
            rows: One or more.
            masked: Whether padding is masked; a causal token never sees the padding behind it.
            device: Where the tensors go.
        """
        told = {"input_ids": _filled([row.ids for row in rows], self.pad)}
        if masked:
            told["attention_mask"] = _filled([[1] * len(row.ids) for row in rows], 0)
        if self.reads_matches:
            told["token_type_ids"] = _filled([match_types(row) for row in rows], 0)
        return {name: value.to(device) for name, value in told.items()}


def _filled(lines: Sequence[Sequence[int]], fill: int) -> Tensor:
    width = max(map(len, lines))
    whole = [[*line, *[fill] * (width - len(line))] for line in lines]
    return torch.tensor(whole, dtype=torch.long)
