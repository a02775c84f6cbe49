"""Hooks on the agentic retrieval: rerank, is it enough, what else to ask.

Operations: `rerank` (hits -> hits; point `hits`), `sufficiency` (question + hits -> reply; points
`reply`, `decision`), `multi_query` (-> queries; points `reply`, `queries`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from lmcommon.errors import UserError
from memtrace.memory.everos.package import module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.recalling import RecallHooks
from memtrace.memory.everos.tracing import Watch

__all__ = ["ReasoningHooks"]


class ReasoningHooks:
    """Hooks on what the agentic retrieval thinks about.

    Args:
        watch: Shared state.
        recall: Knows queries and hits.
    """

    def __init__(self, watch: Watch, recall: RecallHooks) -> None:
        self._watch, self._recall = watch, recall

    def install(self, patches: Patches) -> None:
        """Put the hooks in place."""
        agentic, rank = module("everos.memory.search.agentic"), module("everalgo.rank.agentic")
        for owner, name, hook in (
            (agentic, "aagentic_retrieve", self._retrieve),
            (agentic, "build_rerank_fn", self._rerank),
            (rank, "_check_sufficiency", self._sufficiency),
            (rank, "_generate_multi_queries", self._multi_query),
        ):
            patches.set(owner, name, hook(getattr(owner, name)))

    def _retrieve(self, original: Any) -> Any:
        async def aagentic_retrieve(query: str, **given: Any) -> Any:
            given["sufficiency_prompt"] = self._watch.wording("sufficiency")
            given["multi_query_prompt"] = self._watch.wording("multi_query")
            return await original(query, **given)

        return aagentic_retrieve

    def _rerank(self, original: Any) -> Any:
        bridge = module("everos.memory.search.agentic")._to_everalgo_doc_metadata

        def shape(candidate: Any) -> Any:
            entry = str(candidate.metadata.get("entry_id"))
            metadata = bridge({**candidate.metadata, "episode_id": candidate.id})
            return candidate.model_copy(update={"id": entry, "metadata": metadata})

        def build_rerank_fn(provider: Any, **given: Any) -> Any:
            rerank = original(provider, **given)

            async def reranked(query: str, candidates: Sequence[Any]) -> Any:
                inputs = self._read(query, candidates)
                with self._watch.stage("rerank", "rerank", inputs=inputs, points=("hits",)) as (
                    op, _,
                ):  # fmt: skip
                    found = await rerank(query, candidates)
                    return await self._recall.settled(op, found, self._name, "episode", shape)

            return reranked

        return build_rerank_fn

    def _sufficiency(self, original: Any) -> Any:
        async def check(*, query: str, candidates: Sequence[Any], **given: Any) -> Any:
            with self._watch.stage(
                "sufficiency", "retrieval", inputs=self._read(query, candidates),
                prompt=self._watch.prompts.get("sufficiency"), points=("reply", "decision"),
            ) as (op, _):  # fmt: skip
                said = await original(query=query, candidates=candidates, **given)
                row = asdict(said)
                settled = op.settle("decision", row)
                if settled != row:
                    if not isinstance(settled, dict) or "is_sufficient" not in settled:
                        raise UserError(f"decision: expected {row!r} or the like; got {settled!r}")
                    said = replace(said, **{key: settled[key] for key in settled.keys() & row})
                op.output("decision", asdict(said), kind="decision")
            return said

        return check

    def _multi_query(self, original: Any) -> Any:
        async def generate(*, original_query: str, candidates: Sequence[Any], **given: Any) -> Any:
            with self._watch.stage(
                "multi_query", "retrieval", inputs=self._read(original_query, candidates),
                prompt=self._watch.prompts.get("multi_query"), points=("reply", "queries"),
            ) as (op, _):  # fmt: skip
                made = await original(original_query=original_query, candidates=candidates, **given)
                queries = list(made.queries)
                settled = op.settle("queries", queries)
                if settled != queries:
                    if not isinstance(settled, list) or any(not _is_text(q) for q in settled):
                        raise UserError(f"queries: expected a list of texts; got {settled!r}")
                    made = replace(made, queries=settled)
                handles = op.outputs("queries", list(made.queries), kind="query")
                self._recall.queries |= dict(zip(made.queries, handles, strict=True))
            return made

        return generate

    def _read(self, query: str, candidates: Sequence[Any]) -> dict[str, Any]:
        found = self._recall.found
        items = [self._name(one) for one in candidates]
        inputs = self._recall.inputs(query)
        inputs.pop("store", None)
        inputs["hits"] = [found[item] for item in items if item in found]
        return inputs

    def _name(self, candidate: Any) -> str:
        return self._watch.item(str(candidate.metadata.get("episode_id") or candidate.id))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
