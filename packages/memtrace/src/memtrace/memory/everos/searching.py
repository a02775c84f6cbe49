"""From a question to hits and a context: EverOS's search, and what a model is shown of it.

Operations: EverOS's own recalls (see `recalling`, `reasoning`), then `fuse` (all of them -> the
final list; point `hits`) and `build_context` (hits -> text; point `context`). A search that
fails because a model call failed is told to the caller; one that fails for another reason gives
what EverOS gives then: an error, and so nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.types import ModelFailure
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.everos.clients import expected_errors, failure_of
from memtrace.memory.everos.package import module
from memtrace.memory.everos.recalling import RecallHooks, checked_hits
from memtrace.memory.everos.settings import EverosSettings
from memtrace.memory.everos.tracing import Watch
from memtrace.memory.tokens import approximate_tokens
from memtrace.memory.types import Hit

__all__ = ["Found", "Searcher"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    hits: tuple[Hit, ...] = ()
    handles: tuple[Handle[Any], ...] = ()
    failure: ModelFailure | None = None
    """The failed model call that ended it."""


class Searcher:
    """Asks EverOS, and writes down what it says.

    Args:
        watch: Shared state.
        recall: Knows what was recalled.
        settings: Method and sizes.
    """

    def __init__(self, watch: Watch, recall: RecallHooks, settings: EverosSettings) -> None:
        self._watch, self._recall, self._settings = watch, recall, settings

    async def search(self, question: Handle[str]) -> Found:
        """The hits for a question, best first."""
        self._recall.begin(question)
        rows: list[dict[str, Any]] = []
        for owner in self._watch.lineage.owners:
            try:
                rows += await self._ask(question.value, owner)
            except expected_errors() as error:
                return self._failed(question, error)
        return self._fused(question, rows)

    def _failed(self, question: Handle[str], error: BaseException) -> Found:
        """EverOS's API answers such a search with an error, so there are no memories to show."""
        inputs = {"question": question, "hits": list(self._recall.found.values())}
        with Stage("search", kind="retrieval", inputs=inputs) as op:
            op.failed(type(error).__name__, str(error))
            said = op.output("error", str(error), kind="error")
        return Found(handles=(said,), failure=failure_of(error))

    async def _ask(self, text: str, owner: str) -> list[dict[str, Any]]:
        search = module("everos.memory.search")
        request = search.SearchRequest(
            user_id=owner, query=text, method=self._settings.retrieval,
            top_k=self._settings.top_k, include_profile=self._settings.include_profile,
        )  # fmt: skip
        data = (await module("everos.service.search").search(request)).data
        rows = []
        for episode in data.episodes:
            rows.append(self._row(episode.id, episode.episode, episode.score))
            rows += [self._row(fact.id, fact.content, fact.score) for fact in episode.atomic_facts]
        for profile in data.profiles:
            item = self._watch.item(f"profile_{profile.id}")
            if item in self._recall.found:  # as it was recalled, which a replay may have changed
                rows.append({"item": item, "text": self._recall.found[item].value, "score": 0.0})
        return rows

    def _row(self, identifier: str, text: str, score: float) -> dict[str, Any]:
        return {"item": self._watch.item(identifier), "text": text, "score": round(score, 6)}

    def _fused(self, question: Handle[str], rows: list[dict[str, Any]]) -> Found:
        recalled = dict(self._recall.found)
        if len(self._watch.lineage.owners) > 1:  # lists of several owners become one
            rows = sorted(rows, key=lambda row: -row["score"])
        rows = list({row["item"]: row for row in reversed(rows)}.values())[::-1]
        inputs: dict[str, Any] = {"question": question}
        if recalled:
            inputs["hits"] = list(recalled.values())
        if self._watch.lineage.store is not None:
            inputs["store"] = self._watch.lineage.store
        parameters = {"method": self._settings.retrieval, "top_k": self._settings.top_k}
        with Stage(
            "fuse", kind="retrieval", inputs=inputs, points=("hits",), parameters=parameters
        ) as op:
            live = self._watch.lineage.items
            settled = checked_hits(op.settle("hits", rows), op, live)
            known = {row["item"] for row in rows} | live.keys()
            if unknown := [row for row in settled if row["item"] not in known]:
                raise UserError(
                    f"hits at {op.place}: expected stored items ({', '.join(list(live)[:5])}, "
                    f"...); got {unknown[0]!r}"
                )
            handles = self._recall.record(op, settled)
        hits = tuple(
            Hit(
                item=row["item"], text=row["text"], score=row["score"], variable=handle.id,
                turns=self._watch.lineage.turns.get(row["item"], ()),
            )
            for row, handle in zip(settled, handles, strict=True)
        )  # fmt: skip
        return Found(hits, tuple(handles))

    def context(self, found: Found) -> Handle[str]:
        """The text that a model is shown: dated memories, as many as fit, best first."""
        parameters = {"context_tokens": self._settings.context_tokens}
        with Stage(
            "build_context", kind="context", inputs={"hits": list(found.handles)},
            points=("context",), parameters=parameters,
        ) as op:  # fmt: skip
            kept: list[str] = []
            cut: list[str] = []
            for hit in found.hits:
                block = self._written(hit)
                if approximate_tokens("\n".join([*kept, block])) > self._settings.context_tokens:
                    cut.append(hit.item)
                else:
                    kept.append(block)
            if cut:
                op.output("cut", cut, kind="trimmed")
            text = op.settle("context", "\n".join(kept))
            made: Handle[str] = op.output("context", text, kind="context")
        return made

    def _written(self, hit: Hit) -> str:
        if hit.item.startswith(self._watch.item("profile_")):
            return f"[profile]\n{hit.text}"
        day = self._watch.lineage.dates.get(hit.item, "")
        return f"[{day}] {hit.text}" if day else hit.text
