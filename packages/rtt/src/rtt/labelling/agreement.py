"""Two annotators: how far they agree, character by character, and the labels that both stand for.

In: the results of two annotators on the same items. Out: an `AnnotatorAgreement`, and rows in which
the characters they differ on are unlabelled. A response that only one of them labelled is left out
and counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtt.discriminator.examples import LabelledResponse, spans_of_labels
from rtt.discriminator.labels import spans_to_chars
from rtt.labelling.annotator import Annotated

__all__ = ["AnnotatorAgreement", "merge_annotations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorAgreement:
    """Counts over the characters of responses that both labelled."""

    both: int
    """Characters that both call relevant."""
    first_only: int
    second_only: int
    neither: int
    rows: int
    alone: int
    """Responses that only one of the two labelled."""

    def __add__(self, other: AnnotatorAgreement) -> AnnotatorAgreement:
        """Counts of both."""
        names = ("both", "first_only", "second_only", "neither", "rows", "alone")
        return AnnotatorAgreement(
            **{name: getattr(self, name) + getattr(other, name) for name in names}
        )

    @property
    def characters(self) -> int:
        """All that were compared."""
        return self.both + self.first_only + self.second_only + self.neither

    @property
    def agreement(self) -> float | None:
        """Share of the characters with one label; None without any."""
        return (self.both + self.neither) / self.characters if self.characters else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa over characters; None where it is undefined."""
        total = self.characters
        if not total:
            return None
        first, second = self.both + self.first_only, self.both + self.second_only
        chance = (first * second + (total - first) * (total - second)) / total**2
        if math.isclose(chance, 1.0):
            return None
        return ((self.both + self.neither) / total - chance) / (1 - chance)

    @property
    def f1(self) -> float | None:
        """F1 of the characters that the first calls relevant against the second's; None if there
        is none.
        """
        marked = 2 * self.both + self.first_only + self.second_only
        return 2 * self.both / marked if marked else None

    @property
    def iou(self) -> float | None:
        """Relevant characters in common over those of either; None if there is none."""
        union = self.both + self.first_only + self.second_only
        return self.both / union if union else None


def merge_annotations(
    first: Sequence[Annotated], second: Sequence[Annotated]
) -> tuple[list[LabelledResponse], AnnotatorAgreement]:
    """Compare two annotators and keep what they agree on.

    Raises:
        ValueError: They did not annotate the same items.
    """
    if [one.item for one in first] != [one.item for one in second]:
        raise ValueError("merge_annotations: expected the results of two annotators on one list")
    rows, counts, alone = [], [0, 0, 0, 0], 0
    for left, right in zip(first, second, strict=True):
        if left.rejection or right.rejection:
            alone += (left.rejection is None) != (right.rejection is None)
            continue
        size = len(left.item.response)
        pairs = list(
            zip(spans_to_chars(left.spans, size), spans_to_chars(right.spans, size), strict=True)
        )
        for mine, other in pairs:
            counts[2 * mine + other] += 1
        rows.append(_merged(left, pairs))
    neither, second_only, first_only, both = counts
    return rows, AnnotatorAgreement(
        both=both, first_only=first_only, second_only=second_only, neither=neither, rows=len(rows),
        alone=alone,
    )  # fmt: skip


def _merged(one: Annotated, pairs: Sequence[tuple[int, int]]) -> LabelledResponse:
    return replace(
        one.row,
        spans=spans_of_labels([int(left and right) for left, right in pairs]),
        unlabelled=spans_of_labels([int(left != right) for left, right in pairs]),
    )
