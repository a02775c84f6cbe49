"""Numbers for everything: one counter over sessions, operations and variables, in order.

In: parts, instances and sessions with the event (place in the order of edges) at which they begin.
Out: their numbers. At one event sessions come first, then variables from outside, then operations,
then what they made; ends come last.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memtrace.interchange.smartcomment.order import OUTSIDE, Instances, Ordering, Part
from memtrace.interchange.smartcomment.tables import Edges, Ids, Nodes, Operations, Sessions

__all__ = ["Clock", "Numbers", "place_the_rest"]

_NEVER = 2**62


class Clock:
    """At which event something happened that no edge tells of."""

    def __init__(self, edges: Edges, sequence: Sequence[int]) -> None:
        created = np.asarray(edges.created, dtype=np.int64)[np.asarray(sequence, dtype=np.int64)]
        self.times: list[int] = created.tolist()
        """Unix time of each event."""
        self._times = np.maximum.accumulate(created) if len(created) else created

    def events(self, ids: Ids) -> NDArray[np.int64]:
        """For each: the first event after it was made."""
        made = np.asarray(ids.created, dtype=np.int64)
        return np.searchsorted(self._times, made, side="right").astype(np.int64)


def place_the_rest(
    ordering: Ordering, nodes: Nodes, operations: Operations, clock: Clock, none_node: int,
    none_operation: int,
) -> None:  # fmt: skip
    """Give nodes without an edge an instance, and operations without one a part."""
    has_instance = set(ordering.instances.node)
    events = clock.events(nodes)
    for node, known in enumerate(nodes.known):
        if known and node not in has_instance and node != none_node:
            ordering.outside(node, int(events[node]))
    has_part = {part.operation for part in ordering.parts}
    starts = clock.events(operations)
    for operation, known in enumerate(operations.known):
        if known and operation not in has_part and operation != none_operation:
            start = int(starts[operation])
            ordering.parts.append(Part(operation, start, start))


class Numbers:
    """Numbers of sessions (`session_starts`, `session_ends`; 0: none) and `variables`; those of
    parts are set in them.

    Args:
        ordering: After its run.
        sessions: The sessions of the file.
        operations: The operations, for their sessions.
        clock: For sessions without operations.
        none_session: Index of the session that stands for none; -1 when there is none.
    """

    def __init__(
        self, ordering: Ordering, sessions: Sessions, operations: Operations, clock: Clock,
        none_session: int,
    ) -> None:  # fmt: skip
        parts, instances = ordering.parts, ordering.instances
        firsts, lasts = _spans(parts, sessions, operations, clock)
        real = [
            index for index, known in enumerate(sessions.known) if known and index != none_session
        ]
        keys = _Keys()
        keys.add([firsts[index] for index in real], 0)
        keys.add(instances.event, _ranks(instances))
        keys.add([part.first for part in parts], 2)
        keys.add([part.last for part in parts], 4)
        keys.add([lasts[index] for index in real], 5)
        starts, variables, begins, ends, stops = keys.numbers()
        self.session_starts, self.session_ends = array("q", [0] * len(sessions)), array("q")
        self.session_ends.extend(self.session_starts)
        for index, start, stop in zip(real, starts, stops, strict=True):
            self.session_starts[index], self.session_ends[index] = start, stop
        for part, begin, end in zip(parts, begins, ends, strict=True):
            part.number, part.end_number = begin, end
        self.variables = variables
        self.last = keys.count


def _ranks(instances: Instances) -> NDArray[np.int64]:
    return np.where(np.asarray(instances.part, dtype=np.int64) == OUTSIDE, 1, 3)


def _spans(
    parts: Sequence[Part], sessions: Sessions, operations: Operations, clock: Clock
) -> tuple[list[int], list[int]]:
    """First and last event of each session."""
    firsts = [_NEVER] * len(sessions)
    lasts = [-1] * len(sessions)
    for part in parts:
        session = operations.session[part.operation]
        if session >= 0:
            firsts[session] = min(firsts[session], part.first)
            lasts[session] = max(lasts[session], part.last)
    for session, event in enumerate(clock.events(sessions)):
        firsts[session] = min(firsts[session], int(event))
        lasts[session] = max(lasts[session], firsts[session])
    return firsts, lasts


class _Keys:
    """Things to be numbered, in groups."""

    def __init__(self) -> None:
        self._events: list[NDArray[np.int64]] = []
        self._ranks: list[NDArray[np.int64]] = []
        self.count = 0

    def add(self, events: Sequence[int], rank: int | NDArray[np.int64]) -> None:
        """One more group; within one event and rank, the order of the group counts."""
        found = np.asarray(events, dtype=np.int64)
        self._events.append(found)
        self._ranks.append(np.broadcast_to(np.asarray(rank, dtype=np.int64), found.shape))
        self.count += len(found)

    def numbers(self) -> list[array[int]]:
        """The numbers from 1, group by group."""
        order = np.lexsort((np.concatenate(self._ranks), np.concatenate(self._events)))
        numbers = np.empty(len(order), dtype=np.int64)
        numbers[order] = np.arange(1, len(order) + 1)
        cuts = np.cumsum([len(group) for group in self._events])[:-1]
        return [array("q", part.tobytes()) for part in np.split(numbers, cuts)]
