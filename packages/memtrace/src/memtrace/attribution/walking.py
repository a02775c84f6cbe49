"""The walk of one fact through a trace: which variables hold it, which operations are yet to see.

In: a reader and a fact. `survival` moves the walk on; here lies what it knows, and how the items of
a store are looked up at a time.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.holding import Paraphrase
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import FactStep

__all__ = ["Holding", "Walk"]


@dataclass(frozen=True, slots=True)
class Holding:
    """How one variable holds the fact. Example: `Holding(frozenset({"ana i moved to lisbon"}))`"""

    lines: frozenset[str] = frozenset()
    is_verbatim: bool = True
    items: frozenset[str] = frozenset()
    """For a store: the items in it that hold the fact."""
    dates: frozenset[str] = frozenset()
    """The days that the lines stand under."""
    depth: int = 0
    """How many operations brought it here from its witness."""


@dataclass(slots=True)
class Walk:
    """The state of one walk."""

    reader: TraceReader
    fact: CriticalFact
    back: frozenset[str]
    """Operations and variables that the answer depends on."""
    until_seq: int
    sees_all: bool = False
    """Whether a search for the answer reads whatever the memory held."""
    paraphrase: Paraphrase | None = None
    said_on: set[str] = field(default_factory=set)
    """The days on which the fact was said."""
    holdings: dict[str, Holding] = field(default_factory=dict)
    steps: list[FactStep] = field(default_factory=list)
    depths: dict[str, int] = field(default_factory=dict)
    """For each operation of a step, how deep what it read lay."""
    queue: list[tuple[int, str]] = field(default_factory=list)
    queued: set[str] = field(default_factory=set)

    def hold(self, variable: str, holding: Holding) -> None:
        """Know that a variable holds the fact, and look at what reads it or writes over it."""
        self.holdings[variable] = holding
        for operation in self.reader.graph.consumers(variable):
            self.push(operation)
        later = self.reader.next_version(self.reader.variable(variable))
        if later is not None and later.producer is not None:
            self.push(later.producer)  # writing over a version concerns it, declared or not

    def push(self, operation: str) -> None:
        """See an operation when its time comes."""
        if operation in self.queued:
            return
        self.queued.add(operation)
        heapq.heappush(self.queue, (self.reader.operation(operation).seq, operation))

    def in_store(self, items: Collection[str], seq: int) -> Holding | None:
        """How a store holds the fact: through those of its items that are live and hold it."""
        lines: frozenset[str] = frozenset()
        held: set[str] = set()
        is_verbatim, depth = True, 0
        for item in items:
            version = self.reader.live_version(item, seq)
            holding = None if version is None else self.holdings.get(version.id)
            if holding is not None:
                held.add(item)
                lines |= holding.lines
                is_verbatim &= holding.is_verbatim
                depth = max(depth, holding.depth)
        return Holding(lines, is_verbatim, frozenset(held), depth=depth) if held else None

    def deeper(self, holding: Holding, operation: str) -> Holding:
        """A holding as the outcome of an operation. Looking something up brings it no farther."""
        looked_up = self.reader.operation(operation).kind == "retrieval"
        return replace(holding, depth=self.depths[operation] + (0 if looked_up else 1))

    @property
    def items(self) -> set[str]:
        """The items of which some version held the fact."""
        found = {self.reader.variable(variable).item for variable in self.holdings}
        return {item for item in found if item}
