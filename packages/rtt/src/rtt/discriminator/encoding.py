"""What the discriminator reads: a fixed instruction, the criterion, the response; not the task.

In: (criterion, response) pairs and any fast tokenizer. Out: token ids with, for every response
token, the characters it covers. The response is tokenised by itself, so that its tokens do not
depend on the criterion. One too long for the context is read in pieces, each after the criterion:
no token goes unread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lmcommon.errors import UserError
from rtt.types import Span

__all__ = ["INSTRUCTION", "Encoded", "encode_pair"]

INSTRUCTION = "Mark the words of the response that decide whether it meets the criterion."
"""The one line before every pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One forward row.

    Example:
        `Encoded(ids=(1, 8, 9, 5), start=3, offsets=((0, 5),))`: one response token, id 5.
    """

    ids: tuple[int, ...]
    """Instruction, criterion, and (a piece of) the response."""
    start: int
    """Where the response begins in `ids`."""
    offsets: tuple[Span, ...]
    """Characters of the whole response that each response token covers."""


def encode_pair(tokenizer: Any, criterion: str, response: str, *, context: int) -> list[Encoded]:
    """Encode one pair: a single row, or several where the response is too long for one.

    Args:
        tokenizer: A `transformers` tokenizer that gives offsets (a "fast" one).
        criterion: Text of the criterion.
        response: Text of the response.
        context: Most tokens in a row.

    Raises:
        UserError: The tokenizer gives no offsets, or the criterion leaves no room.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"discriminator: expected a tokenizer that gives character offsets (a fast one), got "
            f"{type(tokenizer).__name__}; save it with a tokenizer.json"
        )
    head = tokenizer(f"{INSTRUCTION}\nCriterion: {criterion}\nResponse:\n")["input_ids"]
    body = tokenizer(response, add_special_tokens=False, return_offsets_mapping=True)
    room = context - len(head)
    if room < 1:
        raise UserError(
            f"discriminator: expected a criterion of fewer than {context} tokens, got "
            f"{len(head)}; shorten it or take a model with a longer context ({criterion[:80]!r})"
        )
    return list(_pieces(head, body["input_ids"], body["offset_mapping"], room))


def _pieces(head: list[int], ids: list[int], offsets: list[Span], room: int) -> Iterator[Encoded]:
    for first in range(0, len(ids), room):
        yield Encoded(
            ids=(*head, *ids[first : first + room]),
            start=len(head),
            offsets=tuple((start, end) for start, end in offsets[first : first + room]),
        )
