"""What of EverOS came from what: its ids, and the variables of the trace behind them.

In: ids of messages, memcells, episodes and facts, as EverOS gives them. Out: handles. EverOS links
by id (memcell to messages, episode to memcell, fact to episode), so no edge is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from memtrace.graph.recording.handle import Handle

__all__ = ["Lineage", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A message as EverOS's buffer holds it."""

    turn: str
    handle: Handle[str]


@dataclass(slots=True, kw_only=True)
class Lineage:
    """The memory of one conversation, as variables."""

    messages: dict[str, Told] = field(default_factory=dict)
    """By EverOS's message id."""
    cells: dict[str, Handle[Any]] = field(default_factory=dict)
    """By memcell id."""
    episodes: dict[str, Handle[str]] = field(default_factory=dict)
    """What was made of a memcell, by memcell id."""
    parents: dict[str, str] = field(default_factory=dict)
    """Entry id of an episode to its memcell id."""
    items: dict[str, Handle[str]] = field(default_factory=dict)
    """The live version of every stored item, by item id."""
    turns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Turns behind a memcell or an item."""
    dates: dict[str, str] = field(default_factory=dict)
    """The day an item is about."""
    clusters: dict[str, Handle[Any]] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What an owner's profile says, as EverOS holds it."""
    store: Handle[Any] | None = None
    """Stands for the whole index: its lineage holds every item written so far."""
    written: list[Handle[Any]] = field(default_factory=list)
    """What was written since the index was last brought up to date."""
    said: dict[str, int] = field(default_factory=dict)
    """Messages of a session so far."""
    owners: list[str] = field(default_factory=list)

    def copy(self) -> Lineage:
        """One that later changes leave as it is."""
        made = Lineage()
        for one in fields(self):
            value = getattr(self, one.name)
            setattr(made, one.name, value.copy() if isinstance(value, (dict, list)) else value)
        return made
