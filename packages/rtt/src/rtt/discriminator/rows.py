"""Labelled responses as rows of token ids, and how much each token counts.

In: examples and a discriminator. Out: rows that fit its context, with a label a token and a weight
for relevant tokens, which are the rarer ones where criteria are local.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rtt.discriminator.encoding import Asked, with_verdict
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.labels import IGNORED, chars_to_tokens
from rtt.discriminator.model import TokenDiscriminator
from rtt.types import Span

__all__ = ["TokenRow", "asked_of", "positive_weight", "token_rows"]

_MOST = 10.0
"""Largest weight that `positive_weight` gives, and one over the smallest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One forward row to learn from.

    Example:
        `TokenRow(ids=(1, 8, 9, 5), labels=(-1, -1, -1, 1), start=3, kind="keywords:existence")`
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """1 relevant, 0 not, -1 ignored; one a token."""
    start: int = 0
    """Where the response begins in `ids`."""
    criterion: Span = (0, 0)
    """Where the criterion stands in `ids`."""
    kind: str = ""


def asked_of(discriminator: TokenDiscriminator, example: LabelledResponse) -> Asked:
    """What a discriminator is asked about an example: with the verdict if it is told that."""
    told = example.satisfied if discriminator.reads_verdict else None
    return Asked(with_verdict(example.criterion, told), example.response, example.prompt)


def token_rows(discriminator: TokenDiscriminator, example: LabelledResponse) -> Iterator[TokenRow]:
    """The rows of one example: several where the response is longer than the context."""
    labels = example.char_labels
    for row in discriminator.encode(asked_of(discriminator, example)):
        told = (IGNORED,) * row.start + tuple(chars_to_tokens(labels, row.offsets))
        yield TokenRow(
            ids=row.ids, labels=told, start=row.start, criterion=row.criterion, kind=example.kind
        )


def positive_weight(rows: Sequence[TokenRow]) -> float:
    """Irrelevant tokens over relevant ones, between 1/10 and 10; 1 if either is missing."""
    relevant = sum(row.labels.count(1) for row in rows)
    irrelevant = sum(row.labels.count(0) for row in rows)
    if not relevant or not irrelevant:
        return 1.0
    return min(max(irrelevant / relevant, 1 / _MOST), _MOST)
