"""From links between nodes to a bipartite graph in one total order.

In: edges, each inside one operation. Out: *parts* of operations and *instances* of nodes, such
that a part reads only what was there when it began. An operation is one part unless, while it
went on, it read what another made from its own outputs; then it is cut there. A node is one
instance for each operation that makes it, plus one from outside if it was read before.

What is made again under a name that is an identity (a memory item that a search returned) is a
copy: it names its source, and the operation reads the source. What is made again under a name that
is a hash of the content is a coincidence, and nothing is linked.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memtrace.interchange.smartcomment.hubs import Hubs, InputsOf, makers_of
from memtrace.interchange.smartcomment.tables import Edges, Nodes, Operations

__all__ = ["OUTSIDE", "Instances", "Ordering", "Part", "sequence_of"]

OUTSIDE = -1
_CLOCK_JUMPS = 2


@dataclass(slots=True)
class Part:
    """An operation, or a piece of one, that runs without a cut."""

    operation: int
    first: int
    last: int
    earlier: Part | None = None
    """The first part of the same operation, for those after it."""
    inputs: dict[int, None] = field(default_factory=dict)
    outputs: list[int] = field(default_factory=list)
    number: int = 0
    end_number: int = 0


class Instances:
    """Variables to be, as columns."""

    def __init__(self) -> None:
        self.node, self.part, self.source = array("i"), array("i"), array("i")
        self.event = array("q")
        self.item = array("i")
        """Family of the memory item; -1: none."""
        self.version = array("q")
        self.is_deletion = bytearray()

    def __len__(self) -> int:
        return len(self.node)

    def add(self, node: int, part: int, event: int, source: int = -1) -> int:
        """One more; returns its index."""
        self.node.append(node)
        self.part.append(part)
        self.event.append(event)
        self.source.append(source)
        self.item.append(-1)
        self.version.append(0)
        self.is_deletion.append(0)
        return len(self.node) - 1


@dataclass(slots=True)
class _Open:
    """An operation whose edges are being followed."""

    left: int
    part: int | None = None
    first: Part | None = None
    made: dict[int, int] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)


class Ordering:
    """Follows the edges in order and makes parts and instances of them.

    Args:
        edges: Those whose end points and operation exist.
        nodes: The nodes.
        operations: The operations.
        none_node: Index of the node that stands for nothing; -1 when there is none.
        none_operation: Index of the operation that stands for none; -1 when there is none.
    """

    def __init__(
        self, edges: Edges, nodes: Nodes, operations: Operations, none_node: int,
        none_operation: int,
    ) -> None:  # fmt: skip
        self._edges, self._nodes, self._operations = edges, nodes, operations
        self._none, self._size = none_node, max(len(nodes), 1)
        self._is_by_content = nodes.is_by_content
        self.owner, self._real = _owners(edges, len(operations), none_operation)
        self._counts = Counter(self.owner)
        self._inner = _made_inside(self.owner, edges, len(nodes))
        self._hubs = Hubs(
            InputsOf(self.owner, edges, len(nodes)), makers_of(self.owner, edges, len(nodes))
        )
        self._sources = _marker_sources(self.owner, edges, nodes)
        self._latest: dict[int, int] = {}
        self._versions: dict[int, int] = {}
        self._open: dict[int, _Open] = {}
        self.parts: list[Part] = []
        self.instances = Instances()
        self.loops = 0
        """Edges from a node to itself; they are in the records only."""

    def run(self, sequence: Sequence[int]) -> None:
        """Follow all edges in this order."""
        edges = self._edges
        for event, edge in enumerate(sequence):
            owner = self.owner[edge]
            state = self._open.get(owner)
            if state is None:
                state = self._open[owner] = _Open(self._counts[owner])
            self._follow(event, owner, state, edges.source[edge], edges.target[edge])
            state.left -= 1
            if not state.left:
                del self._open[owner]

    def outside(self, node: int, event: int) -> int:
        """The instance of a node that no operation made, at the latest before this event."""
        found = self.instances.add(node, OUTSIDE, event)
        self._latest[node] = found
        self._name_item(found, node)
        return found

    # Inside ---------------------------------------------------------------------------------

    def _follow(self, event: int, owner: int, state: _Open, source: int, target: int) -> None:
        if source == target:
            self.loops += 1
            target = self._none
        needs = [] if source == self._none else self._read(event, owner, state, source)
        if target != self._none and target not in state.made and not self._is_by_content[target]:
            before = self._latest.get(target)
            needs = needs if before is None else [*needs, before]
        place = self._enter(event, owner, state, needs)
        part = self.parts[place]
        part.last = event
        if target != self._none:
            self._make(event, owner, state, target, needs)

    def _read(self, event: int, owner: int, state: _Open, node: int) -> list[int]:
        """The instance that comes in; empty for what the operation has yet to make itself."""
        if owner * self._size + node in self._inner:
            made = state.made.get(node)
            return [] if made is None else [made]
        found = state.read.get(node)
        if found is None:
            if self._hubs.is_hub(node):
                found = self._hubs.choose(node, owner, self._session(owner))
            if found is None:
                found = self._latest.get(node)
            if found is None:
                found = self.outside(node, event)
            state.read[node] = found
        return [found]

    def _enter(self, event: int, owner: int, state: _Open, needs: Sequence[int]) -> int:
        """The running part with these inputs; a new one when one came after its beginning."""
        instances = self.instances
        if state.part is None:
            self._begin(event, owner, state)
        assert state.part is not None
        part = self.parts[state.part]
        for need in needs:
            maker = instances.part[need]
            if maker not in (OUTSIDE, state.part) and instances.event[need] >= part.first:
                self._begin(event, owner, state)
                part = self.parts[state.part]
                break
        for need in needs:
            maker = instances.part[need]
            if maker != state.part:
                part.inputs[need] = None
                if maker == OUTSIDE and instances.event[need] > part.first:
                    instances.event[need] = part.first
        return state.part

    def _begin(self, event: int, owner: int, state: _Open) -> None:
        part = Part(self._real.get(owner, owner), event, event, state.first)
        state.first = state.first or part
        state.part = len(self.parts)
        self.parts.append(part)

    def _make(self, event: int, owner: int, state: _Open, node: int, needs: Sequence[int]) -> None:
        assert state.part is not None
        part, instances = self.parts[state.part], self.instances
        before = state.made.get(node)
        if before is not None:
            if instances.part[before] == state.part:
                return
            part.inputs[before] = None  # made before the cut, and made on after it
        elif not self._is_by_content[node] and needs:
            before = needs[-1] if instances.node[needs[-1]] == node else None
        instance = instances.add(node, state.part, event, -1 if before is None else before)
        part.outputs.append(instance)
        state.made[node] = self._latest[node] = instance
        if self._hubs.is_hub(node):
            self._hubs.made(node, instance, owner, self._session(owner))
        if self._nodes.is_marker[node]:
            self._delete(owner, state.part, instance)
        else:
            self._name_item(instance, node)

    def _delete(self, owner: int, part: int, instance: int) -> None:
        """A marker ends each item that leads to it; one variable each."""
        node, event = self.instances.node[instance], self.instances.event[instance]
        families = self._sources.get((owner, node)) or self._named_by(node)
        for family in families:
            if self.instances.item[instance] >= 0:
                instance = self.instances.add(node, part, event)
                self.parts[part].outputs.append(instance)
            self._versions[family] = self._versions.get(family, 0) + 1
            self.instances.item[instance] = family
            self.instances.version[instance] = self._versions[family]
            self.instances.is_deletion[instance] = 1

    def _named_by(self, node: int) -> list[int]:
        """The item whose name is that of the marker, whatever the name space."""
        families = self._nodes.families
        name = families.all[self._nodes.family[node]]
        for known in (name, name.partition(":")[2]):
            family = families.find(known)
            if family is not None and family in self._versions:
                return [family]
        return []

    def _name_item(self, instance: int, node: int) -> None:
        if not self._nodes.is_item[node]:
            return
        family, version = self._nodes.family[node], self._nodes.version[node]
        self.instances.item[instance] = family
        self.instances.version[instance] = version
        self._versions[family] = max(version, self._versions.get(family, 0))

    def _session(self, owner: int) -> int:
        return self._operations.session[self._real.get(owner, owner)]


def sequence_of(edges: Edges) -> Iterator[int]:
    """The order in which the edges happened.

    A tracer appends edges as they happen, so the order of the file is right even where the clock
    stood still or was set back. Only a file that is plainly not in order of time is sorted.
    """
    created = np.asarray(edges.created, dtype=np.int64)
    if np.count_nonzero(np.diff(created) < 0) <= _CLOCK_JUMPS:
        return iter(range(len(created)))
    return iter(np.argsort(created, kind="stable").tolist())


def _owners(edges: Edges, operations: int, none: int) -> tuple[array[int], dict[int, int]]:
    """The operation of each edge; links outside of any operation become one for each target."""
    owner = array("i", edges.operation)
    real: dict[int, int] = {}
    own: dict[int, int] = {}
    for edge, operation in enumerate(owner):
        if operation == none:
            target = edges.target[edge]
            owner[edge] = own.setdefault(target, operations + len(own))
            real[owner[edge]] = none
    return owner, real


def _made_inside(owner: Sequence[int], edges: Edges, nodes: int) -> set[int]:
    """Which nodes an operation makes itself, as `owner * nodes + node`."""
    size = max(nodes, 1)
    ends = zip(owner, edges.source, edges.target, strict=True)
    return {of * size + target for of, source, target in ends if source != target}


def _marker_sources(
    owner: Sequence[int], edges: Edges, nodes: Nodes
) -> dict[tuple[int, int], list[int]]:
    """For each deletion marker in each operation: the items that lead to it."""
    found: dict[tuple[int, int], list[int]] = {}
    for edge, target in enumerate(edges.target):
        if nodes.is_marker[target] and nodes.is_item[edges.source[edge]]:
            families = found.setdefault((owner[edge], target), [])
            family = nodes.family[edges.source[edge]]
            if family not in families:
                families.append(family)
    return found
