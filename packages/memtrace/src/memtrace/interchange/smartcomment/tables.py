"""What of a file must be in memory at once: who is linked to whom, as compact columns.

In: records, in any order of sections. Out: nodes, operations, sessions and edges by index. An id
gets its index when it is first seen, be it in an edge; whether it exists is known at the end.
"""

from __future__ import annotations

from array import array

__all__ = ["Edges", "Ids", "Nodes", "Operations", "Sessions", "Words"]

_DIGEST_BYTES = 16


class Ids:
    """Ids in the order first seen, and which of them were defined."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.known = bytearray()
        self.created = array("q")
        """Unix time in nanoseconds."""
        self.session = array("i")
        """Index of the session it belongs to; -1: none."""

    def __len__(self) -> int:
        return len(self.index)

    def of(self, identifier: str) -> int:
        """The index of an id."""
        found = self.index.get(identifier)
        if found is None:
            found = len(self.index)
            self.index[identifier] = found
            self.grow()
        return found

    def grow(self) -> None:
        """Make room for one more."""
        self.known.append(0)
        self.created.append(0)
        self.session.append(-1)


class Words:
    """Strings that repeat, by number."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._index: dict[str, int] = {}

    def of(self, word: str) -> int:
        """The number of a string."""
        found = self._index.setdefault(word, len(self.all))
        if found == len(self.all):
            self.all.append(word)
        return found

    def find(self, word: str) -> int | None:
        """The number of a string, if it has one."""
        return self._index.get(word)


class Nodes(Ids):
    """Versions of values."""

    def __init__(self) -> None:
        super().__init__()
        self.digests = bytearray()
        self.is_by_content = bytearray()
        self.is_item = bytearray()
        self.is_marker = bytearray()
        self.version = array("q")
        self.family = array("i")
        """Number of the full name in `families`: all versions share it."""
        self.role = array("i")
        self.families, self.roles = Words(), Words()

    def grow(self) -> None:
        """Make room for one more."""
        super().grow()
        self.digests.extend(bytes(_DIGEST_BYTES))
        for flags in (self.is_by_content, self.is_item, self.is_marker):
            flags.append(0)
        self.version.append(1)
        self.family.append(-1)
        self.role.append(-1)

    def digest(self, node: int) -> bytes:
        """The digest of the value of a node."""
        start = node * _DIGEST_BYTES
        return bytes(self.digests[start : start + _DIGEST_BYTES])

    def settle(self) -> None:
        """Once all nodes are known: whatever has several versions under one name is an item."""
        many = {
            family
            for family, version in zip(self.family, self.version, strict=True)
            if version > 1 and family >= 0
        }
        for node, family in enumerate(self.family):
            if family in many and not self.is_by_content[node]:
                self.is_item[node] = not self.is_marker[node]


class Operations(Ids):
    """Named steps."""

    def __init__(self) -> None:
        super().__init__()
        self.is_retrieval = bytearray()

    def grow(self) -> None:
        """Make room for one more."""
        super().grow()
        self.is_retrieval.append(0)


class Sessions(Ids):
    """Phases of the run."""


class Edges:
    """Links from node to node, each inside one operation, in the order of the file."""

    def __init__(self) -> None:
        self.operation, self.source, self.target = array("i"), array("i"), array("i")
        self.created, self.place = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.operation)

    def add(self, operation: int, source: int, target: int, created_ns: int, place: int) -> None:
        """One more edge; `place` is where it stands in the file."""
        self.place.append(place)
        self.operation.append(operation)
        self.source.append(source)
        self.target.append(target)
        self.created.append(created_ns)
