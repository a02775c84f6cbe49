"""What the discriminator reads: a fixed instruction, the question if wanted, criterion, response.

In: what is asked, and any fast tokenizer. Out: token ids with, for every response
token, the characters it covers. The response is tokenised by itself, so that its tokens do not
depend on the criterion: of many pairs each response, criterion and question is tokenised once. One
too long for the context is read in pieces, each after the criterion: no token goes unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lmcommon.errors import UserError
from rtt.types import Span

__all__ = [
    "INSTRUCTION", "Asked", "Encoded", "encodable", "encode_pair", "encode_pairs", "with_verdict",
]  # fmt: skip

INSTRUCTION = "Mark the words of the response that decide whether it meets the criterion."
"""The one line before every pair."""


class Asked(NamedTuple):
    """One question to the discriminator. Example: `Asked("No commas.", "Well, yes.")`."""

    criterion: str
    response: str
    question: str = ""
    """The task that the response answers; only a discriminator trained with it reads it."""


def with_verdict(criterion: str, satisfied: bool | None) -> str:
    """A criterion as a discriminator that is told the verdict reads it; None: not known.

    Example:
        `with_verdict("No commas.", False)` has a second line, `Verdict: not met`.
    """
    if satisfied is None:
        return criterion
    return f"{criterion}{_VERDICT}{'met' if satisfied else 'not met'}"


_VERDICT = "\nVerdict: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One forward row.

    Example:
        `Encoded(ids=(1, 8, 9, 5), start=3, offsets=((0, 5),), criterion=(1, 3))`: one response
        token, id 5, and a criterion of two, ids 8 and 9.
    """

    ids: tuple[int, ...]
    """Instruction, criterion, and (a piece of) the response."""
    start: int
    """Where the response begins in `ids`."""
    offsets: tuple[Span, ...]
    """Characters of the whole response that each response token covers."""
    criterion: Span = (0, 0)
    """Where the criterion stands in `ids`, without the verdict."""


def encode_pair(
    tokenizer: Any, asked: Asked, *, context: int, reads_question: bool = False
) -> list[Encoded]:
    """Encode one pair; see `encode_pairs`."""
    (rows,) = encode_pairs(tokenizer, [asked], context=context, reads_question=reads_question)
    return rows


def encode_pairs(
    tokenizer: Any, asked: Sequence[Asked], *, context: int, reads_question: bool = False
) -> list[list[Encoded]]:
    """Encode pairs: each a single row, several where the response is too long, none if it is empty.

    A question that leaves the response less than half of the context loses its middle: task and
    requirements stand at its ends.

    Args:
        tokenizer: A `transformers` tokenizer that gives offsets (a "fast" one).
        asked: Criterion, response and question of each pair.
        context: Most tokens in a row.
        reads_question: Whether the question is read.

    Raises:
        UserError: The tokenizer gives no offsets, or a criterion leaves no room.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"discriminator: expected a tokenizer that gives character offsets (a fast one), got "
            f"{type(tokenizer).__name__}; save it with a tokenizer.json"
        )
    keys = [
        (one.criterion, one.question if reads_question and one.question.strip() else "")
        for one in asked
    ]
    heads = _heads(tokenizer, keys, context)
    bodies = _bodies(tokenizer, (one.response for one in asked))
    for key in dict.fromkeys(keys):
        if len(heads[key].ids) >= context:
            raise UserError(
                f"discriminator: expected a criterion of fewer than {context} tokens, got "
                f"{len(heads[key].ids)}; shorten it or take a model with a longer context "
                f"({key[0][:80]!r})"
            )
    return [
        list(_pieces(heads[key], *bodies[one.response], context - len(heads[key].ids)))
        for key, one in zip(keys, asked, strict=True)
    ]


def encodable(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which a model can write and no
    tokenizer takes; characters stay where they are.
    """
    return _HALF.sub("\ufffd", text)


_HALF = re.compile("[\ud800-\udfff]")
_Key = tuple[str, str]


class _Head(NamedTuple):
    """What comes before the response."""

    ids: tuple[int, ...]
    criterion: Span


def _heads(tokenizer: Any, keys: Iterable[_Key], context: int) -> dict[_Key, _Head]:
    """What comes before the response, by criterion and question."""
    distinct = list(dict.fromkeys(keys))
    criteria = list(dict.fromkeys(criterion for criterion, _ in distinct))
    alone = dict(zip(criteria, _read(tokenizer, [(one, "") for one in criteria]), strict=True))
    questions = _bodies(tokenizer, (question for _, question in distinct))
    both = [
        (criterion, _shortened(question, questions[question][1], room))
        for criterion, question in distinct
        for room in (context // 2 - len(alone[criterion].ids),)
        if question
    ]
    asked = iter(_read(tokenizer, both))
    return {key: next(asked) if key[1] else alone[key[0]] for key in distinct}


def _read(tokenizer: Any, keys: list[_Key]) -> list[_Head]:
    if not keys:
        return []
    before = [_before(question) for _, question in keys]
    texts = [
        f"{text}{criterion}\nResponse:\n" for text, (criterion, _) in zip(before, keys, strict=True)
    ]
    told = tokenizer([encodable(one) for one in texts], return_offsets_mapping=True, verbose=False)
    heads = []
    for text, (criterion, _), ids, offsets in zip(
        before, keys, told["input_ids"], told["offset_mapping"], strict=True
    ):
        end = len(text) + (criterion.rfind(_VERDICT) if _VERDICT in criterion else len(criterion))
        inside = [
            place for place, (first, last) in enumerate(offsets)
            if last > first and last > len(text) and first < end
        ]  # fmt: skip
        span = (inside[0], inside[-1] + 1) if inside else (0, 0)
        heads.append(_Head(tuple(ids), span))
    return heads


def _before(question: str) -> str:
    task = f"Task: {question}\n" if question else ""
    return f"{INSTRUCTION}\n{task}Criterion: "


def _bodies(
    tokenizer: Any, texts: Iterable[str]
) -> dict[str, tuple[list[int], list[tuple[int, int]]]]:
    """Ids and offsets of texts that are tokenised by themselves."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    told = tokenizer(
        [encodable(one) for one in distinct], add_special_tokens=False,
        return_offsets_mapping=True, verbose=False,
    )  # fmt: skip
    return dict(
        zip(distinct, zip(told["input_ids"], told["offset_mapping"], strict=True), strict=True)
    )


def _shortened(text: str, offsets: Sequence[Span], room: int) -> str:
    """At most about `room` tokens: the first and the last ones."""
    if len(offsets) <= room:
        return text
    half = (room - 8) // 2  # the mark between, and tokens that are cut anew
    if half < 1:
        return ""
    return f"{text[: offsets[half - 1][1]]} [...] {text[offsets[-half][0] :]}"


def _pieces(head: _Head, ids: list[int], offsets: Sequence[Span], room: int) -> Iterator[Encoded]:
    for first in range(0, len(ids), room):
        yield Encoded(
            ids=(*head.ids, *ids[first : first + room]),
            start=len(head.ids),
            offsets=tuple(offsets[first : first + room]),
            criterion=head.criterion,
        )
