"""Hooks on the write side: where a conversation is cut, and what is made of the pieces.

Operations: `boundary` (buffered messages -> reply), `memcell` (-> pieces; point `cells`),
`episode` (memcell -> narrative; points `reply`, `episode`), `atomic_facts` (narrative -> facts;
points `reply`, `facts`), `cluster` (episode -> its group), `profile` (memcells + profile ->
profile; points `reply`, `profile`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.places import next_id
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.everos.package import module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.profiles import profile_text
from memtrace.memory.everos.tracing import Watch

__all__ = ["FACTS", "PROFILE", "ExtractionHooks"]

_EVENT: ContextVar[Any] = ContextVar("memtrace_everos_event", default=None)
_CELLS: ContextVar[tuple[str, ...]] = ContextVar("memtrace_everos_cells", default=())
"""Memcells that the profile in this task is made from."""
FACTS: ContextVar[tuple[Handle[str], ...]] = ContextVar("memtrace_everos_facts", default=())
"""The facts that this task is about to store."""
PROFILE: ContextVar[Handle[Any] | None] = ContextVar("memtrace_everos_profile", default=None)
"""The profile that this task is about to store."""


class ExtractionHooks:
    """Hooks on EverOS's extractors.

    Args:
        watch: Shared state.
        index: Brings the index up to date: before a profile is made of what it holds. None:
            leave that to EverOS.
        is_frozen: Draw ids from places, so that two runs are alike.
    """

    def __init__(
        self, watch: Watch, index: Callable[[], Awaitable[None]] | None, *, is_frozen: bool
    ) -> None:
        self._watch, self._index, self._is_frozen = watch, index, is_frozen
        self._cut: list[tuple[Any, Handle[Any]]] = []
        """Memcells as EverOS's objects, until they have an id."""
        self._named: list[tuple[Any, str]] = []
        self._unnamed: list[Any] = []

    def install(self, patches: Patches) -> None:
        """Put the hooks in place."""
        user = module("everalgo.user_memory")
        boundary = module("everos.service._boundary")
        runner = module("everos.infra.ome._dispatch.runner").Runner
        sqlite = module("everos.infra.persistence.sqlite")
        clustering = module("everos.memory.strategies.trigger_profile_clustering")
        hooks: list[tuple[Any, str, Callable[[Any], Any]]] = [
            (boundary, "detect_boundaries", self._boundary),
            (boundary, "_mint_memcell_id", self._memcell_id),
            (boundary, "_split_messages_per_cell", _ids_per_cell),
            (user.EpisodeExtractor, "aextract", self._episode),
            (user.AtomicFactExtractor, "aextract_from_text", self._atomic_facts),
            (user.ProfileExtractor, "aextract", self._profile),
            (runner, "run", self._run),
            (sqlite.memcell_repo, "find_by_ids", self._find_cells),
            (sqlite.cluster_repo, "upsert_with_members", self._cluster),
        ]
        if self._is_frozen:
            hooks.append((clustering, "mint_cluster_id", self._cluster_id))
        for owner, name, hook in hooks:
            patches.set(owner, name, hook(getattr(owner, name)))

    # Cutting --------------------------------------------------------------------------------

    def _boundary(self, original: Any) -> Any:
        async def detect_boundaries(messages: Sequence[Any], **given: Any) -> Any:
            lineage = self._watch.lineage
            told = [lineage.messages[one.id] for one in messages if one.id in lineage.messages]
            given["prompt"] = self._watch.wording("boundary") or given.get("prompt")
            with self._watch.stage(
                "boundary", "segmentation", inputs={"messages": [one.handle for one in told]},
                prompt=self._watch.prompts.get("boundary"), points=("reply",),
                parameters={"is_final": bool(given.get("is_final"))},
            ) as (_, call):  # fmt: skip
                result = await original(messages, **given)
            return self._memcells(messages, result, call.reply)

        return detect_boundaries

    def _memcells(self, messages: Sequence[Any], result: Any, reply: Handle[str] | None) -> Any:
        lineage = self._watch.lineage
        handles = [
            lineage.messages[one.id].handle for one in messages if one.id in lineage.messages
        ]
        inputs: dict[str, Any] = {"messages": handles}
        if reply is not None:
            inputs["reply"] = reply
        with self._watch.stage("memcell", "segmentation", inputs=inputs, points=("cells",)) as (
            op, _,
        ):  # fmt: skip
            rows = [[self._said(one) for one in cell.items] for cell in result.cells]
            settled = op.settle("cells", rows)
            if settled != rows:
                result = result._replace(cells=self._recut(messages, settled))
            if not result.cells:
                op.no_op("the conversation goes on")
            self._cut = [
                (cell, op.output("cells", _texts(cell), kind="memcell")) for cell in result.cells
            ]
            self._unnamed = [cell for cell, _ in self._cut]
        return result

    def _recut(self, messages: Sequence[Any], settled: Any) -> list[Any]:
        """The pieces that a replay wants. What it leaves out is forgotten."""
        known = {self._turn(one): one for one in messages}
        types = module("everalgo.types")
        cells = []
        for cell in settled if isinstance(settled, list) else [settled]:
            is_right = (
                isinstance(cell, list)
                and cell
                and all(
                    isinstance(row, dict) and row.get("turn") in known and "text" in row
                    for row in cell
                )
            )
            if not is_right:
                raise UserError(
                    "cells: expected lists of rows {turn, speaker, text}, none of them empty, with "
                    f"turns of the buffer ({', '.join(known)}); got {cell!r}"
                )
            items = [
                known[row["turn"]].model_copy(update={"content": str(row["text"])}) for row in cell
            ]
            cells.append(types.MemCell(items=items, timestamp=items[-1].timestamp))
        return cells

    def _said(self, message: Any) -> dict[str, str]:
        speaker = str(message.sender_name or message.sender_id)
        return {"turn": self._turn(message), "speaker": speaker, "text": str(message.content)}

    def _memcell_id(self, original: Any) -> Any:
        def mint() -> str:
            made = next_id("memcell") if self._is_frozen else None
            identifier = str(original()) if made is None else f"mc_{made.hex[:12]}"
            if self._unnamed:
                cell = self._unnamed.pop(0)
                self._named.append((cell, identifier))
                lineage = self._watch.lineage
                lineage.cells[identifier] = next(h for c, h in self._cut if c is cell)
                lineage.turns[identifier] = tuple(self._turn(one) for one in cell.items)
            return identifier

        return mint

    def _turn(self, message: Any) -> str:
        told = self._watch.lineage.messages.get(message.id)
        return str(message.id) if told is None else told.turn

    # Making ---------------------------------------------------------------------------------

    def _episode(self, original: Any) -> Any:
        async def aextract(
            extractor: Any, memcell: Any, *, sender_id: str | None, prompt: str | None = None,
            **given: Any,
        ) -> Any:  # fmt: skip
            lineage = self._watch.lineage
            cell = next((name for one, name in self._named if one is memcell), None)
            handle = lineage.cells.get(cell or "")
            with self._watch.stage(
                "episode", "extraction", inputs={} if handle is None else {"memcell": handle},
                prompt=self._watch.prompts.get("episode"), points=("reply", "episode"),
            ) as (op, _):  # fmt: skip
                made = await original(
                    extractor, memcell, sender_id=sender_id,
                    prompt=self._watch.wording("episode") or prompt, **given,
                )  # fmt: skip
                row = {"subject": made.subject or "", "text": made.episode}
                settled = _filled(op.settle("episode", row), "episode", ("text",))
                if settled != row:
                    text, subject = settled["text"], settled.get("subject", made.subject)
                    made = made.model_copy(
                        update={"episode": text, "subject": subject, "summary": text[:200]}
                    )
                episode = op.output(
                    "episode", made.episode, kind="episode", metadata={"subject": made.subject}
                )
            if cell is not None:
                lineage.episodes[cell] = episode
            return made

        return aextract

    def _atomic_facts(self, original: Any) -> Any:
        async def aextract_from_text(
            extractor: Any, text: str, *, timestamp: int, prompt: str | None = None
        ) -> Any:
            event = _EVENT.get()
            episode = self._watch.lineage.episodes.get(getattr(event, "memcell_id", ""))
            inputs = {} if episode is None else {"episode": episode}
            with self._watch.stage(
                "atomic_facts", "extraction", inputs=inputs,
                prompt=self._watch.prompts.get("atomic_facts"), points=("reply", "facts"),
            ) as (op, _):  # fmt: skip
                found = await original(
                    extractor, text, timestamp=timestamp,
                    prompt=self._watch.wording("atomic_facts") or prompt,
                )  # fmt: skip
                texts = [one.content for one in found]
                settled = op.settle("facts", texts)
                if settled != texts:
                    found = _facts(settled, texts, found, timestamp)
                made = op.outputs("facts", [one.content for one in found], kind="fact")
                FACTS.set(tuple(made))
            return found

        return aextract_from_text

    def _profile(self, original: Any) -> Any:
        async def aextract(
            extractor: Any, memcells: Sequence[Any], *, sender_id: str, old_profile: Any = None,
            prompt: str | None = None,
        ) -> Any:  # fmt: skip
            name = "profile" if old_profile is None else "profile_update"
            lineage = self._watch.lineage
            cells = [lineage.cells[one] for one in _CELLS.get() if one in lineage.cells]
            inputs: dict[str, Any] = {"memcells": cells}
            live = lineage.items.get(self._watch.item(f"profile_{sender_id}"))
            if live is not None:
                inputs["profile"] = self._read_profile(live, old_profile)
            with self._watch.stage(
                "profile", "update", inputs=inputs, prompt=self._watch.prompts.get(name),
                points=("reply", "profile"),
            ) as (op, _):  # fmt: skip
                made = await original(
                    extractor, memcells, sender_id=sender_id, old_profile=old_profile,
                    prompt=self._watch.wording(name) or prompt,
                )  # fmt: skip
                row = {
                    "explicit_info": list(made.explicit_info or []),
                    "implicit_traits": list(made.implicit_traits or []),
                }
                settled = _filled(op.settle("profile", row), "profile", tuple(row))
                if settled != row:
                    made = made.model_copy(update=dict(settled))
                PROFILE.set(op.output("profile", profile_text(settled), kind="profile"))
            lineage.turns[self._watch.item(f"profile_{sender_id}")] = tuple(
                dict.fromkeys(turn for one in _CELLS.get() for turn in lineage.turns.get(one, ()))
            )
            return made

        return aextract

    def _read_profile(self, live: Handle[str], old: Any) -> Handle[Any]:
        """The stored profile as the records that EverOS shows the model."""
        with Stage("read_profile", kind="retrieval", inputs={"item": live}) as op:
            said = {
                "explicit_info": list(getattr(old, "explicit_info", None) or []),
                "implicit_traits": list(getattr(old, "implicit_traits", None) or []),
            }
            return op.output("profile", said, kind="profile")

    # Around ---------------------------------------------------------------------------------

    def _run(self, original: Any) -> Any:
        async def run(runner: Any, meta: Any, event: Any, **given: Any) -> None:
            if self._index is not None and meta.name == "extract_user_profile":
                await self._index()  # it looks its episodes up in the index
            token = _EVENT.set(event)
            try:
                await original(runner, meta, event, **given)
            finally:
                _EVENT.reset(token)

        return run

    def _find_cells(self, original: Any) -> Any:
        async def find_by_ids(identifiers: Sequence[str]) -> Any:
            _CELLS.set(tuple(identifiers))
            return await original(identifiers)

        return find_by_ids

    def _cluster(self, original: Any) -> Any:
        async def upsert_with_members(cluster: Any, **given: Any) -> Any:
            lineage = self._watch.lineage
            members = list(cluster.members)
            item = self._watch.item(f"{given.get('owner_id')}_{members[-1] if members else ''}")
            inputs: dict[str, Any] = {}
            if item in lineage.items:
                inputs["episode"] = lineage.items[item]
            if cluster.id in lineage.clusters:
                inputs["cluster"] = lineage.clusters[cluster.id]
            with Stage("cluster", kind="store", inputs=inputs) as op:
                done = await original(cluster, **given)
                made = op.output("cluster", {"id": cluster.id, "members": members}, kind="store")
                lineage.clusters[cluster.id] = made
                lineage.written.append(made)
            return done

        return upsert_with_members

    def _cluster_id(self, original: Any) -> Any:
        def mint() -> str:
            made = next_id("cluster")
            return str(original()) if made is None else f"cl_{made.hex[:12]}"

        return mint


def _texts(cell: Any) -> list[dict[str, str]]:
    return [
        {"speaker": str(one.sender_name or one.sender_id), "text": str(one.content)}
        for one in cell.items
        if hasattr(one, "sender_id")
    ]


def _ids_per_cell(original: Any) -> Any:
    """By id, not by counting: a replay may cut anew."""

    def split(merged: Sequence[Any], cells: Sequence[Any]) -> list[list[str]]:
        if any(getattr(item, "id", None) is None for cell in cells for item in cell.items):
            found: list[list[str]] = original(merged, cells)
            return found
        return [[item.id for item in cell.items] for cell in cells]

    return split


def _filled(row: Any, point: str, needed: Sequence[str]) -> dict[str, Any]:
    if not isinstance(row, dict) or any(key not in row for key in needed):
        raise UserError(f"{point}: expected a mapping with {', '.join(needed)}; got {row!r}")
    return row


def _facts(settled: Any, texts: Sequence[str], found: Sequence[Any], timestamp: int) -> list[Any]:
    if not isinstance(settled, list) or any(not isinstance(one, str) for one in settled):
        raise UserError(f"facts: expected a list of texts; got {settled!r}")
    known = dict(zip(texts, found, strict=True))
    fact = module("everalgo.types").AtomicFact
    return [
        known.get(text)
        or fact.model_validate({"owner_id": None, "content": text, "timestamp": timestamp})
        for text in settled
    ]
