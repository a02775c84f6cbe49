"""Hooks on the read side: every ranked list that EverOS's retrieval is made of.

Operations: `recall_sparse` and `recall_dense` (episodes by words and by meaning),
`recall_subject`, `recall_facts_sparse`, `recall_facts_dense`, `recall_facts` (facts of the
episodes that were found), `recall_profile`. Each has the point `hits`, a list of
`{"item", "text", "score"}`: what EverOS goes on with is what `settle` returned.

EverOS runs these side by side; a lock puts them into one order, and equal scores are ordered by
id, so that two runs are alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.everos.clients import EmbedderProvider
from memtrace.memory.everos.package import module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.profiles import profile_text
from memtrace.memory.everos.tracing import Watch

__all__ = ["RecallHooks", "checked_hits"]

_EPISODE, _FACT = "episode", "fact"


class RecallHooks:
    """Hooks on EverOS's recallers.

    Args:
        watch: Shared state.
        provider: Knows which query a vector belongs to; None: nobody does.
    """

    def __init__(self, watch: Watch, provider: EmbedderProvider | None) -> None:
        self._watch, self._provider = watch, provider
        self._lock = asyncio.Lock()
        self.queries: dict[str, Handle[str]] = {}
        """The question and every further query, by text."""
        self.found: dict[str, Handle[Any]] = {}
        """The latest hit of every item, by item id."""

    def begin(self, question: Handle[str]) -> None:
        """Start on a question."""
        self.queries = {question.value: question}
        self.found = {}

    def install(self, patches: Patches) -> None:
        """Put the hooks in place."""
        manager = module("everos.service.search")._get_manager()
        episodes, facts = manager._ep, manager._fact
        for owner, method, name, field in (
            (episodes, "sparse_recall", "recall_sparse", _EPISODE),
            (episodes, "dense_recall", "recall_dense", _EPISODE),
            (episodes, "dense_recall_subject", "recall_subject", _EPISODE),
            (facts, "sparse_recall", "recall_facts_sparse", _FACT),
            (facts, "dense_recall", "recall_facts_dense", _FACT),
        ):
            patches.set(owner, method, self._recall(getattr(owner, method), name, field))
        patches.set(facts, "facts_for_episodes", self._facts_of(facts.facts_for_episodes))
        for method in ("fetch_by_entry_ids", "fetch_all_for_owner"):
            patches.set(episodes, method, self._fetch(getattr(episodes, method)))
        patches.set(manager._profile, "fetch", self._profile(manager._profile.fetch))

    # What hooks are made of -----------------------------------------------------------------

    def inputs(self, query: str | None) -> dict[str, Any]:
        """What a look into the store reads: the query and the store."""
        lineage, inputs = self._watch.lineage, dict[str, Any]()
        handle = self.queries.get(query or "")
        if handle is None and self.queries:
            handle = next(iter(self.queries.values()))
        if handle is not None:
            inputs["question"] = handle
        if lineage.store is not None:
            inputs["store"] = lineage.store
        return inputs

    async def settled(
        self, op: Stage, found: Sequence[Any], name_of: Callable[[Any], str], field: str,
        shape: Callable[[Any], Any] = lambda candidate: candidate,
    ) -> list[Any]:  # fmt: skip
        """Candidates, or what a replay puts in their place, recorded as hits."""
        rows = [
            {"item": name_of(one), "text": _text(one, field), "score": round(one.score, 6)}
            for one in found
        ]
        try:
            new = checked_hits(op.settle("hits", rows), op, self._watch.lineage.items)
        except UserError as error:
            self._watch.keep(error)
            raise
        if new != rows:
            known = dict(zip((row["item"] for row in rows), found, strict=True))
            found = [await self._candidate(row, known, field, shape) for row in new]
        self.record(op, new)
        return list(found)

    def record(self, op: Stage, rows: Sequence[Mapping[str, Any]]) -> list[Handle[Any]]:
        """Hits as outputs: copies of what is stored, or new texts where a replay changed them."""
        made = []
        for rank, row in enumerate(rows, 1):
            note = {"rank": rank, "score": row["score"]}
            live = self.found.get(row["item"]) or self._watch.lineage.items.get(row["item"])
            same = live is not None and live.value == row["text"]
            hit = op.output("hits", live if same else row["text"], kind="hit", metadata=note)
            self.found[row["item"]] = hit
            made.append(hit)
        return made

    async def _candidate(
        self, row: Mapping[str, Any], known: Mapping[str, Any], field: str,
        shape: Callable[[Any], Any],
    ) -> Any:  # fmt: skip
        candidate = known.get(row["item"])
        if candidate is None:
            candidate = shape(await self._stored(row["item"], field))
        metadata = dict(candidate.metadata)
        if isinstance(metadata.get(field), dict):
            metadata[field] = {**metadata[field], "content": row["text"]}
            metadata["text"] = row["text"]
        else:
            metadata[field] = row["text"]
        return candidate.model_copy(update={"score": float(row["score"]), "metadata": metadata})

    async def _stored(self, item: str, field: str) -> Any:
        """A stored item as EverOS's retrieval would give it."""
        index = module("everos.infra.persistence.index")
        repo = index.episode_repo if field == _EPISODE else index.atomic_fact_repo
        identifier = item.removeprefix(self._watch.item(""))
        rows = await repo.find_where(index.eq("id", identifier), limit=1)
        if not rows:
            sort = "an episode" if field == _EPISODE else "a fact"
            error = UserError(f"hits: expected {sort} that is in the index; got {item!r}")
            self._watch.keep(error)
            raise error
        make = module("everos.memory.search.recall.base").row_to_candidate
        return make(rows[0].model_dump(mode="python"), source="vector", score=0.0)

    # Hooks ----------------------------------------------------------------------------------

    def _recall(self, original: Any, name: str, field: str) -> Any:
        async def recall(query: Any, where: Any, *, limit: int) -> list[Any]:
            async with self._lock:
                text = query if isinstance(query, str) else self._query_of(query)
                with Stage(
                    name, kind="retrieval", inputs=self.inputs(text), points=("hits",),
                    parameters={"limit": limit},
                ) as op:  # fmt: skip
                    found = _ordered(await original(query, where, limit=limit))
                    return await self.settled(op, found, self._name, field)

        return recall

    def _facts_of(self, original: Any) -> Any:
        async def facts_for_episodes(
            parents: Mapping[str, Sequence[str]], where: Any, *, query_vector: Any = None,
            **given: Any,
        ) -> dict[str, list[Any]]:  # fmt: skip
            async with self._lock:
                inputs = self.inputs(self._query_of(query_vector or []))
                inputs["episodes"] = [
                    self.found[item] for item in map(self._watch.item, parents)
                    if item in self.found
                ]  # fmt: skip
                with Stage("recall_facts", kind="retrieval", inputs=inputs, points=("hits",)) as op:
                    buckets = await original(parents, where, query_vector=query_vector, **given)
                    flat = _ordered([one for bucket in buckets.values() for one in bucket])
                    shape = _child_of(parents)
                    found = await self.settled(op, flat, self._name, _FACT, shape)
            grouped: dict[str, list[Any]] = {}
            for one in found:
                grouped.setdefault(one.parent_episode_id, []).append(one)
            return grouped

        return facts_for_episodes

    def _fetch(self, original: Any) -> Any:
        async def fetch(*given: Any) -> list[Any]:
            async with self._lock:
                return sorted(await original(*given), key=lambda one: str(one.id))

        return fetch

    def _profile(self, original: Any) -> Any:
        async def fetch(owner: str, **space: str) -> list[Any]:
            async with self._lock:
                with Stage(
                    "recall_profile", kind="retrieval", inputs=self.inputs(None), points=("hits",)
                ) as op:
                    found = await original(owner, **space)
                    return self._settled_profiles(op, found, self._watch.item(f"profile_{owner}"))

        return fetch

    def _settled_profiles(self, op: Stage, found: Sequence[Any], item: str) -> list[Any]:
        rows = [
            {"item": item, "text": profile_text(one.profile_data), "score": 0.0}
            for one in found
            if profile_text(one.profile_data)
        ]
        try:
            new = checked_hits(op.settle("hits", rows), op, self._watch.lineage.items)
            if any(row["item"] != item for row in new):
                raise UserError(f"hits at {op.place}: expected {item!r} or nothing; got {new!r}")
        except UserError as error:
            self._watch.keep(error)
            raise
        self.record(op, new)
        return list(found) if new else []

    def _query_of(self, vector: Sequence[float]) -> str | None:
        return None if self._provider is None else self._provider.query_of(vector)

    def _name(self, candidate: Any) -> str:
        return self._watch.item(str(candidate.metadata.get("episode_id") or candidate.id))


def checked_hits(rows: Any, op: Stage, live: Mapping[str, Handle[str]]) -> list[dict[str, Any]]:
    """Rows of hits that make sense; text and score may be left out.

    Raises:
        UserError: Says what was expected.
    """
    if not isinstance(rows, list):
        raise UserError(f"hits at {op.place}: expected a list; got {rows!r}")
    made = []
    for row in rows:
        if not isinstance(row, dict) or "item" not in row:
            raise UserError(f"hits at {op.place}: expected rows {{item, text, score}}; got {row!r}")
        stored = live.get(row["item"])
        if stored is None and "text" not in row:
            raise UserError(
                f"hits at {op.place}: expected a stored item ({', '.join(list(live)[:5])}, ...); "
                f"got {row!r}"
            )
        text = row.get("text", "" if stored is None else stored.value)
        made.append({"item": row["item"], "text": text, "score": float(row.get("score") or 0.0)})
    return made


def _text(candidate: Any, field: str) -> str:
    value = candidate.metadata.get(field, "")
    return str(value.get("content", "") if isinstance(value, dict) else value)


def _ordered(found: Sequence[Any]) -> list[Any]:
    return sorted(found, key=lambda one: (-round(one.score, 6), str(one.id)))


def _child_of(parents: Mapping[str, Sequence[str]]) -> Callable[[Any], Any]:
    """Makes a fact candidate of a stored fact: it belongs to one of these episodes."""

    def shape(candidate: Any) -> Any:
        parent = candidate.metadata.get("parent_id")
        episode = next((one for one, names in parents.items() if parent in names), None)
        if episode is None:
            raise UserError(
                f"hits: expected a fact of one of the episodes {list(parents)}; got a fact of "
                f"{parent!r}"
            )
        return module("everalgo.types").FactCandidate(
            id=candidate.id, parent_episode_id=episode, score=0.0, metadata=candidate.metadata
        )

    return shape
