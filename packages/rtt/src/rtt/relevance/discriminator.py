"""Relevance by a trained discriminator, whatever tokenizer the policy has.

In: (criterion, rollout) items. Out: one probability a policy token. A criterion that is global by
the taxonomy is not asked about: its relevance is one everywhere. What was read once is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtt.discriminator.encoding import Asked, with_verdict
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.reading import Reader, ReadSettings
from rtt.discriminator.serving.base import CharacterReader
from rtt.discriminator.serving.keeping import KeptReader
from rtt.discriminator.serving.pair_file import PairFile
from rtt.relevance.offsets import chars_to_relevance
from rtt.relevance.sources import RelevanceItem
from rtt.taxonomy import criterion_scope

__all__ = ["DiscriminatorRelevance"]


@dataclass(slots=True, kw_only=True)
class DiscriminatorRelevance:
    """Asks a discriminator, wherever it runs; the weights are those it has now.

    Example:
        `DiscriminatorRelevance(discriminator=TokenDiscriminator.load(folder))`
    """

    discriminator: TokenDiscriminator | CharacterReader
    """One in this process, or any reader (`rtt.discriminator.serving`)."""
    settings: ReadSettings = field(default_factory=ReadSettings)
    """How one in this process runs."""
    remember_mb: float = 64.0
    """Memory for pairs that were read, in megabytes; 0: none is kept."""
    file: PairFile | None = None
    """Where they are kept beyond this process."""
    skipped: int = 0
    """Items that needed no asking: global criteria, repeated pairs."""
    _reader: KeptReader = field(init=False, repr=False)

    def __post_init__(self) -> None:
        reader = self.discriminator
        if isinstance(reader, TokenDiscriminator):
            reader = Reader(reader, self.settings)
        self._reader = KeptReader(reader, megabytes=self.remember_mb, file=self.file)

    @property
    def asked(self) -> int:
        """Pairs that were put to the discriminator so far."""
        return self._reader.asked

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """One number in [0, 1] a token of each item's rollout, [T]; in the order of the items.

        Raises:
            UserError: A criterion is too long for the discriminator's context; or the process or
                server that reads is gone.
        """
        pairs = [
            None if criterion_scope(item.criterion) == "global" else self._asked(item)
            for item in items
        ]
        before = self.asked
        told = iter(self._reader.relevances([pair for pair in pairs if pair is not None]))
        self.skipped += len(items) - (self.asked - before)
        return [
            (1.0,) * len(item.rollout.tokens)
            if pair is None
            else chars_to_relevance(next(told), item.rollout.offsets)
            for item, pair in zip(items, pairs, strict=True)
        ]

    def close(self) -> None:
        """Let go of the reader's processes and files."""
        self._reader.close()

    def _asked(self, item: RelevanceItem) -> Asked:
        told = item.verdict.satisfied if self._reader.reads_verdict else None
        criterion = with_verdict(item.criterion.text, told)
        return Asked(criterion, item.rollout.text, item.prompt.prompt)
