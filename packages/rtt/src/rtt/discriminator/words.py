"""The unit that a discriminator is measured in: words between white space.

Words, because the figures of two discriminators, or of one and a floor, must not depend on their
tokenizers. In: a labelled response and one relevance a character. Out: one label and one score a
word, and the overlap of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.labels import IGNORED

__all__ = ["Array", "WordScores", "word_scores"]

Array = np.ndarray[Any, np.dtype[Any]]

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordScores:
    """One example, word by word; words without a labelled character are left out.

    Example:
        labels (1, 0) and scores (0.9, 0.2) for "dune iris" whose first word is relevant.
    """

    labels: Array
    """1 if any labelled character of the word is relevant, else 0; int8 [W]."""
    scores: Array
    """Largest relevance among the labelled characters of the word; float32 [W]."""
    both: int
    """Labelled characters that are relevant and told to be so; white space counts nowhere."""
    either: int
    """Labelled characters that are relevant or told to be so."""


def word_scores(
    example: LabelledResponse, relevance: Sequence[float] | Array, *, threshold: float = 0.5
) -> WordScores:
    """Cut an example into words.

    Args:
        example: Its characters that nobody labelled count nowhere.
        relevance: One number in [0, 1] a character of the response.
        threshold: Relevance from which a character is told to be relevant.

    Raises:
        ValueError: Not one relevance a character.
    """
    told = np.asarray(relevance, dtype=np.float32)
    if told.shape != (len(example.response),):
        raise ValueError(
            f"word_scores: expected {len(example.response)} relevances (one a character); "
            f"got {told.shape}"
        )
    labels = np.asarray(example.char_labels, dtype=np.int8)
    counts = labels != IGNORED
    spans = [match.span() for match in _WORD.finditer(example.response)]
    spans = [(start, end) for start, end in spans if counts[start:end].any()]
    seen = np.zeros(len(labels), dtype=bool)
    for start, end in spans:
        seen[start:end] = counts[start:end]
    relevant, said = (labels == 1) & seen, (told >= threshold) & seen
    masked = np.where(counts, told, -1.0)
    return WordScores(
        labels=np.array([labels[start:end].max() for start, end in spans], dtype=np.int8),
        scores=np.array([masked[start:end].max() for start, end in spans], dtype=np.float32),
        both=int((relevant & said).sum()),
        either=int((relevant | said).sum()),
    )
