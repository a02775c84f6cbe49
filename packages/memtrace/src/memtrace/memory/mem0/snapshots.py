"""Copies of what a memory of ours holds: the Qdrant collections and the SQLite tables.

In: a `mem0.Memory` whose store is Qdrant in memory. Out: a state of this process, to put back any
number of times.
"""

from __future__ import annotations

import sqlite3
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

__all__ = ["Stored", "put_back", "take"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A memory's state."""

    collections: Any
    tables: bytes


def take(memory: Any) -> Stored:
    """Copy the state."""
    return Stored(
        deepcopy(memory.vector_store.client._client.collections),
        memory.db.connection.serialize(),
    )


def put_back(memory: Any, state: Stored) -> None:
    """Make a state the present one."""
    memory.vector_store.client._client.collections = deepcopy(state.collections)
    copy = sqlite3.connect(":memory:")
    try:
        copy.deserialize(state.tables)
        copy.backup(memory.db.connection)
    finally:
        copy.close()
