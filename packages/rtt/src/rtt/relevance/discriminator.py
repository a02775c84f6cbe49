"""Relevance by a trained discriminator, whatever tokenizer the policy has.

In: (criterion, rollout) items. Out: one probability a policy token. A criterion that is global by
the taxonomy is not asked about: its relevance is one everywhere. What was read once is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rtt.discriminator.encoding import Asked
from rtt.discriminator.model import TokenDiscriminator
from rtt.relevance.offsets import chars_to_relevance
from rtt.relevance.sources import RelevanceItem
from rtt.taxonomy import criterion_scope

__all__ = ["DiscriminatorRelevance"]

_Chars = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(slots=True, kw_only=True)
class DiscriminatorRelevance:
    """Asks a `TokenDiscriminator`, in batches of similar length.

    Example:
        `DiscriminatorRelevance(discriminator=TokenDiscriminator.load(folder))`
    """

    discriminator: TokenDiscriminator
    batch_tokens: int = 16_384
    """Most tokens in a forward batch, padding included."""
    remember: int = 4096
    """Most (criterion, response) pairs to keep; 0: none."""
    asked: int = 0
    """Pairs that were put to the model so far."""
    skipped: int = 0
    """Items that needed no asking: global criteria, repeated pairs."""
    _kept: OrderedDict[Asked, _Chars] = field(default_factory=OrderedDict, repr=False)

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """One number in [0, 1] a token of each item's rollout, [T]; in the order of the items.

        Raises:
            UserError: A criterion is too long for the discriminator's context.
        """
        pairs = [
            None if criterion_scope(item.criterion) == "global" else self._asked(item)
            for item in items
        ]
        asked = self.asked
        told = self._told([pair for pair in pairs if pair is not None])
        self.skipped += len(items) - (self.asked - asked)
        return [
            (1.0,) * len(item.rollout.tokens)
            if pair is None
            else chars_to_relevance(told[pair], item.rollout.offsets)
            for item, pair in zip(items, pairs, strict=True)
        ]

    def _asked(self, item: RelevanceItem) -> Asked:
        """The question only where it is read: samples of other prompts can share a pair."""
        question = item.prompt.prompt if self.discriminator.reads_question else ""
        return Asked(item.criterion.text, item.rollout.text, question)

    def _told(self, pairs: Sequence[Asked]) -> dict[Asked, _Chars]:
        told: dict[Asked, _Chars] = {}
        new: dict[Asked, None] = {}
        for pair in pairs:
            if pair in self._kept:
                told[pair] = self._kept[pair]
                self._kept.move_to_end(pair)
            else:
                new[pair] = None
        told |= zip(
            new,
            self.discriminator.relevances(list(new), batch_tokens=self.batch_tokens),
            strict=True,
        )
        self.asked += len(new)
        self._keep({pair: told[pair] for pair in new})
        return told

    def _keep(self, new: dict[Asked, _Chars]) -> None:
        self._kept |= new
        while len(self._kept) > self.remember:
            self._kept.popitem(last=False)
