"""Nodes that stand for several values at once, and which of them a reader read.

smartcomment names most values by a hash of their content, so equal answers to different questions
are one node. Here each operation that makes such a node makes an instance of its own. A reader
reads, of the instances made before it, the one made from the rarest input that it shares with the
maker (the question both are about); else the latest of its own session; else the latest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memtrace.interchange.smartcomment.tables import Edges

__all__ = ["Hubs", "InputsOf", "makers_of"]

_RAREST = 4


class InputsOf:
    """The source nodes of each operation, and how many operations read a node.

    Args:
        operation: The operation of each edge.
        edges: All edges.
        nodes: How many nodes there are.
    """

    def __init__(self, operation: Sequence[int], edges: Edges, nodes: int) -> None:
        of = np.asarray(operation, dtype=np.int64)
        source = np.asarray(edges.source, dtype=np.int64)
        pairs = np.unique(of * max(nodes, 1) + source)
        self._operation, self._source = np.divmod(pairs, max(nodes, 1))
        self.readers = np.bincount(self._source, minlength=nodes)

    def rarest(self, operation: int) -> list[int]:
        """The sources of an operation that the fewest operations read, rarest first."""
        start, end = np.searchsorted(self._operation, (operation, operation + 1))
        sources = self._source[start:end]
        order = np.argsort(self.readers[sources], kind="stable")
        return [int(node) for node in sources[order[:_RAREST]]]


def makers_of(operation: Sequence[int], edges: Edges, nodes: int) -> NDArray[np.int64]:
    """How many operations make each node."""
    pairs = np.unique(
        np.asarray(operation, dtype=np.int64) * max(nodes, 1)
        + np.asarray(edges.target, dtype=np.int64)
    )
    return np.bincount(pairs % max(nodes, 1), minlength=nodes).astype(np.int64)


class Hubs:
    """The instances of nodes that several operations make."""

    def __init__(self, inputs: InputsOf, makers: NDArray[np.int64]) -> None:
        self._inputs, self._makers = inputs, makers
        self._by_session: dict[tuple[int, int], int] = {}
        self._by_input: dict[tuple[int, int], int] = {}

    def is_hub(self, node: int) -> bool:
        """Whether several operations make this node."""
        return bool(self._makers[node] > 1)

    def made(self, node: int, instance: int, operation: int, session: int) -> None:
        """An operation made an instance of a hub."""
        self._by_session[node, session] = instance
        for source in self._telling(node, operation):
            self._by_input[node, source] = instance

    def choose(self, node: int, operation: int, session: int) -> int | None:
        """The instance of a hub that an operation reads; None: the latest will do."""
        for source in self._telling(node, operation):
            found = self._by_input.get((node, source))
            if found is not None:
                return found
        return self._by_session.get((node, session))

    def _telling(self, node: int, operation: int) -> list[int]:
        """The inputs of an operation that tell makers of this node apart, rarest first."""
        limit = self._makers[node]
        readers = self._inputs.readers
        return [
            source
            for source in self._inputs.rarest(operation)
            if source != node and self._makers[source] <= 1 and readers[source] <= max(limit, 3)
        ]
