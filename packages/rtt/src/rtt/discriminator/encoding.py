"""What the discriminator reads: a fixed instruction, the question if wanted, criterion, response.

In: what is asked, and any fast tokenizer. Out: token ids with, for every response
token, the characters it covers. The response is tokenised by itself, so that its tokens do not
depend on the criterion. One too long for the context is read in pieces, each after the criterion:
no token goes unread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from lmcommon.errors import UserError
from rtt.types import Span

__all__ = ["INSTRUCTION", "Asked", "Encoded", "encode_pair"]

INSTRUCTION = "Mark the words of the response that decide whether it meets the criterion."
"""The one line before every pair."""


class Asked(NamedTuple):
    """One question to the discriminator. Example: `Asked("No commas.", "Well, yes.")`."""

    criterion: str
    response: str
    question: str = ""
    """The task that the response answers; only a discriminator trained with it reads it."""


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


def encode_pair(
    tokenizer: Any, asked: Asked, *, context: int, reads_question: bool = False
) -> list[Encoded]:
    """Encode one pair: a single row, or several where the response is too long for one.

    A question that leaves the response less than half of the context loses its middle: task and
    requirements stand at its ends.

    Args:
        tokenizer: A `transformers` tokenizer that gives offsets (a "fast" one).
        asked: Criterion, response and question.
        context: Most tokens in a row.
        reads_question: Whether the question is read.

    Raises:
        UserError: The tokenizer gives no offsets, or the criterion leaves no room.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"discriminator: expected a tokenizer that gives character offsets (a fast one), got "
            f"{type(tokenizer).__name__}; save it with a tokenizer.json"
        )
    head = _head(tokenizer, asked.criterion, "")
    if reads_question and asked.question.strip():
        room = context // 2 - len(head)
        ids = tokenizer(asked.question, add_special_tokens=False, return_offsets_mapping=True)
        head = _head(tokenizer, asked.criterion, _shortened(asked.question, ids, room))
    body = tokenizer(asked.response, add_special_tokens=False, return_offsets_mapping=True)
    room = context - len(head)
    if room < 1:
        raise UserError(
            f"discriminator: expected a criterion of fewer than {context} tokens, got "
            f"{len(head)}; shorten it or take a model with a longer context "
            f"({asked.criterion[:80]!r})"
        )
    return list(_pieces(head, body["input_ids"], body["offset_mapping"], room))


def _head(tokenizer: Any, criterion: str, question: str) -> list[int]:
    asked = f"Task: {question}\n" if question else ""
    ids: list[int] = tokenizer(f"{INSTRUCTION}\n{asked}Criterion: {criterion}\nResponse:\n")[
        "input_ids"
    ]
    return ids


def _shortened(text: str, coded: Any, room: int) -> str:
    """At most about `room` tokens: the first and the last ones."""
    offsets = coded["offset_mapping"]
    if len(offsets) <= room:
        return text
    half = (room - 8) // 2  # the mark between, and tokens that are cut anew
    if half < 1:
        return ""
    return f"{text[: offsets[half - 1][1]]} [...] {text[offsets[-half][0] :]}"


def _pieces(head: list[int], ids: list[int], offsets: list[Span], room: int) -> Iterator[Encoded]:
    for first in range(0, len(ids), room):
        yield Encoded(
            ids=(*head, *ids[first : first + room]),
            start=len(head),
            offsets=tuple((start, end) for start, end in offsets[first : first + room]),
        )
