"""All hooks of one memory, and a look at what its index holds."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lmcommon.prompt import Prompt
from memtrace.execution.stage import Stage
from memtrace.memory.everos.clients import EmbedderProvider
from memtrace.memory.everos.extracting import ExtractionHooks
from memtrace.memory.everos.package import module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.profiles import profile_text
from memtrace.memory.everos.reasoning import ReasoningHooks
from memtrace.memory.everos.recalling import RecallHooks
from memtrace.memory.everos.storing import StoreHooks
from memtrace.memory.everos.tracing import Watch
from memtrace.memory.types import BrokenMemoryError

__all__ = ["Hooks"]

_BUGS = frozenset({"AssertionError", "AttributeError", "IndexError", "KeyError", "NameError"})
"""Errors that no reply of a model causes."""


class Hooks:
    """Everything that watches one EverOS.

    Args:
        scope: Name of the memory.
        prompts: What EverOS is given instead of its own prompts; empty: its own.
        provider: Knows which query a vector belongs to.
        index: Brings the index up to date; None: EverOS does that by itself.
        is_frozen: Ids and days come from places, so that two runs are alike.
    """

    def __init__(
        self, scope: str, prompts: Mapping[str, Prompt], provider: EmbedderProvider | None,
        index: Callable[[], Awaitable[None]] | None, *, is_frozen: bool = True,
    ) -> None:  # fmt: skip
        self.watch = Watch(scope, prompts)
        self.recall = RecallHooks(self.watch, provider)
        self._all = (
            ExtractionHooks(self.watch, index, is_frozen=is_frozen),
            StoreHooks(self.watch, is_frozen=is_frozen), self.recall,
            ReasoningHooks(self.watch, self.recall),
        )  # fmt: skip

    def install(self, patches: Patches) -> None:
        """Put them all in place."""
        for hooks in self._all:
            hooks.install(patches)

    def gave_up(self, record: Any) -> None:
        """Record that a background strategy failed for good; EverOS goes on without it."""
        kind, _, message = str(record.error or "").partition("\n")[0].partition(": ")
        with Stage(str(record.strategy_name), kind="operation") as op:
            op.failed(kind or "Error", message)
        if kind in _BUGS:
            self.watch.keep(BrokenMemoryError(f"everos, {record.strategy_name}: {record.error}"))

    async def stored(self) -> dict[str, str]:
        """What the index holds, by item id."""
        index = module("everos.infra.persistence.index")
        held: dict[str, str] = {}
        for repo, field in ((index.episode_repo, "episode"), (index.atomic_fact_repo, "fact")):
            for row in await repo.scan():
                held[self.watch.item(row.id)] = getattr(row, field)
        for row in await index.user_profile_repo.scan():
            said = {
                "explicit_info": json.loads(row.explicit_info_json),
                "implicit_traits": json.loads(row.implicit_traits_json),
            }
            held[self.watch.item(f"profile_{row.owner_id}")] = profile_text(said)
        return held
