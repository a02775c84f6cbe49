"""Tracing a user's own EverOS app: its calls and its background work become operations.

In: the app (or `everos` itself), running in this process. Out: an attachment. Ids, times, prompts,
scheduling and storage stay the user's. Model calls go through the user's client, so a replay can
answer them from a recording. What was stored before is unknown to the trace: its hits are texts
without a history.

    app = create_app()
    async with app.router.lifespan_context(app):
        with attach_everos(app, name="support"), memtrace.record("runs/support/trace.db"):
            await everos.service.memorize(payload)
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

from lmcommon.errors import UserError
from memtrace.execution.places import Scope, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.scope import current_scope
from memtrace.graph.recording.tracing import variable
from memtrace.memory.everos.hooks import Hooks
from memtrace.memory.everos.lineage import Told
from memtrace.memory.everos.package import has_everos, module
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.recalling import checked_hits
from memtrace.memory.everos.users_model import traced_chat
from memtrace.memory.messages import record_query
from memtrace.memory.types import Query

__all__ = ["EverosAttachment", "attach", "attach_everos"]


def attach_everos(obj: object = None, name: str | None = None) -> EverosAttachment:
    """Trace a running EverOS app, until it is detached.

    Args:
        obj: The app, or a module of everos; None: whatever EverOS runs in this process.
        name: What traces call this memory; `everos` by default.

    Raises:
        UserError: EverOS is not here, or the object is nothing of it.
    """
    if not has_everos():
        raise UserError("attach: expected the package everos in this environment; it is not here")
    title = str(getattr(obj, "title", "") or getattr(obj, "__name__", ""))
    if obj is not None and not title.startswith("everos"):
        raise UserError(f"attach: expected an app or a module of everos; got {obj!r}")
    running = module("everos.service.memorize")._ome_engine
    if running is None or not running._started:
        raise UserError(
            "attach: expected an EverOS app that is running; attach inside "
            "`async with app.router.lifespan_context(app):`"
        )
    return EverosAttachment(name or "everos")


def attach(obj: object, name: str | None = None) -> EverosAttachment:
    """`attach_everos`, under the name that `memtrace.attach` looks for."""
    return attach_everos(obj, name)


class EverosAttachment:
    """EverOS of this process, traced. A context manager that detaches."""

    def __init__(self, name: str) -> None:
        self.scope = Scope(name)
        self._hooks = Hooks(name, {}, None, None, is_frozen=False)
        self._patches = Patches()
        self._keys: dict[int, str] = {}
        self._contexts: dict[str, contextvars.Context] = {}
        self._asking = asyncio.Lock()
        try:
            self._install()
        except BaseException:
            self._patches.undo()
            raise

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of everos."""
        return {"everos": version("everos")}

    def detach(self) -> None:
        """Put everything back as it was. Idempotent."""
        self._patches.undo()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.detach()

    def _install(self) -> None:
        self._hooks.install(self._patches)
        memorize = module("everos.service.memorize")
        client = module("everos.component.llm").get_llm_client()
        manager = module("everos.service.search")._get_manager()
        ome = memorize._get_engine()
        runner = module("everos.infra.ome._dispatch.runner").Runner
        for owner, name, hook in (
            (client, "chat", traced_chat),
            (memorize, "_memorize_locked", self._locked),
            (memorize, "_extract", self._extracting),
            (memorize, "prepare_cells", self._told),
            (memorize, "buffer_messages", self._told),
            (manager, "search", self._search),
            (ome, "_enqueue_run", self._enqueue),
            (runner, "run", self._run),
        ):
            self._patches.set(owner, name, hook(getattr(owner, name)))

    # Writing --------------------------------------------------------------------------------

    def _locked(self, original: Any) -> Any:
        async def memorize_locked(payload: Mapping[str, Any], **given: Any) -> Any:
            if current_scope() is None:
                return await original(payload, **given)
            session = str(payload["session_id"])
            lineage = self._hooks.watch.lineage
            number = lineage.said.get(session, 0)
            lineage.said[session] = number + 1
            key = self._keys[id(payload)] = f"add {session}/{number}"
            how = {name: bool(given.get(name)) for name in ("is_final", "defer_extraction")}
            with (
                within(key, scope=self.scope),
                Stage("memorize", kind="ingest", parameters={"session": session, **how}),
            ):
                return await original(payload, **given)

        return memorize_locked

    def _told(self, original: Any) -> Any:
        async def told(ingested: Any, **given: Any) -> Any:
            if current_scope() is not None:
                for message in ingested.messages:
                    said = f"{message.sender_name or message.sender_id}: {message.text}"
                    handle = variable(said, kind="message", name=message.message_id)
                    self._hooks.watch.lineage.messages[message.message_id] = Told(
                        message.message_id, handle
                    )
            return await original(ingested, **given)

        return told

    def _extracting(self, original: Any) -> Any:
        async def extract(payload: Mapping[str, Any], *given: Any, **how: Any) -> Any:
            key = self._keys.pop(id(payload), None)
            if key is None or current_scope() is None:
                return await original(payload, *given, **how)
            with within(key, scope=self.scope):
                return await original(payload, *given, **how)

        return extract

    def _enqueue(self, original: Any) -> Any:
        def enqueue_run(meta: Any, event: Any, run_id: str) -> None:
            if current_scope() is not None:
                self._contexts[run_id] = contextvars.copy_context()
            original(meta, event, run_id)

        return enqueue_run

    def _run(self, original: Any) -> Any:
        async def run(runner: Any, meta: Any, event: Any, *, run_id: str, **given: Any) -> None:
            """The scheduler has a context of its own; the work belongs to who caused it."""
            context = self._contexts.pop(run_id, None)
            work = original(runner, meta, event, run_id=run_id, **given)
            if context is None:
                await work
            else:
                loop = asyncio.get_running_loop()
                await loop.create_task(work, context=context)

        return run

    # Reading --------------------------------------------------------------------------------

    def _search(self, original: Any) -> Any:
        async def search(request: Any) -> Any:
            if current_scope() is None:
                return await original(request)
            query = Query(request.query, time=datetime.now(UTC).replace(tzinfo=None))
            async with self._asking:  # hits are kept by question
                with (
                    within(query.key, scope=self.scope, time=query.time),
                    Stage("ask", kind="ask", parameters={"questions": [query.text]}),
                ):
                    question = record_query(Query(query.text))
                    self._hooks.recall.begin(question)
                    response = await original(request)
                    return self._fused(question, response, request)

        return search

    def _fused(self, question: Any, response: Any, request: Any) -> Any:
        watch, recall = self._hooks.watch, self._hooks.recall
        episodes = {watch.item(one.id): one for one in response.data.episodes}
        rows = [
            {"item": item, "text": one.episode, "score": round(one.score, 6)}
            for item, one in episodes.items()
        ]
        inputs = {"question": question, "hits": list(recall.found.values())}
        with Stage(
            "fuse", kind="retrieval", inputs=inputs, points=("hits",),
            parameters={"method": str(request.method.value), "top_k": request.top_k},
        ) as op:  # fmt: skip
            settled = checked_hits(op.settle("hits", rows), op, watch.lineage.items)
            if unknown := [row for row in settled if row["item"] not in episodes]:
                raise UserError(
                    f"hits at {op.place}: expected episodes that were recalled "
                    f"({', '.join(episodes)}); got {unknown[0]!r}"
                )
            recall.record(op, settled)
        if settled == rows:
            return response
        kept = [
            episodes[row["item"]].model_copy(update={"episode": row["text"], "score": row["score"]})
            for row in settled
        ]
        data = response.data.model_copy(update={"episodes": kept})
        return response.model_copy(update={"data": data})
